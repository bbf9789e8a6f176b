import { describe, expect, test } from 'vitest';
import { HoldfastError, OptionsError } from '../../errors/index.js';
import {
  checkPlannedFailoverTiming,
  describePlannedFailover,
  explainPlannedFailover,
  freshPlannedFailoverRecord,
  plannedFailover,
  plannedFailoverLock,
  plannedFailoverMayArbitrate,
  plannedFailoverMode,
  plannedFailoverTiming,
  whatIfFaultDuringFailover,
  whatIfPlannedFailover,
  type PlannedFailoverEffect,
  type PlannedFailoverEvent,
  type PlannedFailoverFact,
  type PlannedFailoverOptions,
  type PlannedFailoverState,
} from './index.js';
import { exploring, violation } from '../../../test/planned-failover/explore.js';
import {
  apply,
  begin,
  choices,
  connected,
  ids,
  noFaults,
  serves,
  type Id,
  type Setting,
  type System,
} from '../../../test/planned-failover/system.js';

const roles = { epoch: 7, lineageId: 'green', sequencer: 'a', preferred: 'a' };
const options: PlannedFailoverOptions = {
  groupId: 'orders',
  nodeId: 'a',
  peerId: 'b',
  incarnation: 1,
  lineageSeed: '8d1f',
  members: ['data', 'log'],
  record: freshPlannedFailoverRecord({ groupId: 'orders', nodeId: 'a', roles }),
};
const mirrored = {
  service: 'mirrored',
  ...roles,
  inSync: true,
  peerHealthy: true,
  mediatorReachable: true,
} as const;

