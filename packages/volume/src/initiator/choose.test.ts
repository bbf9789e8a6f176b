import type { Gate, Mode } from '@holdfast/core';
import { describe, expect, it } from 'vitest';
import { betterSequencer, type Candidate, choosePath, epochSeen, judgeActive } from './choose.js';

function path(nodeId: string, mode: Mode, host: Gate['host'], epoch: number, sequencer = 'p'): Candidate {
  return { nodeId, state: { nodeId, mode, host, epoch, sequencer } };
}

const closed: Candidate = { nodeId: 'p', state: undefined };

describe('the choice of a path', () => {
  it('takes nothing when nobody serves', () => {
    expect(choosePath([closed, path('n', 'fenced', 'closed', 3)], 0, true)).toBeUndefined();
    expect(choosePath([path('n', 'syncTarget', 'held', 3)], 0, true)).toBeUndefined();
    expect(choosePath([path('n', 'arbitrating', 'held', 3)], 0, true)).toBeUndefined();
  });

  it('takes the highest epoch, then who serves now, then the sequencer, then the first', () => {
    const old = path('p', 'mirrored', 'open', 3, 'p');
    const survivor = path('n', 'standalone', 'held', 4, 'n');
    expect(choosePath([old, survivor], 0, true)).toBe(survivor);
    const held = path('p', 'mirrored', 'held', 4, 'p');
    const open = path('n', 'mirrored', 'open', 4, 'p');
    expect(choosePath([held, open], 0, true)).toBe(open);
    const both = [path('p', 'mirrored', 'open', 4, 'n'), path('n', 'mirrored', 'open', 4, 'n')];
    expect(choosePath(both, 0, true)).toBe(both[1]);
    expect(choosePath(both, 0, false)).toBe(both[0]);
  });

  it('takes no epoch below one that has served', () => {
    const survivor = path('n', 'standalone', 'open', 5, 'n');
    const lowest = survivor.state === undefined ? 0 : epochSeen(3, survivor.state);
    expect(lowest).toBe(5);
    expect(choosePath([path('p', 'mirrored', 'open', 4)], lowest, true)).toBeUndefined();
  });

  it('learns nothing from the epoch of a node that does not serve', () => {
    const target = path('n', 'syncTarget', 'closed', 9);
    expect(target.state === undefined ? 0 : epochSeen(3, target.state)).toBe(3);
  });
});

describe('the active path', () => {
  it.each([
    ['keep', path('p', 'mirrored', 'open', 4), path('n', 'mirrored', 'open', 4)],
    ['keep', path('p', 'suspended', 'held', 4), path('n', 'mirrored', 'open', 4)],
    ['keep', path('p', 'suspended', 'held', 4), path('n', 'arbitrating', 'held', 5)],
    ['keep', path('p', 'mirrored', 'open', 4), path('n', 'syncTarget', 'closed', 5)],
    ['leave', path('p', 'suspended', 'held', 4), path('n', 'standalone', 'open', 5)],
    ['leave', path('p', 'mirrored', 'open', 4), path('n', 'standalone', 'open', 5)],
    ['leave', path('p', 'fenced', 'closed', 4), closed],
    ['grace', path('p', 'mirrored', 'held', 4), path('n', 'mirrored', 'open', 5, 'n')],
  ] as const)('%s: %o beside %o', (verdict, active, other) => {
    expect(judgeActive(active, [active, other])).toBe(verdict);
  });

  it('has a better one only when both serve under one epoch and agree on the sequencer', () => {
    const n = path('n', 'mirrored', 'open', 4, 'n');
    expect(betterSequencer(path('p', 'mirrored', 'open', 4, 'n'), [n])).toBe(n);
    expect(betterSequencer(path('p', 'mirrored', 'open', 4, 'p'), [n])).toBeUndefined();
    expect(betterSequencer(path('p', 'mirrored', 'open', 3, 'n'), [n])).toBeUndefined();
    expect(betterSequencer(path('p', 'syncSource', 'open', 4, 'n'), [n])).toBeUndefined();
    expect(betterSequencer(path('p', 'mirrored', 'held', 4, 'n'), [n])).toBeUndefined();
  });
});
