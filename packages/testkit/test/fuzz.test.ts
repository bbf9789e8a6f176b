import { describe, expect, it } from 'vitest';
import {
  Dice,
  everySplit,
  FedStream,
  fuzz,
  type FuzzTarget,
  joined,
  mutate,
  shrinkList,
  someSplit,
} from '../src/index.js';

/** Adds numbers, and goes wrong when a 7 comes after a 3. */
const adder: FuzzTarget<number> = {
  name: 'adder',
  draw: (dice) => Array.from({ length: 50 }, () => dice.below(10)),
  run: (numbers) => {
    const three = numbers.indexOf(3);
    const isWrong = three >= 0 && numbers.indexOf(7, three) >= 0;
    return Promise.resolve({ frames: numbers.length, problem: isWrong ? 'the sum is wrong' : undefined });
  },
  show: String,
};

describe('fuzzing a target', () => {
  it('finds what is wrong, keeps the two pieces that are needed, and names the seed that repeats it', async () => {
    const { failure, cases } = await fuzz(adder, { seed: 10, frames: 10_000 });
    expect(failure).toMatchObject({ problem: 'the sum is wrong', pieces: ['3', '7'], drawnPieces: 50 });
    const again = await fuzz(adder, { seed: failure?.seed ?? 0, frames: 1, casesMax: 1 });
    expect(again.failure?.seed).toBe(10 + cases - 1);
  });

  it('counts frames, and takes an error that nobody caught for a failure of its case', async () => {
    const sound = { ...adder, run: () => Promise.resolve({ frames: 100, problem: undefined }) };
    expect(await fuzz(sound, { seed: 1, frames: 950 })).toEqual({
      cases: 10,
      frames: 1_000,
      failure: undefined,
    });
    const strays = ['thrown into the void'];
    const report = await fuzz(sound, { seed: 1, frames: 950, strays: () => strays.splice(0) });
    expect(report.failure?.problem).toContain('thrown into the void');
    const throwing = { ...adder, run: () => Promise.reject(new Error('at once')) };
    expect((await fuzz(throwing, { seed: 1, frames: 1 })).failure?.problem).toContain('at once');
  });

  it('makes lists small within its number of tries', async () => {
    const all = Array.from({ length: 1_000 }, (_, index) => index);
    const fails = (some: readonly number[]): Promise<boolean> =>
      Promise.resolve(some.includes(17) && some.includes(900));
    expect(await shrinkList(all, fails)).toEqual([17, 900]);
    expect((await shrinkList(all, fails, 3)).length).toBeGreaterThan(2);
  });
});

describe('streams of bytes', () => {
  it('are damaged in many ways, by one seed always in the same', () => {
    const frame = new Uint8Array(64).map((_, at) => at);
    const made = Array.from({ length: 200 }, (_, seed) => mutate(frame, frame, new Dice(seed)).join());
    expect(Array.from({ length: 200 }, (_, seed) => mutate(frame, frame, new Dice(seed)).join())).toEqual(
      made,
    );
    expect(new Set(made).size).toBeGreaterThan(150);
  });

  it('are cut at every byte, and nothing is lost', () => {
    const stream = Uint8Array.of(1, 2, 3, 4);
    const ways = [...everySplit(stream)];
    expect(ways).toHaveLength(5);
    for (const chunks of [...ways, someSplit(stream, new Dice(1))]) expect(joined(...chunks)).toEqual(stream);
  });

  it('are fed to who is attached, wait while it pauses, and land where it wants them', async () => {
    const heard: number[] = [];
    const place = new Uint8Array(2);
    let landed = 0;
    const stream = new FedStream({ capacityBytes: 3 });
    stream.feed(Uint8Array.of(9));
    stream.attach({
      data: (chunk) => void heard.push(...chunk),
      landing: () => (landed < 2 ? place.subarray(landed) : undefined),
      landed: (lengthBytes) => void (landed += lengthBytes),
      drain: () => void heard.push(-1),
      end: () => void heard.push(-2),
      close: () => void heard.push(-3),
    });
    stream.pause();
    stream.feed(Uint8Array.of(1, 2, 3));
    expect(heard).toEqual([9]);
    stream.resume();
    expect([[...place], heard]).toEqual([
      [1, 2],
      [9, 3],
    ]);
    expect([stream.write([Uint8Array.of(1, 2)]), stream.write([Uint8Array.of(3, 4)])]).toEqual([true, false]);
    expect([...stream.take()]).toEqual([1, 2, 3, 4]);
    stream.feedEnd();
    stream.destroy();
    await Promise.resolve();
    expect(heard).toEqual([9, 3, -1, -2, -3]);
  });
});
