import { describe, expect, test } from 'vitest';
import { bases } from '../../test/group/bases.js';
import { move } from '../../test/group/happenings.js';
import { every, fresh, ids, World } from '../../test/group/world.js';
import { HoldfastError, OptionsError } from '../errors/index.js';
import { lan } from '../policies/ttl-polarization/index.js';
import {
  consistencyGroup,
  groupLockOf,
  validateGroupOptions,
  type GroupEffect,
  type GroupFact,
  type GroupOptions,
  type GroupState,
} from './index.js';

const options: GroupOptions = {
  groupId: 'g',
  nodeId: 'a',
  peerId: 'b',
  incarnation: 1,
  bootId: 'a1',
  machineBootId: 'machine-a-1',
  lineageSeed: 's',
  pristine: true,
  timing: lan,
  record: fresh('a'),
};

describe('what is named takes part, and nothing else', () => {
  test('a group of fault handling alone has no other part, and absorbs what is said to one', () => {
    const state = consistencyGroup.init(options, 0);
    expect(Object.keys(state)).not.toContain('planned');
    const { state: after, effects } = consistencyGroup.step(state, {
      kind: 'part',
      policy: 'planned-failover',
      fact: { kind: 'command', commandId: 'c', command: { kind: 'status' } },
      at: 0,
      sequence: 1,
    });
    expect(after.absorbed).toEqual({ 'planned-failover': 1 });
    expect(effects.every((effect) => effect.kind !== 'part' || effect.policy === 'ttl-polarization')).toBe(
      true,
    );
  });

  test('options that contradict each other are refused, with the numbers', () => {
    const check = (change: Partial<GroupOptions>) => (): void =>
      validateGroupOptions({ ...options, ...change });
    expect(check({ record: { ...options.record, preferred: 'c' } })).toThrow(TypeError);
    expect(check({ swapRecovery: { first: 'c' } })).toThrow(TypeError);
    expect(check({ mediatorFallback: { mediators: ['m'] }, faultModel: { kind: 'mediator' } })).toThrow(
      TypeError,
    );
    expect(check({ persistRetryMs: 0 })).toThrow(OptionsError);
    expect(check({ swapRecovery: { first: 'a', tuning: { freezeTimeoutMs: 10 } } })).toThrow('G2');
    expect(check({})).not.toThrow();
  });

  test('a record or a state of another release is left as it is', () => {
    const record = { ...options.record, version: 2 as unknown as 1 };
    expect(() => consistencyGroup.init({ ...options, record }, 0)).toThrow(HoldfastError);
    const state = { ...consistencyGroup.init(options, 0), version: 2 as unknown as 1 };
    expect(() => consistencyGroup.step(state, { kind: 'tick', at: 0, sequence: 1 })).toThrow(
      'Nothing was changed',
    );
  });
});

describe('one record', () => {
  test('what the policies write stands in one record, and each life reads it back', () => {
    const world = new World({ policies: every }).mirrored();
    move(world, 'a', 'move');
    world.until(() => world.nodes.a.disk.operation !== undefined);
    const { disk } = world.nodes.a;
    expect(disk.operation).toMatchObject({ policy: 'planned-failover', source: { operationId: 'move' } });
    world.crash('a');
    world.start('a');
    const { live } = world.nodes.a;
    expect(groupLockOf(live)?.operationId).toBe('move');
    expect(live.planned?.record.roles).toMatchObject({ epoch: disk.epoch, lineageId: disk.lineageId });
    expect(live.swap?.record.epoch).toBe(disk.epoch);
  });

  test('only one write is on its way, and a failed one is repeated whole', () => {
    const world = new World({ policies: every }).mirrored();
    const node = world.nodes.a;
    node.failWrites = true;
    move(world, 'a', 'move');
    world.run(1_500);
    const writes = node.said.filter((effect) => effect.kind === 'persist');
    expect(node.live.saving?.record.operation).toBeDefined();
    expect(writes.at(-1)?.because.kind).toBe('by-policy');
    node.failWrites = false;
    world.run(2_000);
    expect(node.disk.epoch).toBe(3);
    expect(node.disk.preferred).toBe('b');
  });

  test('wishes keep their reasons and have ids of their own', () => {
    const world = new World({ policies: every }).mirrored();
    move(world, 'a', 'move');
    world.run(100);
    for (const id of ids) {
      const { said } = world.nodes[id];
      expect(new Set(said.map((effect) => effect.id)).size).toBe(said.length);
      for (const effect of said) {
        if (effect.kind === 'part') expect(effect.because).toBe(effect.effect.because);
        expect(consistencyGroup.explain(effect)).toMatch(/\.$|\)$|[a-z0-9]$/i);
      }
    }
  });
});

