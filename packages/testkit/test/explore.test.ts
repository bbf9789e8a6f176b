import { Prng } from '@holdfast/core';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  checkCodec,
  collisionProbability,
  describeExploration,
  explore,
  FingerprintSet,
  KeyBuffer,
  type KeyReader,
  Pieces,
} from '../src/index.js';
import { locks } from './locks.js';

function keyOf(words: readonly number[]): KeyBuffer {
  const key = new KeyBuffer();
  for (const word of words) key.word(word);
  return key;
}

describe('an exploration', () => {
  test('finds the shortest way to a broken rule, and tells it', () => {
    const { ended, violation } = explore(locks({ atomic: false, rounds: 3 }), { calmEvery: 0 });
    expect(ended).toBe('violated');
    expect(violation?.rule).toBe('one inside at most: both workers are inside');
    expect(violation?.story).toEqual([
      'worker 0 looks',
      'worker 1 looks',
      'worker 0 takes',
      'worker 1 takes',
    ]);
  });

  test('sees every state once when nothing is broken', () => {
    const found = explore(locks({ atomic: true, rounds: 3 }));
    expect(found).toMatchObject({ ended: 'exhausted', boundedBy: [], frontier: 0, depth: 6, states: 10 });
    expect([...found.labels]).toEqual([
      ['look', 6],
      ['leave', 6],
    ]);
    expect(found.landmarksMissed).toEqual(['three are inside']);
  });

  test('counts states that are equal but for names once', () => {
    const all = explore(locks({ atomic: true, rounds: 3 }));
    const half = explore(locks({ atomic: true, rounds: 3, symmetric: true }));
    expect(half.ended).toBe('exhausted');
    expect(half.states).toBeLessThan(all.states);
  });

  test.each([
    { options: { statesMax: 4 }, by: 'states' },
    { options: { depthMax: 2 }, by: 'depth' },
  ])('does not call itself exhausted when bounded by $by', ({ options, by }) => {
    const found = explore(locks({ atomic: true, rounds: 3 }), options);
    expect(found).toMatchObject({ ended: 'bounded', boundedBy: [by] });
    expect(found.frontier).toBeGreaterThan(0);
    expect(describeExploration(found)).toContain(`bounded by ${by}`);
    expect(describeExploration(found)).not.toContain('exhausted');
  });

  test('takes what the system throws for a broken rule', () => {
    const system = locks({ atomic: true, rounds: 1 });
    const { violation } = explore(
      {
        ...system,
        apply: (state, move) => {
          if (move.does === 'leave') throw new Error('the door is stuck');
          return system.apply(state, move);
        },
      },
      { calmEvery: 0 },
    );
    expect(violation?.rule).toBe('the door is stuck');
    expect(violation?.story).toEqual(['worker 0 looks', 'worker 0 leaves']);
  });

  test('follows the calm schedule, and tells where it leads nowhere', () => {
    const system = locks({ atomic: true, rounds: 1 });
    expect(explore(system).calmChecked).toBe(4);
    const { violation } = explore({
      ...system,
      calm: { name: 'in the end', stepsMax: 3, isGood: () => false, choose: () => undefined },
    });
    expect(violation).toMatchObject({ rule: 'in the end: nothing is left to do', story: [], calm: [] });
  });

  test('is the same every time, and under every seed', () => {
    const once = explore(locks({ atomic: true, rounds: 5 }));
    expect(explore(locks({ atomic: true, rounds: 5 }))).toEqual(once);
    expect(explore(locks({ atomic: true, rounds: 5 }), { seed: 7 }).states).toBe(once.states);
  });

  test('holds a codec against its promise', () => {
    const prng = new Prng(7);
    const system = locks({ atomic: true, rounds: 3 });
    expect(checkCodec(system, (below) => prng.below(below), 5, 6)).toBeGreaterThan(20);
    const forgetful = {
      ...system.codec,
      read: (key: KeyReader) => ({ ...system.codec.read(key), rounds: 0 }),
    };
    const broken = { ...system, codec: forgetful };
    expect(() => checkCodec(broken, (below) => prng.below(below), 5, 6)).toThrow(/differ after/);
  });
});

