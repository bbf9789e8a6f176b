import { describe, expect, expectTypeOf, it } from 'vitest';
import { explainWith, plan } from '../src/index.js';
import { type LeaseReason, leaseOptions, leasePolicy } from './lease-policy.js';

const start = leasePolicy.init(leaseOptions, 0);

describe('a plan', () => {
  it('lists what would be done and changes nothing', () => {
    const before = JSON.stringify(start);
    const { effects, state } = plan(leasePolicy, start, [
      { kind: 'write-record', text: 'x' },
      { kind: 'note', text: 'y' },
    ]);
    expect(effects.map(({ at, effect }) => `${String(at)} ${effect.kind} ${effect.id}`)).toEqual([
      '0 persist g/n/1/1/0',
      '0 announce g/n/1/1/1',
    ]);
    expect(state.notes).toEqual(['y']);
    expect(JSON.stringify(start)).toBe(before);
  });

  it('follows assumed answers and ticks through time: how long would it take?', () => {
    const { effects, state } = plan(leasePolicy, start, [{ kind: 'write-record', text: 'x' }], {
      untilAt: 250,
      answer: (effect) =>
        effect.kind === 'persist' ? { afterMs: 120, event: { kind: 'persisted' as const } } : {},
    });
    expect(effects.map(({ at, effect }) => `${String(at)} ${effect.kind}`)).toEqual([
      '0 persist',
      '100 send-renewal',
      '120 announce',
      '200 send-renewal',
    ]);
    expect(state.persisted).toBe(1);
  });

  it('leaves out what would wait for something that fails', () => {
    const { effects, state } = plan(leasePolicy, start, [{ kind: 'write-record', text: 'x' }], {
      answer: () => ({ failed: true, event: { kind: 'failed' as const, effect: 'persist' } }),
    });
    expect(effects.map(({ effect }) => effect.kind)).toEqual(['persist']);
    expect(state.notes).toEqual(['failed persist']);
  });

  it('says that there is no end to it', () => {
    const restless = { ...start, renewAt: -1 };
    expect(() => plan(leasePolicy, restless, [], { untilAt: 1 })).toThrow(/no end/);
  });
});

describe('an explanation', () => {
  const explain = explainWith<LeaseReason | { readonly kind: 'link-lost'; readonly silentMs: number }>({
    'renewal-due': (reason) => `The lease is renewed at ${String(reason.atMs)} ms.`,
    'record-changed': () => 'The record has changed.',
    asked: () => 'Somebody asked.',
    'link-lost': (reason) => `The peer has been silent for ${String(reason.silentMs)} ms.`,
  });

  it('is one sentence with the numbers of the reason', () => {
    expect(explain({ kind: 'link-lost', silentMs: 300 })).toBe('The peer has been silent for 300 ms.');
    expect(explain({ kind: 'renewal-due', atMs: 100 })).toBe('The lease is renewed at 100 ms.');
  });

  it('shows a reason of a newer release as it stands', () => {
    const foreign = JSON.parse('{"kind":"moon-phase","phase":0.5}') as {
      kind: 'link-lost';
      silentMs: number;
    };
    expect(explain(foreign)).toBe(`For the reason 'moon-phase' {"phase":0.5}.`);
  });

  it('does not compile without a sentence for each kind', () => {
    // @ts-expect-error 'b' has no sentence
    const missing = (): unknown => explainWith<{ kind: 'a' } | { kind: 'b' }>({ a: () => 'A.' });
    expectTypeOf(missing).toBeFunction();
  });
});
