import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ByteStream, Listener, Transport } from '@holdfast/core';
import { recordingTelemetry } from '@holdfast/testkit';
import { socketTransport } from '../src/index.js';
import { eventually } from './eventually.js';
import { type Reader, readerOf } from './reader.js';
import { type Party, makeCertificates, opensslMissing } from './certificates.js';

// Real sockets, files and processes take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const missing = opensslMissing();
const skipped = missing === undefined ? '' : ` (skipped: ${missing})`;

let folder: string;
let certificates: {
  readonly folder: string;
  readonly node: Party;
  readonly other: Party;
  readonly stranger: Party;
};
let open: (ByteStream | Listener)[];

beforeAll(async () => {
  if (missing !== undefined) return;
  const made = await mkdtemp(join(tmpdir(), 'holdfast-certificates-'));
  certificates = { folder: made, ...(await makeCertificates(made)) };
});

afterAll(async () => {
  if (missing === undefined) await rm(certificates.folder, { recursive: true });
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-socket-'));
  open = [];
});

afterEach(async () => {
  for (const one of open) {
    if ('destroy' in one) one.destroy();
    else await one[Symbol.asyncDispose]();
  }
  await rm(folder, { recursive: true });
});

interface Pair {
  readonly client: ByteStream;
  readonly server: ByteStream;
  readonly clientReader: Reader;
  readonly serverReader: Reader;
}

async function pairOver(transport: Transport, address: string, other = transport): Promise<Pair> {
  let accept: (stream: ByteStream) => void = () => undefined;
  const accepted = new Promise<ByteStream>((resolve) => (accept = resolve));
  const listener = await transport.listen(address, (stream) => accept(stream));
  const client = await other.connect(listener.address, { deadlineMs: 5_000 });
  const server = await accepted;
  open.push(client, server, listener);
  return { client, server, clientReader: readerOf(client), serverReader: readerOf(server) };
}

const loopback = { allowPlaintextLoopback: true };
const pre = { kind: 'pre-shared-key', identity: 'alpha-beta', key: new Uint8Array(32).fill(7) } as const;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const carriers = [
  {
    name: 'a unix socket',
    skip: false,
    address: () => `unix:${folder}/s`,
    transport: () => socketTransport(),
  },
  {
    name: 'plain TCP on loopback',
    skip: false,
    address: () => 'tcp:127.0.0.1:0',
    transport: () => socketTransport(loopback),
  },
  {
    name: 'TLS with a pre-shared key',
    skip: false,
    address: () => 'tcp:127.0.0.1:0',
    transport: () => socketTransport({ security: pre }),
  },
  {
    name: 'TLS with certificates',
    skip: missing !== undefined,
    address: () => 'tcp:127.0.0.1:0',
    transport: () => socketTransport({ security: { kind: 'certificate', ...certificates.node } }),
  },
];

