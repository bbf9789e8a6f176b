import { describe, expect, test } from 'vitest';
import {
  applianceUpgrade,
  type ApplianceUpgradeState,
  type UpgradeEffect,
  type UpgradeEvent,
} from '../../src/index.js';
import { Plant, type PlantOptions } from './plant.js';

type Policy = typeof applianceUpgrade;

interface Mutation {
  readonly before?: (state: ApplianceUpgradeState, event: UpgradeEvent) => ApplianceUpgradeState;
  readonly after?: (state: ApplianceUpgradeState, before: ApplianceUpgradeState) => ApplianceUpgradeState;
  readonly event?: (event: UpgradeEvent) => UpgradeEvent;
  readonly effect?: (effect: UpgradeEffect) => UpgradeEffect;
}

/** The policy with one guard taken out, from outside, and without the invariants that would see it first. */
function without(mutation: Mutation): Policy {
  const same = <Value>(value: Value): Value => value;
  const { before = same, after = same, event: changeEvent = same, effect = same } = mutation;
  return {
    ...applianceUpgrade,
    invariants: [],
    step: (state, given) => {
      const event = changeEvent(given);
      const step = applianceUpgrade.step(before(state, event), event);
      return { state: after(step.state, state), effects: step.effects.map(effect) };
    },
  };
}

function patched(
  state: ApplianceUpgradeState,
  change: Partial<NonNullable<ApplianceUpgradeState['record']>>,
): ApplianceUpgradeState {
  return state.record === undefined ? state : { ...state, record: { ...state.record, ...change } };
}

const pretendDone = (...steps: readonly string[]): Policy =>
  without({
    before: (state, event) =>
      state.record === undefined || event.kind === 'command'
        ? state
        : patched(state, {
            done: [...new Set([...state.record.done, ...steps])],
            begun: [...new Set([...state.record.begun, ...steps])],
            undone: [...new Set([...state.record.undone, ...steps])],
          }),
  });

/** The step is answered as done, and nothing happens. */
const skipping = (action: 'fence-second' | 'stop-first'): Policy =>
  without({
    effect: (effect) =>
      effect.kind === 'run' && effect.action === action ? { ...effect, action: 'precheck' } : effect,
  });

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

function plant(policy: Policy | undefined, prepare: (one: Plant) => void, given: PlantOptions = {}): Plant {
  const one = new Plant({ ...given, ...(policy === undefined ? {} : { policy }) });
  prepare(one);
  one.start();
  one.pass(600_000);
  return one;
}

const reverted = 'first serves, second does not serve; to the byte; reverted';
const told = (one: Plant): string => {
  const serves = (yes: boolean): string => (yes ? 'serves' : 'does not serve');
  const bytes = one.contents() === one.baseline ? 'to the byte' : 'changed';
  const { first, second } = one.serves;
  return `first ${serves(first)}, second ${serves(second)}; ${bytes}; ${one.state.record?.end ?? 'open'}`;
};

