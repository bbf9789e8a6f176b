import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ByteStream, Listener } from '@holdfast/core';
import { socketTransport } from '../src/index.js';
import { eventually } from './eventually.js';
import { readerOf } from './reader.js';

// Real sockets take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let folder: string;
let open: (ByteStream | Listener)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-memory-'));
  open = [];
});

afterEach(async () => {
  for (const one of open) {
    if ('destroy' in one) one.destroy();
    else await one[Symbol.asyncDispose]();
  }
  await rm(folder, { recursive: true });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function pair(): Promise<{ readonly client: ByteStream; readonly server: ByteStream }> {
  const transport = socketTransport();
  let accept: (stream: ByteStream) => void = () => undefined;
  const accepted = new Promise<ByteStream>((resolve) => (accept = resolve));
  const listener = await transport.listen(`unix:${join(folder, 'socket')}`, (stream) => accept(stream));
  const client = await transport.connect(listener.address, { deadlineMs: 5_000 });
  const server = await accepted;
  open.push(client, server, listener);
  return { client, server };
}

describe('the memory that plain sockets read into', () => {
  it('is where the handler wants the bytes, on both sides, and otherwise what was given back', async () => {
    const { client, server } = await pair();
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const wanted = new Uint8Array(300_000);
      let landedBytes = 0;
      const buffers = new Set<unknown>();
      let chunkBytes = 0;
      to.attach({
        data: (chunk) => {
          chunkBytes += chunk.length;
          if (chunk.length < 8 * 1024) return;
          buffers.add(chunk.buffer);
          to.giveBack?.(chunk);
        },
        landing: () =>
          chunkBytes > 0 && landedBytes < wanted.length ? wanted.subarray(landedBytes) : undefined,
        landed: (lengthBytes) => (landedBytes += lengthBytes),
        drain: () => undefined,
        end: () => undefined,
        close: () => undefined,
      });
      from.write([bytes('x')]);
      await eventually(() => chunkBytes).toBe(1);
      for (let sent = 0; sent < wanted.length; sent += 100_000)
        from.write([new Uint8Array(100_000).fill(1 + sent / 100_000)]);
      await eventually(() => landedBytes).toBe(wanted.length);
      expect([0, 99_999, 100_000, 299_999].map((at) => wanted[at])).toEqual([1, 1, 2, 3]);

      for (let count = 0; count < 40; count += 1) {
        from.write([new Uint8Array(64 * 1024)]);
        await eventually(() => chunkBytes).toBe(1 + (count + 1) * 64 * 1024);
      }
      // Read once more where it was read before: forty pieces of a message do not need forty pieces of memory.
      expect(buffers.size).toBeLessThanOrEqual(2);
    }
  });

  it('is copied out of for a few bytes, so that who keeps them does not keep more', async () => {
    const { client, server } = await pair();
    const kept: Uint8Array[] = [];
    const ignore = (): void => undefined;
    server.attach({ data: (chunk) => kept.push(chunk), drain: ignore, end: ignore, close: ignore });
    for (const text of ['one', 'two']) {
      client.write([bytes(text)]);
      await eventually(() => kept.map((chunk) => new TextDecoder().decode(chunk)).at(-1)).toBe(text);
    }
    expect(kept.map((chunk) => [chunk.length, chunk.buffer.byteLength])).toEqual([
      [3, 3],
      [3, 3],
    ]);
  });

  it('is used again for small messages too', async () => {
    const { client, server } = await pair();
    const buffers = new Set<unknown>();
    let receivedBytes = 0;
    const ignore = (): void => undefined;
    server.attach({
      data: (chunk) => {
        receivedBytes += chunk.length;
        buffers.add(chunk.buffer);
        server.giveBack?.(chunk);
      },
      drain: ignore,
      end: ignore,
      close: ignore,
    });
    for (let count = 1; count <= 40; count += 1) {
      client.write([new Uint8Array(4_160)]);
      await eventually(() => receivedBytes).toBe(count * 4_160);
    }
    expect(buffers.size).toBe(1);
  });

  it('stays untouched by a stream that was paused just after it was resumed', async () => {
    const { client, server } = await pair();
    const serverReader = readerOf(server);
    server.pause();
    server.resume();
    server.pause();
    client.write([bytes('first')]);
    client.write([bytes('second')]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // What was asked of the system before the pause may still come, once.
    client.write([bytes('third')]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { received } = serverReader;
    expect(received).toBeLessThan('firstsecondthird'.length);
    server.resume();
    await eventually(() => serverReader.received).toBe('firstsecondthird'.length);
  });
});