describe('the set of fingerprints', () => {
  const keys = fc.array(fc.array(fc.integer(), { maxLength: 6 }), { maxLength: 200 });

  test('holds what was put in, and nothing else', () => {
    fc.assert(
      fc.property(keys, keys, (put, asked) => {
        const set = new FingerprintSet();
        const plain = new Set<string>();
        for (const words of put) {
          const key = keyOf(words);
          expect(set.add(key.words, key.length)).toBe(!plain.has(words.join()));
          plain.add(words.join());
        }
        for (const words of [...put, ...asked]) {
          const key = keyOf(words);
          expect(set.has(key.words, key.length)).toBe(plain.has(words.join()));
        }
        expect(set.size).toBe(plain.size);
      }),
      { numRuns: 50 },
    );
  });

  test('grows', () => {
    const set = new FingerprintSet(3);
    const key = new KeyBuffer();
    let added = 0;
    for (let word = 0; word < 100_000; word += 1) {
      key.clear();
      key.word(word);
      key.word(word >> 3);
      if (set.add(key.words, key.length)) added += 1;
    }
    expect(added).toBe(100_000);
    expect(set.size).toBe(100_000);
    expect(set.sizeBytes).toBe(8 * 262_144);
  });

  test('says how likely it is to be wrong', () => {
    expect(collisionProbability(10_000_000)).toBeCloseTo(2.7e-6, 7);
  });
});

describe('pieces', () => {
  const json = fc
    .json()
    .filter((text) => !text.includes('__proto__'))
    .map((text): unknown => JSON.parse(text));

  test('equal values are one object with one number, whatever the order of their keys', () => {
    const pieces = new Pieces();
    const one = pieces.same({ a: 1, b: [{ c: 'x' }], d: undefined });
    expect(pieces.same({ b: [{ c: 'x' }], a: 1 })).toBe(one);
    expect(one).toEqual({ a: 1, b: [{ c: 'x' }] });
    expect(pieces.number({ a: 1 })).not.toBe(pieces.number({ a: '1' }));
  });

  test('give back what was put in', () => {
    fc.assert(
      fc.property(fc.array(json, { maxLength: 20 }), (values) => {
        const pieces = new Pieces();
        const numbers = values.map((value) => pieces.number(value as object));
        values.forEach((value, place) => {
          expect(pieces.piece(numbers[place]!)).toEqual(value);
          expect(pieces.number(structuredClone(value) as object)).toBe(numbers[place]);
        });
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    [{}, { '': 1 }],
    [{ 'a\nb': 1 }, { a: 1, b: 1 }],
    [
      { '1:a': 1, b: 1 },
      { '1': 1, ':ab': 1 },
    ],
  ])('tell %j from %j', (one, other) => {
    const pieces = new Pieces();
    expect(pieces.same(one)).toEqual(one);
    expect(pieces.same(other)).toEqual(other);
    expect(pieces.number(one)).not.toBe(pieces.number(other));
  });

  test('refuse what is no JSON', () => {
    expect(() => new Pieces().number({ run: () => 1 })).toThrow(TypeError);
    expect(() => new Pieces().piece(3)).toThrow(TypeError);
  });
});

test('a key takes whole numbers of 32 bits', () => {
  expect(() => keyOf([1.5])).toThrow(TypeError);
  expect(() => keyOf([2 ** 33])).toThrow(TypeError);
  const key = keyOf([-1, 7]);
  expect([key.word(), key.word(), key.left]).toEqual([-1, 7, 0]);
  expect(() => key.word()).toThrow(/beyond the end/);
});

test('does what the README shows', () => {
  interface Two {
    readonly at: readonly number[];
  }
  const found = explore<Two, number>({
    name: 'a lock in two steps',
    limits: [],
    initial: () => [{ at: [0, 0] }],
    choices: ({ at }) => [0, 1].filter((worker) => at[worker] !== 0 || !at.includes(2)),
    apply: ({ at }, worker) => ({
      at: at.map((place, index) => (index === worker ? (place + 1) % 3 : place)),
    }),
    codec: {
      write: ({ at }, key) => {
        for (const place of at) key.word(place);
      },
      read: (key) => ({ at: [key.word(), key.word()] }),
    },
    invariants: [
      {
        name: 'one inside at most',
        check: ({ at }) => (at.every((place) => place === 2) ? 'both are inside' : undefined),
      },
    ],
    describe: (worker) => `worker ${String(worker)} goes on`,
  });
  const page = readFileSync(new URL('../src/explore/README.md', import.meta.url), 'utf8');
  for (const line of describeExploration(found).split('\n')) expect(page).toContain(`// ${line}`);
});
