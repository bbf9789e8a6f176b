import { describe, expect, it } from 'vitest';
import { plan } from '../src/index.js';
import { leaseOptions, leasePolicy } from './lease-policy.js';

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
