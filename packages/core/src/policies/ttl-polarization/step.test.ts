import { beforeEach, describe, expect, test } from 'vitest';
import { World } from '../../../test/support/world.js';
import {
  describe as status,
  explain,
  freshRecord,
  gateOf,
  introduce,
  lan,
  readableUntil,
  ttlPolarization,
  whoWouldWinNow,
  type PolarizationEffect,
  type PolarizationEvent,
  type PolarizationFact,
  type PolarizationState,
} from './index.js';
import { debounce } from './health.js';

let world: World;
let sequence: number;

/** One more event for a state that a run has reached. */
function step(
  state: PolarizationState,
  fact: PolarizationFact,
  at = state.now,
): { state: PolarizationState; effects: readonly PolarizationEffect[] } {
  const event: PolarizationEvent = { ...fact, at, sequence: (sequence += 1) };
  return ttlPolarization.step(state, event);
}

beforeEach(() => {
  sequence = 10_000;
  world = new World();
  world.start('a');
  world.start('b');
  world.runUntil(1_000);
});

describe('the driver can rely on', () => {
  test('the same wishes with the same ids for the same event', () => {
    const state = world.nodes.a.live;
    const event: PolarizationEvent = {
      kind: 'leg-failed',
      operation: 'write',
      detail: 'EIO',
      at: state.now,
      sequence: 77,
    };
    const once = ttlPolarization.step(state, event);
    expect(ttlPolarization.step(state, event)).toEqual(once);
    expect(once.effects.map(({ id }) => id)).toEqual(
      once.effects.map((_, index) => `g/a/1/77/${String(index)}`),
    );
  });

  test('a state that nobody writes to', () => {
    const freeze = (value: object): void => {
      for (const part of Object.values(value) as unknown[])
        if (typeof part === 'object' && part !== null) freeze(part);
      Object.freeze(value);
    };
    for (const node of [world.nodes.a, world.nodes.b]) {
      const state = structuredClone(node.live);
      freeze(state);
      expect(() => step(state, { kind: 'peer-disconnected', session: 1, cause: 'reset' })).not.toThrow();
      expect(() => step(state, { kind: 'tick' }, state.now + 10_000)).not.toThrow();
    }
  });

  test('a wake-up that moves on, whatever has become due', () => {
    let state = world.nodes.b.live;
    for (let round = 0; round < 200; round += 1) {
      const at = ttlPolarization.wakeAt(state);
      if (at === undefined) break;
      const next = step(state, { kind: 'tick' }, Math.max(at, state.now)).state;
      expect(ttlPolarization.wakeAt(next) ?? Infinity).toBeGreaterThan(at);
      state = next;
    }
  });

  test('a change of opinion that counts at the very moment it is announced for, whatever fraction that has', () => {
    const holdMs = lan.unreachedByHostsMs;
    for (let round = 0; round < 10_000; round += 1) {
      const since = round * 1.234_567_89 + 0.1;
      const before = { value: false, changingSince: since };
      expect(debounce(before, true, since + holdMs, holdMs).value).toBe(true);
    }
  });

  test('kinds that it does not know being ignored', () => {
    const state = world.nodes.a.live;
    const unknown = { kind: 'moon-phase' } as unknown as PolarizationFact;
    expect(step(state, unknown)).toEqual({ state, effects: [] });
  });

  test('late answers and sessions of the past changing nothing that matters', () => {
    const state = world.nodes.a.live;
    const late: readonly PolarizationFact[] = [
      { kind: 'persisted', effect: 'g/a/1/1/1' },
      { kind: 'persist-failed', effect: 'g/a/1/1/1', detail: 'late' },
      { kind: 'drained', effect: 'g/a/1/1/1' },
      { kind: 'witness-answered', effect: 'g/a/1/1/1', answer: { kind: 'unreachable', detail: 'late' } },
      { kind: 'peer-disconnected', session: 0, cause: 'late' },
      { kind: 'peer-connected', session: 0, introduction: introduce(world.nodes.b.live) },
      { kind: 'replication-silent', session: 0, silentMs: 900 },
      { kind: 'peer-message', session: 0, message: { kind: 'peer-lost', epoch: 2 } },
      { kind: 'clock-stalled', stalledMs: lan.drainBoundMs },
    ];
    for (const fact of late) {
      const after = step(state, fact);
      expect({ ...after.state, now: state.now }, fact.kind).toEqual(state);
      expect(after.effects, fact.kind).toEqual([]);
    }
  });

  test('renewals that wait for no record', () => {
    const { effects } = step(
      world.nodes.b.live,
      { kind: 'tick' },
      world.nodes.b.live.now + lan.leaseRenewIntervalMs,
    );
    const renewals = effects.filter((effect) => effect.kind === 'send');
    expect(renewals.map((effect) => effect.message.kind)).toContain('ttl-request');
    for (const renewal of renewals) expect(renewal.after).toBeUndefined();
  });

  test('a failed write of a record being wished again, and nothing happening before', () => {
    world.cut('a>b');
    world.cut('b>a');
    const { a } = world.nodes;
    a.persistMs = 100_000;
    world.runUntil(2_000);
    expect(a.live.saving?.then.kind).toBe('serve-alone');
    expect(gateOf(a.live).host).toBe('held');
    const failed = step(a.live, {
      kind: 'persist-failed',
      effect: a.live.saving?.effect ?? '',
      detail: 'EIO',
    });
    const again = step(failed.state, { kind: 'tick' }, failed.state.now + lan.witnessRetryIntervalMs);
    const persist = again.effects.find((effect) => effect.kind === 'persist');
    expect(persist?.record).toEqual(a.live.saving?.record);
    expect(gateOf(again.state).host).not.toBe('open');
    const durable = step(again.state, { kind: 'persisted', effect: persist?.id ?? '' });
    expect(gateOf(durable.state)).toMatchObject({ mode: 'standalone', host: 'open', legs: 'own', epoch: 3 });
  });
});

