import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Command } from '../src/codec/constants.js';
import { memoryBackend, memoryExport } from '../src/memory-export.js';
import { NbdByteBudget } from '../src/server/budget.js';
import type { NbdBackend, NbdReadBuffer } from '../src/server/types.js';
import { pattern, same } from './support/bytes.js';
import { settle } from './support/clock.js';
import { exported } from './support/exports.js';
import { landings } from './support/pair.js';
import { World } from './support/world.js';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('the byte budget', () => {
  it('lets everybody finish when it is far smaller than all half-received writes', async () => {
    const budget = new NbdByteBudget(2 * MIB);
    const world = new World({ budget, limits: { connectionAllowanceBytes: 64 * KIB, maxConnections: 16 } });
    const setAside = budget.usedBytes;
    const clients = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const raw = world.raw();
        await raw.open();
        return raw;
      }),
    );
    // Each has begun a write of 1 MiB and goes on only after all others have begun theirs, one piece at a time.
    const data = pattern(MIB);
    for (const raw of clients) raw.request(Command.write, 0, MIB, data.subarray(0, 1000));
    await settle();
    expect(budget.usedBytes).toBeLessThanOrEqual(2 * MIB);
    for (let position = 1000; position < MIB; position += 100_000) {
      for (const raw of clients) raw.send(data.slice(position, position + 100_000));
      await settle(2);
    }
    for (const raw of clients) expect((await raw.reply()).error).toBe(0);
    expect(same(world.disk.bytes.subarray(0, MIB), data)).toBe(true);
    expect(budget.peakBytes).toBeLessThanOrEqual(2 * MIB);
    for (const raw of clients) raw.stream.destroy();
    await settle();
    expect([budget.usedBytes, budget.waiting]).toEqual([setAside, 0]);
    await world.server.close();
    expect(budget.usedBytes).toBe(0);
  });

  it('may be taken by clients that stop half way, and the others are still served', async () => {
    const budget = new NbdByteBudget(6 * MIB);
    const world = new World({ budget, limits: { maxConnections: 24 } });
    for (let count = 0; count < 20; count += 1) {
      const raw = world.raw();
      await raw.open();
      raw.request(Command.write, 0, MIB, new Uint8Array(10));
    }
    await settle();
    expect(budget.totalBytes - budget.usedBytes).toBeLessThan(MIB);
    const client = await world.connect();
    const data = pattern(3 * MIB);
    await client.write(4 * MIB, data);
    expect(same(await client.read(4 * MIB, data.byteLength), data)).toBe(true);
    expect(budget.peakBytes).toBeLessThanOrEqual(6 * MIB);
  });

  it('must hold the allowances of all connections, of all servers that share it', () => {
    const budget = new NbdByteBudget(20 * MIB);
    expect(new World({ budget }).server.budget.usedBytes).toBe(16 * MIB);
    expect(() => new World({ budget })).toThrow(
      'need 16777216 bytes of the budget, which has 4194304 of 20971520 left',
    );
    expect(new World({ budget, limits: { maxConnections: 32 } }).server.budget.usedBytes).toBe(20 * MIB);
  });

  it('pays for a whole received chunk as long as a backend holds a few bytes of it', async () => {
    let answer: (() => void) | undefined;
    const world = new World({
      exports: [exported({ write: () => new Promise((resolve) => (answer = resolve)) })],
    });
    const raw = world.raw();
    await raw.open();
    const before = world.server.budget.usedBytes;
    raw.request(Command.write, 0, 1, Uint8Array.of(1));
    for (let count = 0; count < 2; count += 1)
      raw.request(Command.write, 0, 200 * KIB, new Uint8Array(200 * KIB));
    await settle();
    expect(world.server.budget.usedBytes).toBeGreaterThan(before + 64 * KIB);
    answer?.();
  });
});

/** A backend that answers late and in any order, and checks how it is treated. */
class UnrulyBackend implements NbdBackend {
  readonly waiting: (() => void)[] = [];
  lent = 0;
  readonly #memory: NbdBackend;
  readonly #late: (call: number) => boolean;
  #calls = 0;