function feed(state: PlannedFailoverState, ...facts: readonly PlannedFailoverFact[]) {
  const effects: PlannedFailoverEffect[] = [];
  for (const [index, fact] of facts.entries()) {
    const step = plannedFailover.step(state, { ...fact, at: state.now, sequence: index + 1 });
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}

const ready = (change: Partial<PlannedFailoverOptions> = {}): PlannedFailoverState =>
  feed(
    plannedFailover.init({ ...options, ...change }, 0),
    { kind: 'peer-connected', session: 1 },
    { kind: 'standing-changed', standing: mirrored },
  ).state;

const start: PlannedFailoverFact = {
  kind: 'command',
  commandId: 'c1',
  command: { kind: 'start', operationId: 'move-1' },
};

describe('options', () => {
  test.each([
    ['F1', { fenceWarnMs: 16_000 }],
    ['F2', { fenceLimitMs: 28_000 }],
    ['F3', { pollIntervalMs: 2_000 }],
    ['F4', { rollbackTimeoutMs: 70_000 }],
    ['prepareTimeoutMs > 0', { prepareTimeoutMs: 0 }],
  ])('say which relation does not hold: %s', (relation, change) => {
    const check = (): void => checkPlannedFailoverTiming({ ...plannedFailoverTiming, ...change });
    expect(check).toThrow(OptionsError);
    expect(check).toThrow(relation);
  });

  test('refuse names that contradict each other', () => {
    expect(() => plannedFailover.init({ ...options, peerId: 'a' }, 0)).toThrow(TypeError);
    expect(() => plannedFailover.init({ ...options, nodeId: 'c' }, 0)).toThrow(/belongs to node "a"/);
    expect(() => plannedFailover.init({ ...options, members: ['data', 'data'] }, 0)).toThrow(/distinct = 1/);
    expect(() => plannedFailover.init({ ...options, members: [] }, 0)).toThrow(OptionsError);
    expect(() => plannedFailover.init({ ...options, incarnation: 0 }, 0)).toThrow(OptionsError);
  });

  test('leave the record and the state of a newer release alone', () => {
    const newer = JSON.parse(JSON.stringify({ ...options.record, version: 2 })) as typeof options.record;
    const refused = (act: () => unknown): void => {
      expect(act).toThrow(/has version 2; this release reads version 1/);
      try {
        act();
      } catch (error) {
        expect(HoldfastError.is(error, 'NOT_SUPPORTED')).toBe(true);
      }
    };
    refused(() => plannedFailover.init({ ...options, record: newer }, 0));
    const state = JSON.parse(JSON.stringify({ ...ready(), version: 2 })) as PlannedFailoverState;
    refused(() => plannedFailover.step(state, { kind: 'tick', at: 0, sequence: 1 }));
  });
});

describe('a start', () => {
  test('is forecast and refused for the same reasons', () => {
    const cases: readonly [string, PlannedFailoverState][] = [
      ['the group is unknown', plannedFailover.init(options, 0)],
      [
        'not in sync',
        feed(ready(), { kind: 'standing-changed', standing: { ...mirrored, inSync: false } }).state,
      ],
      [
        'not healthy',
        feed(ready(), { kind: 'standing-changed', standing: { ...mirrored, peerHealthy: false } }).state,
      ],
      ['out of reach', feed(ready(), { kind: 'peer-disconnected', session: 1, cause: 'reset' }).state],
      [
        'volume-move holds',
        feed(ready(), { kind: 'standing-changed', standing: { ...mirrored, busyWith: 'volume-move' } }).state,
      ],
      [
        'the mediator is out of reach',
        feed(ready({ requireMediator: true }), {
          kind: 'standing-changed',
          standing: { ...mirrored, mediatorReachable: false },
        }).state,
      ],
    ];
    for (const [detail, state] of cases) {
      expect(whatIfPlannedFailover(state)).toMatchObject({ wouldStart: false, holdLimitMs: 15_000 });
      expect(whatIfPlannedFailover(state).detail).toContain(detail);
      const answer = feed(state, start).effects.find((effect) => effect.kind === 'answer');
      expect(answer).toMatchObject({ ok: false });
      expect(answer?.detail).toContain(detail);
    }
    expect(whatIfPlannedFailover(ready())).toMatchObject({
      wouldStart: true,
      from: 'a',
      to: 'b',
      obstacles: [],
    });
  });

  test('is refused where the writes are not ordered, with the right place', () => {
    const record = freshPlannedFailoverRecord({ groupId: 'orders', nodeId: 'b', roles });
    const state = ready({ nodeId: 'b', peerId: 'a', record });
    expect(whatIfPlannedFailover(state).detail).toContain('give this command to node a');
    expect(whatIfPlannedFailover(state)).toMatchObject({ from: 'a', to: 'b' });
  });

  test('while another operation runs is refused', () => {
    const running = feed(ready(), start).state;
    const second = { ...start, command: { kind: 'start', operationId: 'move-2' } } as const;
    expect(feed(running, second).effects[0]).toMatchObject({ kind: 'answer', ok: false });
  });

  test('writes the context down before it says anything to anybody', () => {
    const { effects, state } = feed(ready(), start);
    expect(effects.map((effect) => effect.kind)).toEqual(['persist']);
    const [persist] = effects;
    const next = feed(state, { kind: 'persisted', effect: persist?.id ?? '' });
    expect(next.effects.map((effect) => effect.kind)).toEqual(['check', 'send']);
    expect(plannedFailoverLock(next.state)).toMatchObject({ operationId: 'move-1', cancellable: true });
    expect(plannedFailoverMayArbitrate(next.state)).toBe(false);
  });

  test('ends when one volume of the group is not ready, before any host is held', () => {
    const begun = feed(ready(), start);
    const asked = feed(begun.state, { kind: 'persisted', effect: begun.effects[0]?.id ?? '' }).state;
    const { effects, state } = feed(asked, {
      kind: 'peer-message',
      session: 1,
      message: {
        kind: 'prepare-refused',
        operationId: 'move-1',
        obstacles: [{ member: 'log', detail: 'was not made ready' }],
      },
    });
    expect(state.gate.host).toBe('free');
    const [persist] = effects;
    expect(persist).toMatchObject({ kind: 'persist', record: { last: { outcome: 'failed' } } });
    expect(plannedFailover.explain(persist!)).toContain('log: was not made ready');
  });
});

const setting: Setting = { ...exploring, eager: false, queue: 50 };

/** What a calm scheduler would do next: results and messages first, then repairs, then timers. */
function nextOf(system: System): string | undefined {
  const open = choices(system, setting);
  const order = [
    'result',
    'deliver',
    'applied',
    'rejected',
    'restart',
    'heal',
    'lose',
    'connect',
    'meet',
    'tick',
  ];
  return order.flatMap((verb) => open.filter((choice) => choice.startsWith(verb)))[0];
}

function isQuiet(system: System): boolean {
  return (
    connected(system) &&
    ids.every((id) => {
      const { state, tasks } = system.nodes[id];
      return plannedFailoverMode(state) === 'idle' && tasks.length === 0 && state.saving === undefined;
    }) &&
    (serves(system, 'a') || serves(system, 'b'))
  );
}

/** Plays on to a group that is well; gives back every system on the way. */
function playOut(system: System, limit = 400): System[] {
  const seen = [system];
  for (let count = 0; count < limit; count += 1) {
    if (isQuiet(system) && count > 0) return seen;
    const choice = nextOf(system);
    if (choice === undefined) return seen;
    system = apply(system, choice, setting);
    seen.push(system);
    expect(violation(system), choice).toBeUndefined();
  }
  throw new Error('it never came to rest');
}

const calm = (): System => {
  const system = begin(setting, { ...noFaults, starts: 1, crashes: 1, writes: 2 });
  return apply(apply(system, 'write a', setting), 'start a', setting);
};

describe('an operation that is interrupted', () => {
  test.each<Id>(['a', 'b'])('at any moment by a crash of %s ends with one orderer and every write', (id) => {
    for (const moment of playOut(calm())) {
      for (const way of [`crash ${id}`, `crash-landed ${id}`]) {
        const end = playOut(apply(moment, way, setting)).at(-1)!;
        expect(isQuiet(end), way).toBe(true);
        expect(end.nodes.a.disk.roles, way).toEqual(end.nodes.b.disk.roles);
        // Committed once is committed for ever, whoever crashed when; anything else has changed nothing.
        const committed = end.outcomes.includes('move-0 committed');
        expect(end.nodes.a.disk.roles.sequencer, way).toBe(committed ? 'b' : 'a');
        expect(end.nodes.a.writes, way).toBeGreaterThanOrEqual(end.acknowledged);
      }
    }
  });

  test('by nothing passes sequencer and preference in one epoch', () => {
    const end = playOut(calm()).at(-1)!;
    expect(end.nodes.a.disk.roles).toMatchObject({ epoch: 2, sequencer: 'b', preferred: 'b' });
    expect(end.nodes.a.disk.roles).toEqual(end.nodes.b.disk.roles);
    expect(end.nodes.a.disk.last).toMatchObject({ operationId: 'move-0', outcome: 'completed' });
  });
});

describe('every mode and every event', () => {
  const whole = playOut(calm());
  const lives = [
    ...whole,
    ...whole.slice(9, 12).flatMap((moment) => playOut(apply(moment, 'crash a', setting))),
  ];
  const states = new Map<string, PlannedFailoverState[]>();
  for (const system of lives) {
    for (const id of ids) {
      const { state, up } = system.nodes[id];
      const mode = plannedFailoverMode(state);
      if (up) states.set(mode, [...(states.get(mode) ?? []).slice(-1), state]);
    }
  }
  const operationIds = ['move-0', 'unheard-of'];
  const next = { epoch: 2, lineageId: 'b1-2-1' };
  const messages = operationIds.flatMap((operationId) => [
    { kind: 'prepare', operationId, fromEpoch: 1, members: ['data', 'log'] } as const,
    { kind: 'prepared', operationId, next } as const,
    { kind: 'prepared', operationId, next: { epoch: 9, lineageId: 'x' } } as const,
    { kind: 'prepare-refused', operationId, obstacles: [] } as const,
    { kind: 'barrier', operationId, barrierSequence: 1 } as const,
    { kind: 'barrier-reached', operationId, barrierSequence: 1 } as const,
    { kind: 'test-and-set', operationId, fromEpoch: 1 } as const,
    { kind: 'granted', operationId, next } as const,
    { kind: 'granted', operationId, next: { epoch: 0, lineageId: 'old' } } as const,
    { kind: 'denied', operationId, underWay: false } as const,
    { kind: 'denied', operationId, underWay: true } as const,
    { kind: 'role-applied', operationId, epoch: 2 } as const,
    { kind: 'demote-done', operationId } as const,
  ]);
  const effect = 'g/a/1/999/0';
  const facts: readonly PlannedFailoverFact[] = [
    { kind: 'tick' },
    { kind: 'peer-connected', session: 99 },
    { kind: 'peer-disconnected', session: 1, cause: 'reset' },
    { kind: 'peer-disconnected', session: 98, cause: 'reset' },
    ...messages.flatMap((message) =>
      [1, 98].map((session) => ({ kind: 'peer-message', session, message }) as const),
    ),
    { kind: 'standing-changed', standing: { ...mirrored, epoch: 0 } },
    { kind: 'standing-changed', standing: { ...mirrored, epoch: 1, service: 'interrupted' } },
    {
      kind: 'standing-changed',
      standing: { ...mirrored, epoch: 50, sequencer: 'b', owner: 'b', service: 'interrupted' },
    },
    { kind: 'standing-changed', standing: { ...mirrored, epoch: 50 } },
    { kind: 'checked', effect, obstacles: [{ detail: 'late' }] },
    { kind: 'made-ready', effect, ready: [], obstacles: [] },
    { kind: 'drained', effect, barrierSequence: 3 },
    { kind: 'caught-up', effect },
    { kind: 'paths-switched', effect, warnings: ['one path is gone'] },
    { kind: 'persisted', effect },
    { kind: 'persist-failed', effect, detail: 'EIO' },
    start,
    { kind: 'command', commandId: 'c2', command: { kind: 'start', operationId: 'move-0', rollbackMs: -1 } },
    { kind: 'command', commandId: 'c3', command: { kind: 'abort', operationId: 'move-0' } },
    { kind: 'command', commandId: 'c4', command: { kind: 'abort', operationId: 'unheard-of' } },
    { kind: 'command', commandId: 'c5', command: { kind: 'status' } },
    JSON.parse('{"kind":"moon-rose"}') as PlannedFailoverFact,
    JSON.parse('{"kind":"peer-message","session":1,"message":{"kind":"sing"}}') as PlannedFailoverFact,
  ];

  test('were all met', () => {
    const work = [
      'started',
      'prepared',
      'fenced',
      'committed',
      'demoting',
      'ready',
      'at-barrier',
      'discarded',
    ];
    expect([...states.keys()]).toEqual(expect.arrayContaining(['idle', 'getting-ready', 'granted', ...work]));
  });

  test('have an answer that keeps every rule, changes no input, survives JSON, and says why in a sentence', () => {
    let checked = 0;
    const sentences = new Set<string>();
    for (const [mode, some] of states) {
      for (const state of some) {
        const before = JSON.stringify(state);
        for (const fact of facts) {
          const event = { ...fact, at: state.now, sequence: 77 } as PlannedFailoverEvent;
          const step = plannedFailover.step(state, event);
          const again = plannedFailover.step(JSON.parse(before) as PlannedFailoverState, event);
          expect(JSON.stringify(again), `${mode} ${fact.kind}`).toBe(JSON.stringify(step));
          expect(JSON.stringify(state)).toBe(before);
          for (const invariant of plannedFailover.invariants)
            expect(
              invariant.check(step.state),
              `${mode} ${JSON.stringify(fact)}: ${invariant.name}`,
            ).toBeUndefined();
          for (const one of step.effects) sentences.add(explainPlannedFailover(one.because));
          for (const fault of ['peer-crashes', 'this-node-crashes', 'link-cut', 'store-fails'] as const)
            sentences.add(whatIfFaultDuringFailover(step.state, fault).detail);
          checked += 1;
        }
      }
    }
    expect(checked).toBeGreaterThan(700);
    for (const sentence of sentences) {
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      expect(sentence).not.toContain('undefined');
    }
  }, 30_000);

  test('count what fits nothing, and tell the first of each kind', () => {
    const late: PlannedFailoverFact = { kind: 'caught-up', effect };
    const once = feed(ready(), late);
    expect(once.effects).toMatchObject([{ kind: 'report', level: 'info' }]);
    const twice = feed(once.state, late);
    expect(twice.effects).toEqual([]);
    expect(describePlannedFailover(twice.state).absorbed).toEqual({ 'caught-up': 2 });
  });
});

describe('a fault is forecast', () => {
  test('from what this node knows', () => {
    const [first] = playOut(calm());
    expect(whatIfFaultDuringFailover(begin(setting, noFaults).nodes.a.state, 'link-cut').serves).toBe(
      'fault-handling',
    );
    const at = (mode: string, id: Id): PlannedFailoverState =>
      playOut(first!).find((system) => plannedFailoverMode(system.nodes[id].state) === mode)!.nodes[id].state;
    expect(whatIfFaultDuringFailover(at('started', 'a'), 'store-fails').serves).toBe('source');
    expect(whatIfFaultDuringFailover(at('fenced', 'a'), 'store-fails').serves).toBe('nobody');
    expect(whatIfFaultDuringFailover(at('fenced', 'a'), 'peer-crashes').serves).toBe('fault-handling');
    expect(whatIfFaultDuringFailover(at('committed', 'a'), 'link-cut').serves).toBe('nobody');
    expect(whatIfFaultDuringFailover(at('granted', 'b'), 'link-cut').serves).toBe('target');
  });
});