describe('each guard, taken out', () => {
  test('the first appliance waits until the second has stopped', () => {
    const story = (policy?: Policy) =>
      told(plant(policy, (one) => one.troubles.push({ step: 'check-second', what: 'final', times: 1 })));
    caught(pretendDone('stop-second'), story, reverted);
  });

  test('who does not confirm its end is cut off', () => {
    const trouble = [
      { step: 'check-second', what: 'final', times: 1 },
      { step: 'stop-second', what: 'silent', times: 1 },
    ] as const;
    const story = (policy?: Policy) =>
      told(plant(policy, (one) => one.troubles.push(...trouble.map((each) => ({ ...each })))));
    const assumesTheEnd = skipping('fence-second');
    caught(assumesTheEnd, story, reverted);
  });

  test('the identity comes home before the first appliance starts', () => {
    const story = (policy?: Policy) =>
      told(plant(policy, (one) => one.troubles.push({ step: 'check-second', what: 'final', times: 1 })));
    caught(pretendDone('return-identity'), story, reverted);
  });

  test('a move of the identity has a higher number than the one before', () => {
    const sameNumber = without({
      effect: (effect) => (effect.kind === 'run' ? { ...effect, identityEpoch: 2 } : effect),
    });
    const story = (policy?: Policy) =>
      told(plant(policy, (one) => one.troubles.push({ step: 'check-second', what: 'final', times: 1 })));
    caught(sameNumber, story, reverted);
  });

  test('the replica is verified before anybody starts on it', () => {
    const story = (policy?: Policy) => told(plant(policy, () => undefined));
    caught(pretendDone('verify-replica'), story, 'first does not serve, second serves; changed; open');
  });

  test('the last delta comes after the stop', () => {
    const story = (policy?: Policy) => told(plant(policy, () => undefined));
    caught(pretendDone('send-final-delta'), story, 'first does not serve, second serves; changed; open');
  });

  test('there are snapshots before anything is expanded', () => {
    const story = (policy?: Policy) => told(plant(policy, () => undefined));
    caught(pretendDone('snapshot'), story, 'first does not serve, second serves; changed; open');
  });

  test('what has begun is undone, not only what was confirmed', () => {
    const onlyConfirmed = without({
      after: (state) =>
        state.record?.direction === 'back' ? patched(state, { begun: state.record.done }) : state,
    });
    const story = (policy?: Policy) =>
      told(plant(policy, (one) => one.troubles.push({ step: 'expand:add-column', what: 'final', times: 1 })));
    caught(onlyConfirmed, story, reverted);
  });

  test('a stop that was begun and not confirmed is done again before volumes are exchanged', () => {
    const begunIsDone = skipping('stop-first');
    const story = (policy?: Policy) =>
      told(plant(policy, (one) => one.troubles.push({ step: 'quiesce-first', what: 'final', times: 1 })));
    caught(begunIsDone, story, reverted);
  });

  test('no step begins before its record is durable', () => {
    const beforeTheDisk = without({
      effect: (effect) => {
        if (effect.kind !== 'run') return effect;
        const { after: _after, ...rest } = effect;
        return rest;
      },
    });
    const story = (policy?: Policy): string => {
      const one = new Plant(policy === undefined ? {} : { policy });
      one.diskFails = true;
      one.start();
      one.pass(60_000);
      return one.ran.join(' ');
    };
    caught(beforeTheDisk, story, '');
  });

  test('one operation at a time', () => {
    const forgetsTheFirst = without({
      before: (state, event) =>
        event.kind === 'command' && event.command.kind === 'start' && state.record !== undefined
          ? patched(state, { end: 'reverted' })
          : state,
    });
    const story = (policy?: Policy): string => {
      const one = new Plant(policy === undefined ? {} : { policy });
      one.troubles.push({ step: 'self-test-first', what: 'silent', times: 9 });
      one.start();
      one.pass(30_000);
      const attempt = one.state.record?.attempt;
      one.start();
      return `attempt ${String(attempt)}, then ${String(one.state.record?.attempt)}`;
    };
    caught(forgetsTheFirst, story, 'attempt 1, then 1');
  });

  test('what is committed does not go back', () => {
    const forgetsTheCommit = without({
      before: (state, event) => (event.kind === 'command' ? patched(state, { isCommitted: false }) : state),
    });
    const story = (policy?: Policy): string => {
      const one = plant(policy, (fresh) =>
        fresh.troubles.push({ step: 'contract-second', what: 'silent', times: 1 }),
      );
      one.command({ kind: 'confirm' });
      one.pass(100);
      one.command({ kind: 'abort', acceptLoss: true });
      return one.state.record?.direction ?? '';
    };
    caught(forgetsTheCommit, story, 'forward');
  });

  test('an answer to a step that is not under way moves nothing', () => {
    const anyAnswerCounts = without({
      before: (state, event) =>
        event.kind === 'step-done' && state.running !== undefined
          ? { ...state, running: { ...state.running, effect: event.effect } }
          : state,
    });
    const story = (policy?: Policy): string => {
      const one = new Plant(policy === undefined ? {} : { policy });
      one.start();
      one.pass(60);
      one.dispatch({ kind: 'step-done', effect: 'g/lcm/1/1/1' });
      return String(one.state.record?.done.length);
    };
    caught(anyAnswerCounts, story, '4');
  });
});
