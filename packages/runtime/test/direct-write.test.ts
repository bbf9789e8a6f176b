import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ByteStream } from '@holdfast/core';
import { writeDirectly } from '../src/node/direct-write.js';
import { socketTransport } from '../src/index.js';
import { eventually } from './eventually.js';

// Real sockets take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-direct-'));
});

afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

/** A connected socket, and the other end, which reads nothing until it is told to. */
async function pair(): Promise<{ readonly socket: Socket; readonly other: Socket }> {
  const path = join(folder, 'socket');
  const arrived = new Promise<Socket>((resolve) => {
    server = createServer({ pauseOnConnect: true }, resolve).listen(path);
  });
  const socket = new Socket();
  await new Promise<void>((resolve) => socket.connect(path, resolve));
  return { socket, other: await arrived };
}

describe('bytes handed to the system past the stream', () => {
  it('arrive at once, and the system says how many it has taken', async () => {
    const { socket, other } = await pair();
    expect(writeDirectly(socket, new Uint8Array([1, 2, 3]))).toBe(3);
    const arrived = new Promise((resolve) => other.once('data', resolve));
    other.resume();
    expect(await arrived).toEqual(Buffer.from([1, 2, 3]));
    socket.destroy();
    other.destroy();
  });

  it('are taken in part by a socket that is nearly full, and not at all by a full one', async () => {
    const { socket, other } = await pair();
    const chunk = new Uint8Array(64 * 1024);
    let taken = writeDirectly(socket, chunk);
    expect(taken).toBe(chunk.length);
    for (let turn = 0; taken === chunk.length && turn < 1_000; turn += 1)
      taken = writeDirectly(socket, chunk);
    expect(taken).toBeLessThan(chunk.length);
    for (let turn = 0; taken > 0 && turn < 1_000; turn += 1) taken = writeDirectly(socket, chunk);
    expect(taken).toBe(0);
    socket.destroy();
    other.destroy();
  });

  it('are left to the socket while it has bytes of its own, and when it is gone', async () => {
    const { socket, other } = await pair();
    const chunk = new Uint8Array(1024 * 1024);
    socket.write(chunk);
    expect(socket.writableLength).toBeGreaterThan(0);
    expect(writeDirectly(socket, new Uint8Array(1))).toBe(0);
    socket.destroy();
    other.destroy();
    expect(writeDirectly(socket, new Uint8Array(1))).toBe(0);
  });

  it('keep their order among those that take the long way', async () => {
    const transport = socketTransport();
    let accept: (stream: ByteStream) => void = () => undefined;
    const accepted = new Promise<ByteStream>((resolve) => (accept = resolve));
    await using listener = await transport.listen(`unix:${join(folder, 'order')}`, (stream) =>
      accept(stream),
    );
    const client = await transport.connect(listener.address, { deadlineMs: 5_000 });
    const received: Uint8Array[] = [];
    let receivedBytes = 0;
    const server = await accepted;
    server.attach({
      data: (chunk) => {
        received.push(Uint8Array.from(chunk));
        receivedBytes += chunk.length;
        server.giveBack?.(chunk);
      },
      drain: () => undefined,
      end: () => undefined,
      close: () => undefined,
    });
    const sent: Uint8Array[] = [];
    // Sizes from a few bytes to more than a socket takes at once, alone and together, sent at once and at the end of the turn.
    for (let round = 0; round < 400; round += 1) {
      const chunks = Array.from({ length: 1 + (round % 3) }, (_, index) =>
        new Uint8Array(1 + ((round * 7_919 + index * 104_729) % 90_000)).fill(round + index),
      );
      sent.push(...chunks);
      client.write(chunks);
      if (round % 2 === 0) client.flush?.();
      if (round % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const expected = Buffer.concat(sent);
    await eventually(() => receivedBytes).toBe(expected.length);
    expect(Buffer.compare(Buffer.concat(received), expected)).toBe(0);
    client.destroy();
  });
});
