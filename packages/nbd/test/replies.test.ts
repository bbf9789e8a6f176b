import { describe, expect, it } from 'vitest';
import { ChunkType, Command, CommandFlag } from '../src/codec/constants.js';
import { readU32 } from '../src/codec/integers.js';
import { memoryBackend, memoryExport } from '../src/memory-export.js';
import { pattern, same } from './support/bytes.js';
import { settle } from './support/clock.js';
import { exported } from './support/exports.js';
import { chunkError, chunkOffset, type RawReply } from './support/raw-client.js';
import { World } from './support/world.js';

const MIB = 1024 * 1024;
const EINVAL = 22;
const block = new Uint8Array(512).fill(0x5a);

describe('structured replies', () => {
  async function chunks(raw: { reply(): Promise<RawReply> }): Promise<RawReply[]> {
    const all: RawReply[] = [];
    do all.push(await raw.reply());
    while (all.at(-1)?.done !== true);
    return all;
  }

  it('carry a read, slice by slice', async () => {
    const world = new World({ limits: { maxSliceBytes: 64 * 1024 } });
    const data = pattern(300_000);
    world.disk.bytes.set(data, 1000);
    const raw = world.raw();
    await raw.open('disk', { structured: true });
    raw.request(Command.read, 1000, data.byteLength);
    const parts = await chunks(raw);
    expect(parts.length).toBe(5);
    const whole = new Uint8Array(data.byteLength);
    for (const part of parts) whole.set(part.body.subarray(8), chunkOffset(part) - 1000);
    expect(same(whole, data)).toBe(true);
    // All slices after the first begin on a multiple of the slice size.
    expect(parts.slice(1).every((part) => chunkOffset(part) % (64 * 1024) === 0)).toBe(true);
  });

  it('carry a read in one chunk when the client wants that', async () => {
    const world = new World({ limits: { maxSliceBytes: 64 * 1024 } });
    world.disk.bytes.set(pattern(300_000));
    const raw = world.raw();
    await raw.open('disk', { structured: true });
    raw.request(Command.read, 0, 300_000, undefined, CommandFlag.df);
    const parts = await chunks(raw);
    expect(parts.length).toBe(1);
    expect(same(parts[0]?.body.subarray(8) ?? block, pattern(300_000))).toBe(true);
  });

  it('carry errors of reads, also in the middle', async () => {
    const world = new World({
      limits: { maxSliceBytes: 64 * 1024 },
      exports: [
        exported({
          read: (offsetBytes, lengthBytes) => {
            if (offsetBytes >= 128 * 1024) throw new Error('bad sector');
            return { bytes: new Uint8Array(lengthBytes), release: () => undefined };
          },
        }),
      ],
    });
    const raw = world.raw();
    await raw.open('disk', { structured: true });
    raw.request(Command.read, 0, 256 * 1024);
    const parts = await chunks(raw);
    expect(parts.map((part) => part.type)).toEqual([
      ChunkType.offsetData,
      ChunkType.offsetData,
      ChunkType.error,
    ]);
    raw.request(Command.read, 8 * MIB, 1);
    const refused = await raw.reply();
    expect([refused.type, chunkError(refused), refused.done]).toEqual([ChunkType.error, EINVAL, true]);
  });

  it('cut the connection when a simple reply turns out wrong half way', async () => {
    const world = new World({
      limits: { maxSliceBytes: 64 * 1024 },
      exports: [
        exported({
          read: (offsetBytes, lengthBytes) => {
            if (offsetBytes >= 128 * 1024) throw new Error('bad sector');
            return { bytes: new Uint8Array(lengthBytes), release: () => undefined };
          },
        }),
      ],
    });
    const raw = world.raw();
    await raw.open();
    raw.request(Command.read, 0, 256 * 1024);
    await raw.waitClosed();
    expect(world.closings()[0]?.because).toContain('read failed');
  });

  it('tell where holes are', async () => {
    const world = new World();
    world.disk.bytes.fill(1, 64 * 1024, 128 * 1024);
    const raw = world.raw();
    await raw.open('disk', { allocation: true });
    const extents = async (flags = 0): Promise<number[]> => {
      raw.request(Command.blockStatus, 0, 256 * 1024, undefined, flags);
      const { body, type } = await raw.reply();
      expect(type).toBe(ChunkType.blockStatus);
      return Array.from({ length: (body.byteLength - 4) / 4 }, (_, index) => readU32(body, 4 + 4 * index));
    };
    expect(await extents()).toEqual([65536, 3, 65536, 0, 131072, 3]);
    expect(await extents(CommandFlag.requestOne)).toEqual([65536, 3]);
    raw.request(Command.blockStatus, 0, 0);
    expect(chunkError(await raw.reply())).toBe(EINVAL);
  });
});