describe('an operator can ask', () => {
  test('until when reads are covered', () => {
    const { a, b } = world.nodes;
    expect(readableUntil(b.live) - b.clock).toBeGreaterThan(lan.leaseTtlMs - lan.leaseRenewIntervalMs - 5);
    expect(readableUntil(a.live) - a.clock).toBeLessThanOrEqual(lan.preferredLeaseTtlMs);
    world.crash('b');
    world.runUntil(1_005);
    expect(readableUntil(a.live)).toBe(-Infinity);
    world.runUntil(2_000);
    expect(readableUntil(a.live)).toBe(Infinity);
  });

  test('and that nothing counts that was granted before a suspension, since the peer may rely on the word', () => {
    const { a, b } = world.nodes;
    const lost = { kind: 'peer-disconnected', session: b.live.lastSession, cause: 'reset' } as const;
    const suspended = step(b.live, lost).state;
    const introduction = introduce(step(a.live, lost).state);
    const resumed = step(suspended, {
      kind: 'peer-connected',
      session: b.live.lastSession + 1,
      introduction,
    });
    expect([suspended.mode, resumed.state.mode]).toEqual(['suspended', 'mirrored']);
    expect(readableUntil(resumed.state)).toBe(-Infinity);
  });

  test('who would win now, and how long hosts would wait', () => {
    const { a, b } = world.nodes;
    expect(whoWouldWinNow(a.live)).toMatchObject({ winner: 'a' });
    expect(whoWouldWinNow(b.live)).toEqual(whoWouldWinNow(a.live));
    a.dispatch({ kind: 'health-changed', level: 'unhealthySoft', reasons: ['thermal'] });
    world.runUntil(1_010);
    expect(whoWouldWinNow(a.live)).toMatchObject({ winner: 'b', detail: 'a is unhealthySoft, b is ok' });
    expect(whoWouldWinNow(b.live).winner).toBe('b');
    for (const way of ['a>w', 'w>a']) world.cut(way);
    world.runUntil(2_500);
    expect(whoWouldWinNow(a.live).winner).toBeUndefined();
  });

  test('what it forecast comes true, within its time', () => {
    const forecast = whoWouldWinNow(world.nodes.a.live);
    world.cut('a>b');
    world.cut('b>a');
    world.runUntil(1_000 + (forecast.withinMs ?? 0));
    expect(world.nodes.a.live.mode).toBe('standalone');
    expect(whoWouldWinNow(world.nodes.a.live)).toMatchObject({ winner: 'a', withinMs: 0 });
    world.runUntil(2_000);
    expect(whoWouldWinNow(world.nodes.b.live).winner).toBe('a');
  });

  test('for everything at a glance, as plain JSON', () => {
    const { a } = world.nodes;
    expect(status(a.live)).toMatchObject({
      nodeId: 'a',
      mode: 'mirrored',
      epoch: 2,
      sequencer: 'a',
      dataState: 'upToDate',
      host: 'open',
      peerConnected: true,
      peerMode: 'mirrored',
      witnessReachable: true,
      witnessKnowsEpoch: true,
    });
    expect(JSON.parse(JSON.stringify(status(a.live)))).toEqual(status(a.live));
  });

  test('why, and gets a sentence for every wish', () => {
    world.crash('a');
    world.runUntil(2_000);
    world.start('a');
    world.runUntil(4_000);
    let sentences = 0;
    for (const node of [world.nodes.a, world.nodes.b]) {
      for (const life of node.history) {
        let state = ttlPolarization.init(life.options, life.at);
        for (const event of life.events) {
          const { state: next, effects } = ttlPolarization.step(state, event);
          for (const { because } of effects) {
            expect(explain(because)).toMatch(/^[A-Z].*\.$/);
            expect(explain(because)).not.toContain('undefined');
            sentences += 1;
          }
          state = next;
        }
      }
    }
    expect(sentences).toBeGreaterThan(100);
  });
});

