import { describe, expect, test } from 'vitest';
import type { poolDevices, PoolDevicesEffect } from '../../src/index.js';
import { Bench } from './bench.js';
import { explore } from './explore.js';
import { brokenIn, deviceOf, poolOf, type Lab } from './lab.js';
import * as mutants from './mutants.js';
import { labFrom, requestFrom, show } from './story.js';
import { honest, systemOf, type Rules } from './system.js';

type Policy = typeof poolDevices;

/** Each guard has a story in which nothing goes wrong, and the same story goes wrong when the guard is taken out. */
function caught(story: (policy?: Policy) => void, mutant: Policy, what: RegExp): void {
  expect(() => {
    story();
  }).not.toThrow();
  expect(() => {
    story(mutant);
  }).toThrow(what);
}

const devices = `appliances A B
device L1 chassis=0 slot=20
device L2 chassis=0 slot=21
device C1 chassis=0 slot=22`;

function benchOf(pools: string, policy: Policy | undefined): Bench {
  const bench = new Bench(labFrom(`${devices}\n${pools}`), policy === undefined ? {} : { policy });
  bench.watch = () => {
    const broken = brokenIn(bench.lab);
    if (broken !== undefined) throw new Error(broken);
  };
  bench.start();
  return bench;
}

function ask(bench: Bench, text: string, requestId = 'job'): void {
  bench.dispatch({ kind: 'requested', requestId, request: requestFrom(text) });
}

const outcomeOf = (bench: Bench): string => bench.disk.jobs[0]?.ended?.outcome ?? 'none';