  constructor(bytes: Uint8Array, late: (call: number) => boolean) {
    this.#memory = memoryBackend(bytes);
    this.#late = late;
  }

  read(offsetBytes: number, lengthBytes: number): NbdReadBuffer | Promise<NbdReadBuffer> {
    this.lent += 1;
    return this.#answer(async () => {
      const { bytes } = await this.#memory.read(offsetBytes, lengthBytes);
      const copy = bytes.slice();
      return {
        bytes: copy,
        release: () => {
          this.lent -= 1;
          copy.fill(0xee);
        },
      };
    });
  }

  async write(offsetBytes: number, data: Uint8Array, options: { fua: boolean }): Promise<void> {
    await this.#answer(() => Promise.resolve());
    await this.#memory.write(offsetBytes, data, options);
  }

  #answer<T>(make: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    if (!this.#late(this.#calls)) return make();
    return new Promise((resolve) => {
      this.waiting.push(() => {
        resolve(make());
      });
    });
  }
}

describe('any mixture of requests', () => {
  const size = 256 * KIB;
  const operation = fc.record({
    write: fc.boolean(),
    offsetBytes: fc.nat(size - 1),
    lengthBytes: fc.integer({ min: 1, max: 100_000 }),
    seed: fc.nat(255),
  });

  it('over any pieces, with any budget, does to the disk what it would do to an array', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(16 * KIB, 64 * KIB, 128 * KIB),
        fc.constantFrom(0, 64 * KIB, 4 * MIB),
        fc.constantFrom(8 * KIB, 64 * KIB, MIB),
        fc.boolean(),
        fc.integer({ min: 1, max: 4 }),
        async (
          operations,
          pieces,
          connectionAllowanceBytes,
          shared,
          maxSliceBytes,
          structuredReplies,
          lateEvery,
        ) => {
          const disk = memoryExport({ name: 'disk', sizeBytes: size });
          const model = new Uint8Array(size);
          const backend = new UnrulyBackend(disk.bytes, (call) => call % lateEvery === 0);
          const budget = new NbdByteBudget(connectionAllowanceBytes + shared);
          const world = new World({
            budget,
            limits: { connectionAllowanceBytes, maxSliceBytes, maxConnections: 1 },
            exports: [
              {
                ...disk,
                features: {
                  ...disk.features,
                  flush: false,
                  trim: false,
                  writeZeroes: false,
                  cache: false,
                  blockStatus: false,
                },
                open: () => backend,
              },
            ],
          });
          const client = await world.connect({ structuredReplies }, { pieces, capacityBytes: 100_000 });
          const answering = new AbortController();
          const answers = (async () => {
            while (!answering.signal.aborted) {
              backend.waiting.pop()?.();
              await settle(1);
            }
          })();
          // Overlapping requests may be done in any order, so each waits for those it overlaps.
          const doing: { start: number; end: number; done: Promise<unknown> }[] = [];
          for (const { write, offsetBytes, lengthBytes, seed } of operations) {
            const start = offsetBytes;
            const end = Math.min(size, offsetBytes + lengthBytes);
            await Promise.all(
              doing.filter((other) => other.start < end && start < other.end).map((other) => other.done),
            );
            if (write) {
              const data = pattern(end - start, seed);
              model.set(data, start);
              doing.push({ start, end, done: client.write(start, data) });
            } else {
              const expected = model.slice(start, end);
              const done = client.read(start, end - start).then((bytes) => {
                expect(same(bytes, expected)).toBe(true);
              });
              doing.push({ start, end, done });
            }
          }
          await Promise.all(doing.map((one) => one.done));
          await client.close();
          await settle(3);
          answering.abort();
          await answers;
          expect(same(disk.bytes, model)).toBe(true);
          await world.server.close();
          expect([backend.lent, budget.usedBytes, budget.waiting, world.server.connections]).toEqual([
            0, 0, 0, 0,
          ]);
          expect(budget.peakBytes).toBeLessThanOrEqual(budget.totalBytes);
        },
      ),
      { numRuns: 60 },
    );
    // Most of what is larger than a piece is read to where it belongs.
    expect(landings.bytes).toBeGreaterThan(1024 * 1024);
  }, 30_000);
});