describe('an operator is refused', () => {
  const refusal = (
    node: 'a' | 'b',
    command: Extract<PolarizationFact, { kind: 'command' }>['command'],
  ): string => {
    const { effects } = step(world.nodes[node].live, { kind: 'command', commandId: 'c', command });
    const answer = effects.find((effect) => effect.kind === 'answer');
    expect(answer?.ok).toBe(false);
    return answer?.detail ?? '';
  };

  test('what would harm, with the reason', () => {
    expect(refusal('a', { kind: 'force-survivor', expectedEpoch: 2, acknowledgeDataLoss: true })).toBe(
      'this node is mirrored',
    );
    expect(refusal('b', { kind: 'pause' })).toBe('give this command to node a, which orders the writes');
    expect(refusal('a', { kind: 'resume' })).toBe('this node is mirrored, not paused');
    expect(refusal('a', { kind: 'resolve-split-brain', victim: 'b' })).toContain(
      'give this command to node b',
    );
    world.crash('b');
    world.runUntil(2_000);
    expect(refusal('a', { kind: 'handover' })).toBe('this node is standalone, not mirrored');
    world.crash('a');
    world.start('b');
    world.runUntil(3_000);
    expect(refusal('b', { kind: 'force-survivor', expectedEpoch: 7, acknowledgeDataLoss: true })).toContain(
      'not 7',
    );
  });
});

test('a fresh record claims nothing', () => {
  const record = freshRecord({
    groupId: 'g',
    nodeId: 'b',
    peerId: 'a',
    role: 'nonPreferred',
    machineBootId: 'm',
  });
  expect(record).toMatchObject({
    mode: 'fresh',
    epoch: 0,
    sequencer: 'a',
    dataState: 'inconsistent',
    history: [],
  });
});
