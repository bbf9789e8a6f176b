import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Command } from '../src/codec/constants.js';
import { memoryExport } from '../src/memory-export.js';
import { inheritedSockets } from '../src/node/activation.js';
import { connectNbd } from '../src/node/connect.js';
import { createNbdServer, type NodeNbdServer } from '../src/node/server.js';
import { SocketStream } from '../src/node/socket-stream.js';
import type { NbdBackend } from '../src/server/types.js';
import { pattern, same } from './support/bytes.js';
import { RawClient } from './support/raw-client.js';

const MIB = 1024 * 1024;
let folder: string;
let socketPath: string;
let server: NodeNbdServer | undefined;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nbd-sockets-'));
  socketPath = join(folder, 'disk.sock');
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

async function rawSocket(): Promise<Socket> {
  const socket = connect(socketPath);
  sockets.push(socket);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

describe('the payload of a large write', () => {
  it('is read straight into the memory that the backend gets, and that memory is used again', async () => {
    const disk = memoryExport({ sizeBytes: 4 * MIB });
    const buffers = new Set<unknown>();
    server = createNbdServer({
      exports: [
        {
          ...disk,
          open: async (session) => {
            const backend = await disk.open(session);
            const write: NbdBackend['write'] = (offsetBytes, data, options) => {
              buffers.add(data.buffer);
              return backend.write(offsetBytes, data, options);
            };
            return { ...backend, write };
          },
        },
      ],
    });
    await server.listen({ socketPath });
    const client = await connectNbd({ socketPath });
    for (let count = 0; count < 40; count += 1) {
      const data = pattern(300_000, count);
      await client.write(1_000, data);
      expect(same(await client.read(1_000, 300_000), data)).toBe(true);
    }
    await client.close();
    expect(buffers.size).toBeLessThanOrEqual(8);
  });
});

describe('a Unix socket', () => {
  it('is for its owner alone', async () => {
    server = createNbdServer({ exports: [memoryExport({ sizeBytes: MIB })] });
    await server.listen({ socketPath });
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
  });

  it('replaces a stale one, and neither one in use nor a file', async () => {
    const disk = memoryExport({ sizeBytes: MIB });
    server = createNbdServer({ exports: [disk] });
    await server.listen({ socketPath });
    const second = createNbdServer({ exports: [disk] });
    await expect(second.listen({ socketPath })).rejects.toThrow('in use');
    const file = join(folder, 'file');
    await writeFile(file, 'precious');
    await expect(second.listen({ socketPath: file })).rejects.toThrow('not a socket');
    await second.close();
    await server.close();
    const stale = createServer();
    await new Promise<void>((resolve) => stale.listen(socketPath, resolve));
    server = createNbdServer({ exports: [disk] });
    await expect(server.listen({ socketPath })).rejects.toThrow('in use');
    await new Promise((resolve) => stale.close(resolve));
    await server.listen({ socketPath });
    await using client = await connectNbd({ socketPath });
    expect(client.info.sizeBytes).toBe(MIB);
  });

  it('carries shared memory to the client without a copy', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(MIB));
    shared.set(pattern(MIB));
    let lent = 0;
    const disk = memoryExport({ sizeBytes: MIB });
    server = createNbdServer({
      exports: [
        {
          ...disk,
          open: () => ({
            write: () => undefined,
            read: (offsetBytes, lengthBytes) => {
              lent += 1;
              return {
                bytes: shared.subarray(offsetBytes, offsetBytes + lengthBytes),
                release: () => (lent -= 1),
              };
            },
          }),
          features: {
            flush: false,
            fua: false,
            trim: false,
            writeZeroes: false,
            multiConn: true,
            blockStatus: false,
          },
        },
      ],
    });
    await server.listen({ socketPath });
    await using client = await connectNbd({ socketPath });
    for (const lengthBytes of [512, 4096, 100_000, MIB]) {
      expect(same(await client.read(0, lengthBytes), pattern(MIB).subarray(0, lengthBytes))).toBe(true);
    }
    expect(lent).toBe(0);
  });

  it('loses the file when the server closes, and clients are told', async () => {
    server = createNbdServer({ exports: [memoryExport({ sizeBytes: MIB })] });
    await server.listen({ socketPath });
    const closings: unknown[] = [];
    const client = await connectNbd({ socketPath }, { onClose: (error) => closings.push(error?.code) });
    await server.close();
    await expect(client.read(0, 1)).rejects.toMatchObject({ code: 'DISCONNECTED' });
    expect(closings).toEqual(['DISCONNECTED']);
    await expect(connectNbd({ socketPath })).rejects.toMatchObject({ code: 'DISCONNECTED' });
  });
});

describe('a crowd', () => {
  it('of 1000 idle, half-open and stuck connections costs bounded memory and disturbs nobody', async () => {
    server = createNbdServer({
      exports: [memoryExport({ sizeBytes: 16 * MIB })],
      limits: { maxConnections: 1001, handshakeDeadlineMs: 600_000, connectionAllowanceBytes: 64 * 1024 },
    });
    await server.listen({ socketPath });
    const client = await connectNbd({ socketPath });
    const before = process.memoryUsage();
    for (let count = 0; count < 1000; count += 1) {
      const socket = await rawSocket();
      if (count % 4 === 0) continue; // says nothing at all
      if (count % 4 === 1) {
        socket.write(Uint8Array.of(0, 0, 0)); // half of its flags
        continue;
      }
      const raw = new RawClient(new SocketStream(socket, 'crowd'));
      await raw.open('');
      if (count % 4 === 2) {
        // begins a large write and stops
        raw.request(Command.write, 0, 8 * MIB, new Uint8Array(1000));
      } else {
        // asks for much and takes nothing
        socket.pause();
        for (let ask = 0; ask < 20; ask += 1) raw.request(Command.read, 0, MIB);
      }
    }
    expect(server.protocol.connections).toBe(1001);
    const data = pattern(4 * MIB, 3);
    await client.write(8 * MIB, data);
    expect(same(await client.read(8 * MIB, data.byteLength), data)).toBe(true);
    expect(server.protocol.budget.peakBytes).toBeLessThanOrEqual(256 * MIB);
    const after = process.memoryUsage();
    // Both ends of a thousand sockets live in this process; the budget is by far the largest part allowed.
    expect(after.rss - before.rss).toBeLessThan(450 * MIB);
    const extra = await rawSocket();
    await new Promise((resolve) => extra.once('close', resolve));
    await client.close();
  }, 60_000);
});

describe('inherited sockets', () => {
  it('are those that are meant for this process', () => {
    expect(inheritedSockets({ LISTEN_FDS: '2', LISTEN_PID: '77' }, 77)).toEqual([3, 4]);
    expect(inheritedSockets({ LISTEN_FDS: '2', LISTEN_PID: '76' }, 77)).toEqual([]);
    expect(inheritedSockets({ LISTEN_FDS: '1' }, 77)).toEqual([]);
    expect(inheritedSockets({}, 77)).toEqual([]);
    expect(() => inheritedSockets({ LISTEN_FDS: 'all', LISTEN_PID: '77' }, 77)).toThrow('LISTEN_FDS=all');
  });

  it('are asked for only where there are some', async () => {
    const lonely = createNbdServer({ exports: [memoryExport({ sizeBytes: MIB })] });
    await expect(lonely.listen({ activation: 'systemd' })).rejects.toThrow('LISTEN_FDS is not set');
    await lonely.close();
  });
});
