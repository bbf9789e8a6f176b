import { describe, expect, test } from 'vitest';
import { newPlay, playing, wellFacts, type Play } from '../../../test/mediator-fallback/world.js';
import { HoldfastError, OptionsError } from '../../errors/index.js';
import {
  checkMediatorFallbackTiming,
  describeMediatorFallback,
  explainMediatorFallback,
  freshMediatorFallbackRecord,
  mediatorFallback,
  mediatorFallbackMode,
  mediatorFallbackTiming,
  whatIfFault,
  type MediatorFallbackEvent,
  type MediatorFallbackFact,
  type MediatorFallbackOptions,
  type MediatorFallbackState,
} from './index.js';

const members = ['a', 'b'];
const options: MediatorFallbackOptions = {
  groupId: 'g',
  nodeId: 'a',
  incarnation: 1,
  members,
  mediators: ['m1'],
  record: freshMediatorFallbackRecord({ groupId: 'g', nodeId: 'a', members, mediator: 'm1' }),
};

describe('options', () => {
  test.each([
    ['M1', { probeTimeoutMs: 3_000 }],
    ['M2', { mediatorRestartMs: 30_000 }],
    ['M3', { downAfterFails: 9 }],
    ['M4', { reliableAfterMs: 9_000 }],
    ['M5', { reportFreshMs: 3_000 }],
    ['M6', { proposeTimeoutMs: 5_000 }],
    ['M7', { watchdogMs: 70_000 }],
  ])('say which relation does not hold: %s', (relation, change) => {
    const check = (): void => checkMediatorFallbackTiming({ ...mediatorFallbackTiming, ...change });
    expect(check).toThrow(OptionsError);
    expect(check).toThrow(relation);
  });

  test('refuse a quorum that two sides could have, and names that nobody knows', () => {
    const quorum = { kind: 'quorum', votes: { a: 1, b: 1 }, need: 1 } as const;
    expect(() => mediatorFallback.init({ ...options, fallback: quorum }, 0)).toThrow(/2 \* need > all votes/);
    const subset = { kind: 'subset', nodes: ['z'] } as const;
    expect(() => mediatorFallback.init({ ...options, fallback: subset }, 0)).toThrow(OptionsError);
    expect(() => mediatorFallback.init({ ...options, preference: 'z' }, 0)).toThrow(TypeError);
    expect(() => mediatorFallback.init({ ...options, nodeId: 'b' }, 0)).toThrow(TypeError);
  });

  test('leave the record and the state of a newer release alone', () => {
    const newer = JSON.parse(JSON.stringify({ ...options.record, version: 2 })) as typeof options.record;
    const state = JSON.parse(
      JSON.stringify({ ...mediatorFallback.init(options, 0), version: 2 }),
    ) as MediatorFallbackState;
    for (const act of [
      () => mediatorFallback.init({ ...options, record: newer }, 0),
      () => mediatorFallback.step(state, { kind: 'tick', at: 0, sequence: 1 }),
    ]) {
      expect(act).toThrow(/has version 2; this release reads version 1/);
      try {
        act();
      } catch (error) {
        expect(HoldfastError.is(error, 'NOT_SUPPORTED')).toBe(true);
      }
    }
  });
});

/** Everything that is under way happens, one after the other. */
function rest(play: Play): void {
  for (let count = 0; count < 200; count += 1) {
    const [packet, ...packets] = play.world.packets;
    const id = members.find((one) => play.member(one).up && play.member(one).tasks.length > 0);
    if (packet !== undefined) {
      play.set({ packets });
      if (play.reaches(packet.from, packet.to))
        play.dispatch(packet.to, { kind: 'peer-message', nodeId: packet.from, message: packet.message });
    } else if (id !== undefined) play.finish(id, play.take(id, 0));
    else return;
  }
  throw new Error('it never came to rest');
}