describe('large requests', () => {
  it('are served up to 64 MiB, in slices, whatever the client was advised', async () => {
    const slices: number[] = [];
    const disk = memoryExport({ name: 'disk', sizeBytes: 80 * MIB });
    const memory = memoryBackend(disk.bytes);
    const world = new World({
      exports: [
        {
          ...disk,
          open: () => ({
            ...memory,
            write: (offsetBytes, data, options) => {
              slices.push(data.byteLength);
              return memory.write(offsetBytes, data, options);
            },
          }),
        },
      ],
    });
    const raw = world.raw();
    await raw.open();
    const data = pattern(64 * MIB);
    expect(await raw.ask(Command.write, MIB / 2, data.byteLength, data)).toBe(0);
    expect(Math.max(...slices)).toBe(MIB);
    expect(slices.length).toBe(65);
    raw.request(Command.read, MIB / 2, data.byteLength);
    const reply = await raw.reply(data.byteLength);
    expect(same(reply.body, data)).toBe(true);
    expect(world.server.budget.peakBytes).toBeLessThan((16 + 8) * MIB);
  });

  it('let other replies pass only between, never inside', async () => {
    const world = new World({ limits: { maxSliceBytes: 64 * 1024 } });
    world.disk.bytes.set(pattern(MIB));
    const raw = world.raw();
    await raw.open();
    const first = raw.request(Command.read, 0, 512 * 1024);
    const second = raw.request(Command.read, 4096, 4096);
    const third = raw.request(Command.read, 512 * 1024, 512 * 1024);
    const fourth = raw.request(Command.flush, 0, 0);
    const lengths = new Map([
      [first, 512 * 1024],
      [second, 4096],
      [third, 512 * 1024],
      [fourth, 0],
    ]);
    const seen = new Set<number>();
    for (let count = 0; count < 4; count += 1) {
      // A simple reply does not say how long it is: which it is must be known before its data is read.
      const head = await raw.until(() => raw.queue.peek(16));
      const cookie = readU32(head, 12);
      const length = lengths.get(cookie) ?? 0;
      const reply = await raw.reply(length);
      seen.add(reply.cookie);
      const start = cookie === second ? 4096 : cookie === third ? 512 * 1024 : 0;
      expect(same(reply.body, pattern(MIB).subarray(start, start + length))).toBe(true);
    }
    expect(seen.size).toBe(4);
  });

  it('of zeroes reach the backend whole and cost nothing', async () => {
    const ranges: number[] = [];
    const huge = exported({
      writeZeroes: (_offset, length) => void ranges.push(length),
      trim: (_offset, length) => void ranges.push(length),
    });
    const world = new World({ exports: [{ ...huge, sizeBytes: 2 ** 40 }] });
    const raw = world.raw();
    await raw.open();
    expect(await raw.ask(Command.writeZeroes, 0, 0xffff_ffff)).toBe(0);
    expect(await raw.ask(Command.trim, 2 ** 39, 0xffff_ffff)).toBe(0);
    expect(ranges).toEqual([0xffff_ffff, 0xffff_ffff]);
    expect(world.server.budget.peakBytes).toBeLessThan(17 * MIB);
  });
});

describe('DISC', () => {
  it('lets requests in progress finish first', async () => {
    let finishWrite: (() => void) | undefined;
    const closed: string[] = [];
    const world = new World({
      exports: [
        exported({
          write: () =>
            new Promise((resolve) => {
              finishWrite = resolve;
            }),
          close: (reason) => void closed.push(reason),
        }),
      ],
    });
    const raw = world.raw();
    await raw.open();
    raw.request(Command.write, 0, 512, block);
    raw.request(Command.disconnect, 0, 0);
    await settle();
    expect([raw.ended, closed]).toEqual([false, []]);
    finishWrite?.();
    expect((await raw.reply()).error).toBe(0);
    await raw.until(() => (raw.ended ? true : undefined));
    raw.stream.end();
    await settle();
    expect(closed).toEqual(['client-disconnected']);
  });
});
