import { describe, expect, test } from 'vitest';
import { explore } from './explorer.js';
import type { Bounds } from './system.js';

/** A longer campaign also lets clients turn to the other site while the owner still serves. */
const claimsLate = process.env['HOLDFAST_RUNS'] === undefined;
const attack = { write: 1, claim: 1, cut: 1 } as const;

const worlds: readonly (readonly [string, Bounds, number])[] = [
  ['a compared cache that is lost and comes back', { ...attack, slowCopy: 'sync', lose: 1 }, 400],
  ['a told cache that is lost and comes back', { ...attack, slowCopy: 'async', lose: 1, claimsLate }, 5_000],
  [
    'copies that are updated instead of invalidated',
    { ...attack, slowCopy: 'async', onWrite: 'update', write: 2 },
    200,
  ],
  ['an owner that crashes and starts again', { ...attack, slowCopy: 'async', cut: 0, crash: 1 }, 1_500],
  ['a message that comes twice', { ...attack, slowCopy: 'async', repeat: 1 }, 700],
  ['a message that overtakes others', { ...attack, slowCopy: 'async', overtake: 1 }, 500],
  ['a cache that evicts', { ...attack, slowCopy: 'async', evict: 1 }, 500],
  ['a cache that starts again', { ...attack, slowCopy: 'async', 'restart-cache': 1, claimsLate }, 2_500],
  ['a group that has just been set up', { ...attack, slowCopy: 'sync', cold: true, claimsLate }, 800],
];

describe('whatever the order, nothing older than an acknowledged write is served from a cache', () => {
  test.each(worlds)(
    '%s',
    (name, bounds, atLeast) => {
      const { states, depth, broken } = explore(bounds);
      expect(broken).toBeUndefined();
      expect(states, `${name}: ${states} states, depth ${depth}`).toBeGreaterThan(atLeast);
    },
    60_000,
  );
});