describe('a fault', () => {
  test('is survived by one side only, and the other one is told for good', () => {
    const play = newPlay(playing);
    rest(play);
    expect(whatIfFault(play.member('a').state, ['a'])).toMatchObject({ outcome: 'asks', waitMs: 0 });
    expect(whatIfFault(play.member('b').state, ['b'])).toMatchObject({ outcome: 'asks', waitMs: 6_000 });
    play.set({ cuts: ['a b'] });
    for (const id of members) play.dispatch(id, { kind: 'fault', side: [id] });
    rest(play);
    play.setMember('b', { at: 6_000 });
    play.dispatch('b', { kind: 'tick' });
    rest(play);
    expect(members.map((id) => mediatorFallbackMode(play.member(id).state))).toEqual([
      'survivor',
      'detached',
    ]);
    expect(whatIfFault(play.member('b').state, ['b']).outcome).toBe('offline');
  });

  test('with a mediator that was never told the generation stops everybody, and blames nobody', () => {
    const play = newPlay(playing);
    play.setMember('a', { tasks: [] });
    play.set({ cuts: ['a b'] });
    for (const id of members) play.dispatch(id, { kind: 'fault', side: [id] });
    rest(play);
    expect(members.map((id) => mediatorFallbackMode(play.member(id).state))).toEqual(['fault', 'fault']);
    expect(play.member('a').state.record.standing).toBe('member');
  });

  test('is not survived by a copy that is not complete', () => {
    const play = newPlay(playing);
    rest(play);
    play.dispatch('a', { kind: 'facts-changed', facts: { ...wellFacts, upToDate: false } });
    play.dispatch('a', { kind: 'fault', side: ['a'] });
    rest(play);
    expect(play.member('a').serves).toBe('nothing');
    expect(play.world.mediators['m1']?.generation).toBe(1);
  });

  test('whose mediation was granted and not heard of is granted again after a restart', () => {
    const play = newPlay(playing);
    rest(play);
    play.dispatch('a', { kind: 'fault', side: ['a'] });
    const call = play.member('a').tasks.find((task) => task.kind === 'mediate');
    if (call?.kind === 'mediate') play.swap(call.mediator, call.from, call.to);
    play.begin('a', 2, play.member('a').disk, 100);
    play.dispatch('a', { kind: 'in-sync-changed', inSync: members });
    play.dispatch('a', { kind: 'fault', side: ['a'] });
    rest(play);
    expect(play.member('a').serves).toBe('nothing');
    play.setMember('a', { at: 100 + mediatorFallbackTiming.startWaitMs });
    play.dispatch('a', { kind: 'tick' });
    rest(play);
    expect(play.member('a').serves).toBe('alone');
  });
});

