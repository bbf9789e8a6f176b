import type { Random } from '@holdfast/core';
import { check, NotApplicable } from './expect.js';
import type { ConformanceCase, ConformanceFixture, ConformanceSuite } from './suite.js';

export interface RandomFixture extends ConformanceFixture {
  /** A fresh source, as a new process would make it. */
  open(): Random;
  /** The source repeats itself on purpose, for simulations: then two of them have to give the same. */
  readonly repeats?: boolean;
}

type RandomCase = ConformanceCase<RandomFixture>;

/** Longer than what some sources give at once. */
const LONG_BYTES = 200_000;

const fills: RandomCase = {
  name: 'fills exactly what it is given, and gives that back',
  run: async ({ fixture }) => {
    const random = fixture.open();
    const around = new Uint8Array(300);
    const inner = around.subarray(100, 200);
    check(random.bytes(inner) === inner, 'bytes gives back something else than it was given');
    check(
      inner.some((byte) => byte !== 0),
      '100 random bytes are all zero',
    );
    const outside = [...around.subarray(0, 100), ...around.subarray(200)];
    check(
      outside.every((byte) => byte === 0),
      'bytes writes outside of what it was given',
    );
    check(random.bytes(new Uint8Array(0)).length === 0, 'bytes of nothing gives something');
  },
};

const long: RandomCase = {
  name: 'fills long memory to its end',
  run: async ({ fixture }) => {
    const bytes = fixture.open().bytes(new Uint8Array(LONG_BYTES));
    for (let from = 0; from < LONG_BYTES; from += 1000) {
      check(
        bytes.subarray(from, from + 1000).some((byte) => byte !== 0),
        `of ${String(LONG_BYTES)} random bytes, 1,000 from ${String(from)} on are all zero`,
      );
    }
  },
};

const ids: RandomCase = {
  name: 'makes identities of 32 hexadecimal digits, none twice',
  run: async ({ fixture }) => {
    const random = fixture.open();
    const seen = new Set<string>();
    const places = Array.from({ length: 32 }, () => new Set<string>());
    for (let count = 0; count < 5000; count += 1) {
      const id = random.id();
      check(/^[0-9a-f]{32}$/i.test(id), `'${id}' is no identity of 32 hexadecimal digits`);
      check(!seen.has(id), `the identity ${id} came twice`);
      seen.add(id);
      for (const [place, digits] of places.entries()) digits.add(id.charAt(place));
    }
    const fixed = places.findIndex((digits) => digits.size < 16);
    check(
      fixed < 0,
      `digit ${String(fixed)} of 5,000 identities is never some of the sixteen: fewer than 128 bits`,
    );
  },
};

const even: RandomCase = {
  name: 'gives every byte and every bit as often as any other',
  run: async ({ fixture }) => {
    const bytes = fixture.open().bytes(new Uint8Array(65_536));
    const counts = new Array<number>(256).fill(0);
    const bits = new Array<number>(8).fill(0);
    for (const byte of bytes) {
      counts[byte] = (counts[byte] ?? 0) + 1;
      for (let bit = 0; bit < 8; bit += 1) bits[bit] = (bits[bit] ?? 0) + ((byte >> bit) & 1);
    }
    // 256 expected of each, give or take 16; 32,768 of each bit, give or take 128. Eight times that is no chance any more.
    const odd = counts.findIndex((count) => Math.abs(count - 256) > 128);
    check(odd < 0, `byte ${String(odd)} comes ${String(counts[odd])} times in 65,536, and 256 are expected`);
    const bent = bits.findIndex((count) => Math.abs(count - 32_768) > 1024);
    check(bent < 0, `bit ${String(bent)} is set ${String(bits[bent])} times in 65,536 bytes`);
    const again = bytes.subarray(0, 64).every((byte, index) => byte === bytes[index + 64]);
    check(!again, 'the bytes repeat after 64');
  },
};

const apart: RandomCase = {
  name: 'gives no two processes the same',
  run: async ({ fixture }) => {
    if (fixture.repeats === true) throw new NotApplicable('it repeats itself on purpose');
    check(fixture.open().id() !== fixture.open().id(), 'two sources begin with the same identity');
  },
};

const repeated: RandomCase = {
  name: 'gives the same again where it says that it repeats itself',
  run: async ({ fixture }) => {
    if (fixture.repeats !== true) throw new NotApplicable('it does not say that it repeats itself');
    const [first, second] = [fixture.open(), fixture.open()];
    for (let count = 0; count < 20; count += 1)
      check(first.id() === second.id(), `identity ${String(count)} of two sources of one seed differs`);
  },
};

/** What `Random` promises. That nobody can guess it, no test can show. */
export const randomSuite: ConformanceSuite<RandomFixture> = {
  port: 'random',
  cases: [fills, long, ids, even, apart, repeated],
};