describe('a guard that is taken out is missed', () => {
  test('silence proves nothing', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A cache=C1 registry=no\npool pB on=B', policy);
      bench.lab.silent = ['A'];
      ask(bench, 'add to=B/pB caches=C1');
      bench.run();
    };
    caught(story, mutants.silenceIsAnEmptyView, /device C1 is in pA and pB/);
  });

  test('one leg of a mirror never leaves alone', () => {
    const story = (policy?: Policy): string => {
      const bench = benchOf('pool pA on=A log=L1+L2', policy);
      ask(bench, 'remove from=A/pA devices=L1');
      bench.run();
      return outcomeOf(bench);
    };
    expect(story()).toBe('done');
    expect(story(mutants.legsStandAlone)).not.toBe('done');
  });

  test('a claim that was refused is none', () => {
    const lab = (): Lab => labFrom(`${devices}\npool pA on=A cache=C1\npool pB on=B\npool pC on=B`);
    const story = (policy: Policy = honest.policy): void => {
      const rules: Rules = { ...honest, policy };
      const asked = ['move from=A/pA to=B/pB devices=C1', 'add to=B/pC caches=C1'].map((text, index) => [
        { id: `j${String(index)}`, request: requestFrom(text) },
      ]);
      const budget = { crashes: 0, faults: 0, cancels: 0 };
      const { broken } = explore(systemOf(lab(), asked, budget, rules), rules);
      if (broken !== undefined) throw new Error(broken);
    };
    caught(story, mutants.claimsWithoutAsking, /device C1 is in pB and pC/);
  });

  test('a label that claims its pool is cleared first', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1+L2\npool pB on=B', policy);
      deviceOf(bench.lab, 'L2').seenBy = [];
      ask(bench, 'remove from=A/pA devices=L1', 'out');
      bench.run();
      deviceOf(bench.lab, 'L2').seenBy = ['A', 'B'];
      ask(bench, 'add to=B/pB logs=L2', 'in');
      bench.run(60_000);
      const logs = poolOf(bench.lab, 'pB').logs.length;
      if (logs !== 1) throw new Error(`pool pB has ${String(logs)} logs\n${show(bench.lab)}`);
    };
    caught(story, mutants.labelsAreNotRead, /pool pB has 0 logs|its label is not free/);
  });

  test('no command without a claim', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1', policy);
      poolOf(bench.lab, 'pA').state = 'suspended';
      ask(bench, 'remove from=A/pA devices=L1');
      bench.run(10_000);
      bench.registryAway = true;
      bench.run(120_000);
      poolOf(bench.lab, 'pA').state = 'online';
      bench.run(5_000);
      if (poolOf(bench.lab, 'pA').logs.length === 0) throw new Error('a command was sent without a claim');
    };
    caught(story, mutants.claimsNeverRunOut, /without a claim/);
  });

  test('what may have been sent is remembered', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1 cache=C1\npool pB on=B', policy);
      ask(bench, 'move from=A/pA to=B/pB devices=L1,C1');
      bench.run();
      if (outcomeOf(bench) !== 'done') throw new Error(`it ended ${outcomeOf(bench)}\n${show(bench.lab)}`);
    };
    caught(story, mutants.beginningIsForgotten, /it ended unchanged/);
  });

  test('what goes back has the profile that it had', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1+L2\npool pB on=B', policy);
      bench.faults.push({
        command: 'add-unit',
        fault: { kind: 'refuse', refusal: { code: 'unsupported', retryable: false, detail: 'no' } },
      });
      ask(bench, 'move from=A/pA to=B/pB devices=L1 log-layout=striped');
      bench.run();
      const [log] = poolOf(bench.lab, 'pA').logs;
      if (log?.legs.length !== 2) throw new Error(`the mirror is none any more\n${show(bench.lab)}`);
    };
    caught(story, mutants.restoresTheNewProfile, /the mirror is none any more/);
  });

  test('tries are counted', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1\npool pB on=B', policy);
      for (let time = 0; time < 50; time += 1) {
        bench.faults.push({
          command: 'add-unit',
          fault: { kind: 'unknown', applied: false },
        });
      }
      ask(bench, 'move from=A/pA to=B/pB devices=L1');
      bench.run(2_000);
      const sent = 50 - bench.faults.length;
      if (sent > 6) throw new Error(`${String(sent)} commands were sent`);
    };
    caught(story, mutants.triesForEver, /commands were sent/);
  });

  test('a plan is looked at again under its claim', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A cache=C1\npool pB on=B\npool pC on=B', policy);
      ask(bench, 'move from=A/pA to=B/pB devices=C1');
      // Planned at 6 ms, under the claim at 9 ms: in between somebody types at the appliance.
      bench.run(7);
      poolOf(bench.lab, 'pA').caches = [];
      bench.run();
      if (outcomeOf(bench) !== 'unchanged') throw new Error(`it ended ${outcomeOf(bench)}`);
    };
    caught(story, mutants.noLookUnderTheClaim, /it ended done/);
  });

  test('nothing leaves when the dry run was refused', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1\npool pB on=B', policy);
      bench.rehearsalRefusals = [{ code: 'unsupported', retryable: false, detail: 'feature is off' }];
      ask(bench, 'move from=A/pA to=B/pB devices=L1');
      bench.run();
      if (poolOf(bench.lab, 'pA').logs.length === 0) throw new Error('the log left for nothing');
    };
    caught(story, mutants.rehearsalIsIgnored, /the log left for nothing/);
  });

  test('what has joined has to work', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1\npool pB on=B', policy);
      ask(bench, 'move from=A/pA to=B/pB devices=L1');
      bench.watch = () => undefined;
      // The device joins, and its label is damaged before anybody looks.
      while (poolOf(bench.lab, 'pB').logs.length === 0 && bench.now < 5_000) bench.run(1);
      deviceOf(bench.lab, 'L1').label = { kind: 'none' };
      bench.run();
      if (outcomeOf(bench) === 'done') throw new Error('a faulted log counts as moved');
    };
    caught(story, mutants.membersAreNotChecked, /a faulted log counts as moved/);
  });

  test('the registry knows the owner of a cache whose pool is away', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A cache=C1\npool pB on=B', policy);
      poolOf(bench.lab, 'pA').importedAt = [];
      ask(bench, 'add to=B/pB caches=C1');
      bench.run();
    };
    caught(story, mutants.ownersAreIgnored, /device C1 is in pA and pB/);
  });

  test('a pool that cannot change is waited for, not asked', () => {
    const story = (policy?: Policy): void => {
      const bench = benchOf('pool pA on=A log=L1', policy);
      poolOf(bench.lab, 'pA').state = 'suspended';
      ask(bench, 'remove from=A/pA devices=L1');
      bench.run(60_000);
      poolOf(bench.lab, 'pA').state = 'online';
      bench.run();
      if (outcomeOf(bench) !== 'done') throw new Error(`it ended ${outcomeOf(bench)}`);
    };
    caught(story, mutants.poolsAreNotAsked, /it ended unchanged/);
  });

  test('a record that is not durable when it says so is no record', () => {
    const story = (policy?: Policy): void => {
      const rules: Rules = { ...honest, trueDisk: policy === undefined };
      const lab = labFrom(`${devices}\npool pA on=A log=L1 cache=C1\npool pB on=B`);
      const asked = [[{ id: 'm1', request: requestFrom('move from=A/pA to=B/pB devices=L1,C1') }]];
      const { ends, dead } = explore(
        systemOf(lab, asked, { crashes: 1, faults: 0, cancels: 0 }, rules),
        rules,
      );
      for (const { controllers, lab: after } of ends) {
        const outcome = controllers[0]?.state?.jobs[0]?.record.ended?.outcome;
        const isWhole = poolOf(after, 'pB').caches.length === 1 && poolOf(after, 'pB').logs.length === 1;
        if (dead > 0 || outcome !== 'done' || !isWhole)
          throw new Error(`it ended ${String(outcome)}\n${show(after)}`);
      }
    };
    caught(story, honest.policy, /it ended unchanged/);
  });
});

test('no command ever asks for force, and each names one unit', () => {
  const bench = benchOf('pool pA on=A log=L1+L2 cache=C1\npool pB on=B', undefined);
  const seen: PoolDevicesEffect[] = [];
  ask(bench, 'move from=A/pA to=B/pB devices=L1,C1');
  bench.run();
  for (const { options, at, events } of bench.lives) {
    let state = honest.policy.init(options, at);
    for (const event of events) {
      const step = honest.policy.step(state, event);
      seen.push(...step.effects);
      state = step.state;
    }
  }
  const commands = seen.filter((effect) => effect.kind === 'command');
  expect(commands.length).toBe(4);
  for (const { command } of commands) {
    expect(JSON.stringify(command)).not.toMatch(/force/i);
    expect(Object.keys(command).sort()).toEqual(
      command.kind === 'add-unit' ? ['at', 'kind', 'unit'] : ['at', 'kind', 'unit', 'vdev'],
    );
  }
});