describe.each(carriers.filter(({ skip }) => !skip))('a stream over $name', ({ address, transport }) => {
  const pair = async (): Promise<Pair> => pairOver(transport(), address());

  it('carries bytes both ways, in order, and gives back every chunk', async () => {
    const { client, server, clientReader, serverReader } = await pair();
    let flushed = 0;
    client.write([bytes('he'), bytes('llo')], () => (flushed += 1));
    client.write([bytes(' world')], () => (flushed += 1));
    expect(flushed).toBe(0);
    expect(await serverReader.text(11)).toBe('hello world');
    server.write([bytes('back')]);
    expect(await clientReader.text(4)).toBe('back');
    await eventually(() => flushed).toBe(2);
  });

  it('keeps what came before anybody listened, and hands on to another handler', async () => {
    const made = transport();
    let accept: (stream: ByteStream) => void = () => undefined;
    const accepted = new Promise<ByteStream>((resolve) => (accept = resolve));
    const listener = await made.listen(address(), (stream) => accept(stream));
    const client = await made.connect(listener.address);
    client.write([bytes('early ')]);
    const server = await accepted;
    open.push(client, server, listener);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const first = readerOf(server);
    expect(await first.text(6)).toBe('early ');
    const second = readerOf(server);
    client.write([bytes('late')]);
    expect(await second.text(4)).toBe('late');
    expect(first.received).toBe(6);
  });

  it('says stop above the high-water mark and drain when there is room again', async () => {
    const { client, serverReader, server, clientReader } = await pair();
    server.pause();
    const piece = new Uint8Array(256 * 1024);
    let wrote = 0;
    let flushedBytes = 0;
    let full = false;
    for (let count = 0; count < 200 && !full; count += 1) {
      full = !client.write([piece], () => (flushedBytes += piece.length));
      wrote += piece.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(full).toBe(true);
    expect(clientReader.drains).toBe(0);
    expect(wrote - flushedBytes).toBeLessThanOrEqual(1024 * 1024 + piece.length);
    server.resume();
    await eventually(() => clientReader.drains).toBe(1);
    await eventually(() => serverReader.received).toBe(wrote);
    expect(flushedBytes).toBe(wrote);
  });

  it('ends in order: what was written arrives, the other side may still answer, both close without an error', async () => {
    const { client, server, clientReader, serverReader } = await pair();
    client.write([bytes('question')]);
    client.end();
    expect(await serverReader.text(8)).toBe('question');
    await eventually(() => serverReader.ended).toBe(true);
    server.write([bytes('answer')]);
    server.end();
    expect(await clientReader.text(6)).toBe('answer');
    await eventually(() => [clientReader.closes, serverReader.closes]).toEqual([[undefined], [undefined]]);
  });

  it('destroys at once: one close here, one there, and every chunk is given back', async () => {
    const { client, clientReader, serverReader } = await pair();
    let flushed = 0;
    client.write([new Uint8Array(4 * 1024 * 1024)], () => (flushed += 1));
    client.destroy();
    expect(clientReader.closes).toHaveLength(0);
    await eventually(() => clientReader.closes.length).toBe(1);
    expect(flushed).toBe(1);
    expect(client.write([bytes('x')], () => (flushed += 1))).toBe(false);
    await eventually(() => flushed).toBe(2);
    // Without a reset, which only plain TCP has, the other side is told of an end.
    await eventually(() => serverReader.ended || serverReader.closes.length === 1).toBe(true);
  });
});

describe('TCP', () => {
  it('tells the other side of a destroyed stream by a reset', async () => {
    const { client, serverReader } = await pairOver(socketTransport(loopback), 'tcp:127.0.0.1:0');
    client.write([bytes('half of a mess')]);
    await serverReader.text(14);
    client.destroy();
    await eventually(() => serverReader.closes).toMatchObject([{ code: 'UNREACHABLE' }]);
    expect(serverReader.ended).toBe(false);
  });

  it('refuses plain text unless it is allowed and stays on this machine', async () => {
    const strict = socketTransport();
    await expect(strict.connect('tcp:127.0.0.1:1')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(strict.listen('tcp:127.0.0.1:0', () => undefined)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    const local = socketTransport(loopback);
    await expect(local.listen('tcp:0.0.0.0:0', () => undefined)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(local.connect('tcp:192.0.2.1:10809')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('is UNREACHABLE where nobody listens, and gives up at a deadline or an abort', async () => {
    const transport = socketTransport(loopback);
    const listener = await transport.listen('tcp:127.0.0.1:0', () => undefined);
    const { address } = listener;
    await listener[Symbol.asyncDispose]();
    await expect(transport.connect(address)).rejects.toMatchObject({ code: 'UNREACHABLE', retryable: true });

    // It accepts and says nothing, so a handshake never ends.
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const bound = mute.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const secured = socketTransport({ security: pre });
    const target = `tcp:127.0.0.1:${String(port)}`;
    await expect(secured.connect(target, { deadlineMs: 30 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const abort = new AbortController();
    const connecting = secured.connect(target, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(connecting).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(secured.connect(target, { signal: abort.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    mute.close();
  });

  it('says what an address looks like', async () => {
    for (const address of [
      'tcp:host',
      'tcp:host:70000',
      'unix:relative',
      'http://x',
      `unix:/${'x'.repeat(120)}`,
    ]) {
      await expect(socketTransport(loopback).connect(address)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
    }
  });
});

describe('who may talk to whom', () => {
  it('proves the pre-shared key and refuses another one in connect itself', async () => {
    const telemetry = recordingTelemetry();
    const here = socketTransport({ security: pre, telemetry });
    const { client, server } = await pairOver(here, 'tcp:127.0.0.1:0');
    expect(client.identity).toEqual({ how: 'pre-shared-key', names: ['alpha-beta'] });
    expect(server.identity).toEqual({ how: 'pre-shared-key', names: ['alpha-beta'] });

    const listener = await here.listen('tcp:127.0.0.1:0', (stream) => open.push(stream));
    open.push(listener);
    const wrongKey = socketTransport({ security: { ...pre, key: new Uint8Array(32).fill(8) } });
    await expect(wrongKey.connect(listener.address)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
    const wrongName = socketTransport({ security: { ...pre, identity: 'somebody' } });
    await expect(wrongName.connect(listener.address)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
    await eventually(() => telemetry.ofKind('stream-refused').length).toBe(2);
  });

  it('refuses a short key', () => {
    expect(() => socketTransport({ security: { ...pre, key: new Uint8Array(8) } })).toThrow(
      /at least 16 bytes/,
    );
  });

  it.skipIf(missing !== undefined)(
    `takes certificates of its own authority and names only${skipped}`,
    async () => {
      const { node, other, stranger } = certificates;
      const server = socketTransport({
        security: { kind: 'certificate', ...node, peerNames: ['other.example'] },
      });
      const friend = socketTransport({
        security: { kind: 'certificate', ...other, peerNames: ['node.example'] },
      });
      const pair = await pairOver(server, 'tcp:127.0.0.1:0', friend);
      expect(pair.client.identity).toMatchObject({ how: 'certificate' });
      expect(pair.client.identity?.names).toContain('node.example');
      expect(pair.server.identity?.names).toContain('other.example');

      const accepted: ByteStream[] = [];
      const listener = await server.listen('tcp:127.0.0.1:0', (stream) => accepted.push(stream));
      open.push(listener);
      const enemy = socketTransport({
        security: { kind: 'certificate', ...stranger, peerNames: ['node.example'] },
      });
      // The client has finished before the server looks at its certificate, so it learns a moment later.
      const refused = await enemy.connect(listener.address);
      const refusedReader = readerOf(refused);
      await eventually(() => refusedReader.ended || refusedReader.closes.length > 0).toBe(true);
      const misnamed = socketTransport({
        security: { kind: 'certificate', ...node, peerNames: ['nobody.example'] },
      });
      await expect(misnamed.connect(listener.address)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
      // Right authority, wrong name, and the client side is content: the server closes right after the handshake.
      const wrongPeer = socketTransport({
        security: { kind: 'certificate', ...node, peerNames: ['node.example'] },
      });
      const stream = await wrongPeer.connect(listener.address);
      const reader = readerOf(stream);
      open.push(stream);
      await eventually(() => reader.closes.length + (reader.ended ? 1 : 0)).toBeGreaterThan(0);
      expect(accepted).toHaveLength(0);
    },
  );
});

describe('a unix listener', () => {
  it('is for its owner only, and leaves nothing behind', async () => {
    const listener = await socketTransport().listen(`unix:${folder}/own`, () => undefined);
    expect(((await stat(`${folder}/own`)).mode & 0o777).toString(8)).toBe('600');
    await listener[Symbol.asyncDispose]();
    await expect(stat(`${folder}/own`)).rejects.toThrow('ENOENT');
  });

  it('lets accepted streams live on when it is closed', async () => {
    const { client, serverReader } = await pairOver(socketTransport(), `unix:${folder}/live`);
    const listener = open.at(-1);
    if (listener !== undefined && !('destroy' in listener)) await listener[Symbol.asyncDispose]();
    client.write([bytes('still here')]);
    expect(await serverReader.text(10)).toBe('still here');
  });

  it('takes over a file that a dead process left, and no other file', async () => {
    const transport = socketTransport();
    const path = `${folder}/stale`;
    const listener = await transport.listen(`unix:${path}`, () => undefined);
    open.push(listener);
    await expect(transport.listen(`unix:${path}`, () => undefined)).rejects.toMatchObject({
      code: 'ALREADY_OPEN',
    });

    const { spawnSync } = await import('node:child_process');
    const dead = `${folder}/dead`;
    const script = `require('node:net').createServer().listen(${JSON.stringify(dead)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect((await stat(dead)).isSocket()).toBe(true);
    open.push(await transport.listen(`unix:${dead}`, () => undefined));

    await writeFile(`${folder}/file`, 'precious');
    await expect(transport.listen(`unix:${folder}/file`, () => undefined)).rejects.toMatchObject({
      code: 'ALREADY_OPEN',
    });
    expect((await stat(`${folder}/file`)).size).toBe(8);
  });
});
