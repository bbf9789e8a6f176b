import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError, Prng, assert, driftFactor, effectId, unreachable } from '../src/index.js';

describe('an assertion', () => {
  it('says nothing while the rule holds, and stops at once when it does not', () => {
    expect(() => assert(true, 'one survivor')).not.toThrow();
    expect(() => assert(false, 'one survivor')).toThrow(InvariantError);
    expect(() => assert(false, 'one survivor')).toThrow('Broken rule of the program: one survivor.');
  });

  it('narrows the type for what follows', () => {
    const owner = ((): string | undefined => 'alpha')();
    assert(owner !== undefined, 'there is an owner');
    expect(owner.length).toBe(5);
  });

  it('names foreign data that a switch cannot handle', () => {
    const foreign = { kind: 'from-a-newer-release' } as unknown as never;
    expect(() => unreachable(foreign, 'The step of the lease')).toThrow(
      'The step of the lease cannot handle {"kind":"from-a-newer-release"}',
    );
  });
});

describe('the id of an effect', () => {
  const identity = { groupId: 'orders', nodeId: 'alpha', incarnation: 3 };

  it('is group, node, incarnation, event and index', () => {
    expect(effectId(identity, 17, 2)).toBe('orders/alpha/3/17/2');
  });

  it('is never the same for two wishes (property)', () => {
    const name = fc.stringMatching(/^[a-z0-9-]{1,8}$/);
    const wish = fc.tuple(name, name, fc.nat(), fc.nat(), fc.nat({ max: 20 }));
    fc.assert(
      fc.property(
        fc.uniqueArray(wish, { selector: (parts) => JSON.stringify(parts), maxLength: 50 }),
        (wishes) => {
          const ids = wishes.map(([groupId, nodeId, incarnation, sequence, index]) =>
            effectId({ groupId, nodeId, incarnation }, sequence, index),
          );
          expect(new Set(ids).size).toBe(wishes.length);
        },
      ),
    );
  });
});

/** The published algorithm, xoshiro128** seeded by splitmix32, written once more and slowly, with big integers. */
function* reference(seed: number): Generator<number> {
  const mask = 0xffff_ffffn;
  let mix = BigInt(seed >>> 0);
  const spread = (): bigint => {
    mix = (mix + 0x9e37_79b9n) & mask;
    let z = mix;
    z = ((z ^ (z >> 16n)) * 0x21f0_aaadn) & mask;
    z = ((z ^ (z >> 15n)) * 0x735a_2d97n) & mask;
    return z ^ (z >> 15n);
  };
  const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (32n - by))) & mask;
  const s = [spread(), spread(), spread(), spread() | 1n] as [bigint, bigint, bigint, bigint];
  for (;;) {
    yield Number((rotate((s[1] * 5n) & mask, 7n) * 9n) & mask);
    const t = (s[1] << 9n) & mask;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11n);
  }
}

describe('the seeded generator', () => {
  it('is the published algorithm, for any seed (property)', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const prng = new Prng(seed);
        const slow = reference(seed);
        for (let count = 0; count < 50; count += 1) expect(prng.uint32()).toBe(slow.next().value);
      }),
    );
  });

  it('makes one sequence from one seed, on every machine', () => {
    const sequence = (seed: number): number[] => {
      const prng = new Prng(seed);
      return Array.from({ length: 4 }, () => prng.uint32());
    };
    expect(sequence(7)).toEqual(sequence(7));
    expect(sequence(7)).not.toEqual(sequence(8));
    expect(sequence(1)).toMatchInlineSnapshot(`
      [
        393288148,
        2174103013,
        3814759091,
        2092745082,
      ]
    `);
  });

  it('keeps to its ranges and reaches all of a small one', () => {
    const prng = new Prng(0);
    const seen = new Set<number>();
    for (let count = 0; count < 1_000; count += 1) {
      const unit = prng.unit();
      expect(unit >= 0 && unit < 1).toBe(true);
      seen.add(prng.below(6));
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('fills bytes evenly enough', () => {
    const counts = new Array<number>(256).fill(0);
    for (const byte of new Prng(3).bytes(new Uint8Array(256 * 400))) counts[byte]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(300);
    expect(Math.max(...counts)).toBeLessThan(500);
  });
});

describe('the drift factor', () => {
  it('covers a span counted on a slow clock and waited for on a fast one', () => {
    expect(driftFactor(0)).toBe(1);
    expect(driftFactor(200)).toBeCloseTo(1.0004, 6);
  });

  it('is never short, for any two clocks within the drift (property)', () => {
    const ppm = fc.integer({ min: 0, max: 10_000 });
    fc.assert(
      fc.property(
        ppm,
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (drift, a, b) => {
          const mine = 1 + (a * drift) / 1_000_000;
          const theirs = 1 + (b * drift) / 1_000_000;
          // A lease of one second by their clock lasts 1 / theirs of true time; I wait one second times the factor by mine.
          expect(driftFactor(drift) / mine).toBeGreaterThanOrEqual(1 / theirs - 1e-12);
        },
      ),
    );
  });
});
