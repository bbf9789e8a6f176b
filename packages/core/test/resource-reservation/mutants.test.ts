import { describe, expect, test } from 'vitest';
import type { resourceReservation } from '../../src/index.js';
import { whereIsWhat } from './cluster-checks.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import * as mutants from './mutants.js';
import { falseGrant, granted, smallCase } from './small-cases.js';
import { hostOf, machineOf } from './script.js';

type Policy = typeof resourceReservation;

function cluster(policy: Policy | undefined, more: Partial<ClusterOptions> = {}): Cluster {
  const made = new Cluster({
    hosts: [hostOf('h1', 8_000, 16_384), hostOf('h2', 3_000, 16_384)],
    machines: [machineOf('db', 'h1', 4, 2_000, 4_096)],
    ...(policy === undefined ? {} : { policy }),
    ...more,
  });
  made.claimsFirst = true;
  return made;
}

function lose(one: Cluster, hostId: string, loss: 'all-paths-down' | 'permanent-device-loss'): void {
  const incidentId = `${hostId}-${String(one.now)}`;
  one.give(hostId, { kind: 'component-lost', incidentId, component: 'datastore:gold', loss });
}

function where(one: Cluster, machineId = 'db'): string {
  const machine = one.machines.get(machineId);
  return machine?.power === 'running' ? machine.hostId : (machine?.power ?? 'gone');
}

/** Runs the story with the policy and with the mutant: it has to be as it should, and then not. */
function caught(mutant: Policy, story: (policy?: Policy) => string, good: string): void {
  expect(story()).toBe(good);
  let bad: string;
  try {
    bad = story(mutant);
  } catch (error) {
    bad = error instanceof Error ? error.message : String(error);
  }
  expect(bad).not.toBe(good);
}

const two = [machineOf('db', 'h1', 4, 2_000, 4_096), machineOf('mail', 'h2', 2, 2_000, 4_096)];
const three = [
  hostOf('h1', 8_000, 16_384),
  hostOf('h2', 8_000, 16_384, ['x']),
  hostOf('h3', 3_000, 16_384, ['x']),
];

describe('each guard, taken out', () => {
  test('room is made firm before anything is ended', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy);
      lose(one, 'h1', 'permanent-device-loss');
      one.pass(10_000);
      return where(one);
    };
    caught(mutants.endsWithoutClaim, story, 'h2');
  });

  test('an old ask that comes late changes nothing', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy);
      lose(one, 'h1', 'all-paths-down');
      one.pass(150_000);
      const ask = one.asks.at(-1);
      one.give('h1', { kind: 'component-restored', component: 'datastore:gold' });
      one.pass(5_000);
      if (ask !== undefined) one.giveCoordinator({ kind: 'ask-received', ask });
      one.pass(5_000);
      return whereIsWhat(one);
    };
    caught(mutants.hearsOldAsks, story, 'db: h1\nledger: empty');
  });

  test('nothing is answered before it is durable', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy);
      one.diskFailsOf = 'coordinator';
      lose(one, 'h1', 'permanent-device-loss');
      one.pass(60_000);
      return where(one);
    };
    caught(mutants.answersBeforeTheDisk, story, 'h1');
  });

  test('nothing is ended before that is durable', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy);
      one.diskFailsOf = 'h1';
      lose(one, 'h1', 'permanent-device-loss');
      one.pass(900);
      // The agent restarts while the machine is being ended, and nothing is lost any more.
      one.diskFailsOf = undefined;
      one.startAgent('h1');
      one.pass(120_000);
      return where(one) === 'failed' ? 'down and forgotten' : 'runs';
    };
    caught(mutants.endsBeforeTheDisk, story, 'runs');
  });

  test('feasibility is per host', () => {
    const wrong = (policy?: Policy): string => {
      let found = 0;
      for (let seed = 1; seed <= 100; seed += 1) {
        const small = smallCase(seed);
        if (falseGrant(small, granted(small, policy)) !== undefined) found += 1;
      }
      return found === 0 ? 'no false grant' : 'false grants';
    };
    caught(mutants.countsBySums, wrong, 'no false grant');
    caught(mutants.overheadIsFree, wrong, 'no false grant');
    caught(mutants.trustsHostsThatHaveNotReported, wrong, 'no false grant');
  });

  test('a denial stands through silence', () => {
    const story = (policy?: Policy): string => {
      const agent = { onAllPathsDown: 'aggressive' } as const;
      const one = cluster(policy, { agent, hosts: [hostOf('h1', 8_000, 16_384), hostOf('h2', 100, 16_384)] });
      one.claimsFirst = false;
      lose(one, 'h1', 'all-paths-down');
      one.pass(150_000);
      one.cut.add('h1');
      one.pass(300_000);
      return where(one);
    };
    caught(mutants.silenceForgetsTheDenial, story, 'h1');
  });

  test('nothing is sent to where it is broken as well', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy);
      lose(one, 'h2', 'permanent-device-loss');
      one.pass(100);
      lose(one, 'h1', 'permanent-device-loss');
      one.pass(10_000);
      return one.lines.some((line) => line.endsWith('terminate-machine')) ? 'ended for nothing' : 'kept';
    };
    caught(mutants.forgetsWhereItIsBroken, story, 'kept');
  });

  test('a machine that does not end is not started elsewhere', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy);
      one.stuck.add('db');
      lose(one, 'h1', 'permanent-device-loss');
      one.pass(120_000);
      return where(one);
    };
    caught(mutants.stuckCountsAsEnded, story, 'h1');
  });

  test('a claim has no end', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy, {
        hosts: three,
        machines: [two[0]!, { ...two[1]!, needs: ['datastore:gold', 'x'] }],
      });
      one.stuck.add('db');
      lose(one, 'h1', 'permanent-device-loss');
      one.pass(100);
      one.cut.add('h1');
      one.pass(100_000);
      return (
        one.ledger?.reservations.map(({ machine, phase }) => `${machine.machineId} ${phase}`).join() ?? ''
      );
    };
    caught(mutants.claimsExpire, story, 'db claimed');
  });

  test('what is reserved is not given to somebody else', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy);
      lose(one, 'h1', 'all-paths-down');
      one.pass(150_000);
      const { power: _power, hostId: _hostId, ...machine } = machineOf('big', 'h2', 2, 2_000, 1_024);
      one.giveCoordinator({ kind: 'admission-asked', askId: 'a', hostId: 'h2', machine });
      one.pass(100);
      return one.lines.some((line) => line.endsWith(': allowed.')) ? 'allowed' : 'refused';
    };
    caught(mutants.admitsBesideReservations, story, 'refused');
  });

  test('what runs and is not seen yet is counted', () => {
    const story = (policy?: Policy): string => {
      const one = cluster(policy, { hosts: three, machines: [two[0]!, two[1]!] });
      one.machines.set('mail', { ...two[1]!, needs: ['datastore:gold', 'x'] });
      one.frozenInventory = one.snapshot();
      lose(one, 'h1', 'permanent-device-loss');
      one.pass(10_000);
      lose(one, 'h2', 'permanent-device-loss');
      one.pass(10_000);
      return 'no host is promised too much';
    };
    caught(mutants.forgetsWhatRunsUnseen, story, 'no host is promised too much');
  });
});
