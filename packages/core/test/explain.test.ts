import { describe, expect, expectTypeOf, it } from 'vitest';
import { explainWith } from '../src/index.js';

interface Renewal {
  readonly kind: 'renewal-due';
  readonly atMs: number;
}
interface Plain {
  readonly kind: 'record-changed' | 'asked';
}
interface LinkLost {
  readonly kind: 'link-lost';
  readonly silentMs: number;
}
type Why = Renewal | Plain | LinkLost;

describe('an explanation', () => {
  const explain = explainWith<Why>({
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