describe('every mode and every event', () => {
  const effect = 'g/a/1/999/0';
  const numbered = { version: 9, model: { kind: 'preElected', node: 'b' } } as const;
  const base = { version: 1, model: { kind: 'mediator', id: 'm1' } } as const;
  const partition = { generation: 9, members };
  const messages = [
    { kind: 'report', sights: {}, facts: wellFacts, generation: 1, version: 1 },
    { kind: 'propose', proposed: numbered, base },
    { kind: 'propose', proposed: base, base },
    { kind: 'ack', version: 9 },
    { kind: 'refuse', version: 9, highest: 12, current: base },
    { kind: 'commit', committed: numbered },
    { kind: 'commit', committed: base },
    { kind: 'committed', version: 1 },
    { kind: 'abort', version: 9 },
    { kind: 'readmit', partition, current: numbered },
    { kind: 'readmit', partition: { ...partition, generation: 0 }, current: base },
    { kind: 'readmitted', generation: 9 },
  ] as const;
  const facts: readonly MediatorFallbackFact[] = [
    { kind: 'tick' },
    { kind: 'peer-connected', nodeId: 'b' },
    { kind: 'peer-connected', nodeId: 'stranger' },
    { kind: 'peer-disconnected', nodeId: 'b' },
    ...messages.flatMap((message) =>
      ['a', 'b', 'stranger'].map((nodeId) => ({ kind: 'peer-message', nodeId, message }) as const),
    ),
    { kind: 'facts-changed', facts: wellFacts },
    { kind: 'in-sync-changed', inSync: ['b'] },
    { kind: 'in-sync-changed', inSync: [] },
    { kind: 'probed', effect, answer: { kind: 'failed', detail: 'late' } },
    { kind: 'mediated', effect, answer: { kind: 'granted' } },
    { kind: 'fault', side: ['a'] },
    { kind: 'fault', side: [] },
    { kind: 'fault-over', asked: false },
    { kind: 'fault-over', asked: true },
    { kind: 'member-synced', nodeId: 'b' },
    { kind: 'member-synced', nodeId: 'stranger' },
    { kind: 'persisted', effect },
    { kind: 'persist-failed', effect, detail: 'EIO' },
    { kind: 'command', commandId: 'c1', command: { kind: 'prefer', node: 'b' } },
    { kind: 'command', commandId: 'c2', command: { kind: 'prefer', node: 'stranger' } },
    {
      kind: 'command',
      commandId: 'c3',
      command: { kind: 'force-survivor', expectedGeneration: 1, acknowledgeDataLoss: true },
    },
    JSON.parse('{"kind":"moon-rose"}') as MediatorFallbackFact,
    JSON.parse('{"kind":"peer-message","nodeId":"b","message":{"kind":"sing"}}') as MediatorFallbackFact,
  ];

  const states = new Map<string, MediatorFallbackState>();
  const note = (play: Play): void => {
    for (const id of members) states.set(mediatorFallbackMode(play.member(id).state), play.member(id).state);
  };
  const play = newPlay(playing);
  rest(play);
  note(play);
  const survived = newPlay(playing);
  rest(survived);
  survived.set({ cuts: ['a b'] });
  for (const id of members) survived.dispatch(id, { kind: 'fault', side: [id] });
  note(survived);
  rest(survived);
  survived.setMember('b', { at: 6_000 });
  survived.dispatch('b', { kind: 'tick' });
  rest(survived);
  note(survived);
  const asked = play.member('b');
  const propose = {
    kind: 'propose',
    proposed: { version: 2, model: { kind: 'preElected', node: 'a' } },
    base,
  } as const;
  play.dispatch('b', { kind: 'peer-message', nodeId: 'a', message: propose });
  play.finish(
    'b',
    play.take(
      'b',
      play.member('b').tasks.findIndex((task) => task.kind === 'persist'),
    ),
  );
  note(play);
  play.dispatch('b', {
    kind: 'peer-message',
    nodeId: 'a',
    message: { kind: 'commit', committed: propose.proposed },
  });
  play.finish(
    'b',
    play.take(
      'b',
      play.member('b').tasks.findIndex((task) => task.kind === 'persist'),
    ),
  );
  note(play);

  test('were met', () => {
    expect(asked.up).toBe(true);
    const modes = ['mediated', 'switching', 'stand-in', 'fault', 'survivor', 'detached'];
    expect([...states.keys()]).toEqual(expect.arrayContaining(modes));
  });

  test('have an answer that keeps every rule, changes no input, survives JSON, and says why in a sentence', () => {
    const sentences = new Set<string>();
    for (const [mode, state] of states) {
      const before = JSON.stringify(state);
      for (const fact of facts) {
        const event = { ...fact, at: state.now, sequence: 77 } as MediatorFallbackEvent;
        const step = mediatorFallback.step(state, event);
        const again = mediatorFallback.step(JSON.parse(before) as MediatorFallbackState, event);
        expect(JSON.stringify(again), `${mode} ${fact.kind}`).toBe(JSON.stringify(step));
        expect(JSON.stringify(state)).toBe(before);
        for (const invariant of mediatorFallback.invariants)
          expect(
            invariant.check(step.state),
            `${mode} ${JSON.stringify(fact)}: ${invariant.name}`,
          ).toBeUndefined();
        for (const one of step.effects) sentences.add(explainMediatorFallback(one.because));
        sentences.add(describeMediatorFallback(step.state).alone.detail);
      }
    }
    expect(sentences.size).toBeGreaterThan(25);
    for (const sentence of sentences) {
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      expect(sentence).not.toContain('undefined');
    }
  });
});