/** One of every kind, well-typed, and none of them expected by anybody. */
const strangers: readonly GroupFact[] = [
  { kind: 'tick' },
  { kind: 'peer-disconnected', session: 99, cause: '' },
  { kind: 'peer-message', session: 99, message: { kind: 'order-taken', epoch: 1 } },
  { kind: 'peer-message', session: 1, message: { kind: 'order-taken', epoch: 1 } },
  {
    kind: 'peer-message',
    session: 1,
    message: { kind: 'order-passed', epoch: 3, lineageId: 'x', fromEpoch: 2, sequencer: 'a' },
  },
  { kind: 'persisted', effect: 'x' },
  { kind: 'persist-failed', effect: 'x', detail: '' },
  {
    kind: 'copy-reported',
    report: {
      generation: 0,
      outOfSyncBytes: 0,
      totalBytes: 0,
      copiedBytes: 0,
      dirtiedBytes: 0,
      copyErrors: 0,
    },
  },
  { kind: 'host-facts-changed', facts: { hostIops: 1, hostLatencyMs: 1, hardwareRank: 1 } },
  { kind: 'part', policy: 'ttl-polarization', fact: { kind: 'drained', effect: 'x' } },
  { kind: 'part', policy: 'ttl-polarization', fact: { kind: 'clock-stalled', stalledMs: 1e4 } },
  {
    kind: 'part',
    policy: 'ttl-polarization',
    fact: { kind: 'resync-caught-up', effect: 'x', movedBytes: 0 },
  },
  {
    kind: 'part',
    policy: 'ttl-polarization',
    fact: { kind: 'peer-message', session: 1, message: { kind: 'offer-win', epoch: 9, lineageId: 'x' } },
  },
  {
    kind: 'part',
    policy: 'ttl-polarization',
    fact: { kind: 'command', commandId: 'c', command: { kind: 'handover' } },
  },
  {
    kind: 'part',
    policy: 'ttl-polarization',
    fact: { kind: 'command', commandId: 'c', command: { kind: 'pause' } },
  },
  {
    kind: 'part',
    policy: 'mediator-fallback',
    fact: { kind: 'mediated', effect: 'x', answer: { kind: 'granted' } },
  },
  {
    kind: 'part',
    policy: 'mediator-fallback',
    fact: { kind: 'command', commandId: 'c', command: { kind: 'prefer' } },
  },
  {
    kind: 'part',
    policy: 'mediator-fallback',
    fact: {
      kind: 'command',
      commandId: 'c',
      command: { kind: 'force-survivor', expectedGeneration: 1, acknowledgeDataLoss: true },
    },
  },
  { kind: 'part', policy: 'swap-recovery', fact: { kind: 'hosts-switched', effect: 'x', failedHosts: [] } },
  { kind: 'part', policy: 'swap-recovery', fact: { kind: 'change-map-lost' } },
  { kind: 'part', policy: 'planned-failover', fact: { kind: 'drained', effect: 'x', barrierSequence: 1 } },
  {
    kind: 'part',
    policy: 'planned-failover',
    fact: {
      kind: 'peer-message',
      session: 1,
      message: { kind: 'test-and-set', operationId: 'x', fromEpoch: 2 },
    },
  },
  { kind: 'part', policy: 'latency-failback', fact: { kind: 'survivor-pinned', effect: 'x' } },
  { kind: 'part', policy: 'latency-failback', fact: { kind: 'secondary-ended', how: 'exit-observed' } },
];

describe('every fact in every state', () => {
  const states: (readonly [string, GroupState])[] = Object.entries(bases).flatMap(([name, make]) => {
    const world = make();
    return ids
      .filter((id) => world.nodes[id].isRunning)
      .map((id) => [`${name}, node ${id}`, world.nodes[id].live] as const);
  });

  test.each(states)('%s', (_name, state) => {
    for (const [index, fact] of strangers.entries()) {
      const event = { ...fact, at: state.now + 1, sequence: 1_000_000 + index };
      const frozen = JSON.stringify(state);
      const { state: after, effects }: { state: GroupState; effects: readonly GroupEffect[] } =
        consistencyGroup.step(state, event);
      expect(JSON.stringify(state), fact.kind).toBe(frozen);
      for (const effect of effects) expect(consistencyGroup.explain(effect)).toMatch(/\S/);
      for (const invariant of consistencyGroup.invariants)
        expect(invariant.check(after), `${invariant.name} after ${JSON.stringify(fact)}`).toBeUndefined();
    }
  });
});
