import { describe, expect, it } from 'vitest';
import { listExports } from '../src/client/negotiate.js';
import { ChunkType, Command, OptionCode, OptionReplyCode } from '../src/codec/constants.js';
import { writeU64 } from '../src/codec/integers.js';
import { encodeOptionReply } from '../src/codec/option-reply.js';
import type { NbdErrorCode } from '../src/errors.js';
import { memoryExport } from '../src/memory-export.js';
import { settle } from './support/clock.js';
import { FakeServer } from './support/fake-server.js';
import { at, clock, codeOf, connect, words } from './support/faked.js';
import { World } from './support/world.js';

describe('a client', () => {
  it('puts a read together from chunks and holes in any order', async () => {
    const server = new FakeServer({
      structured: true,
      answer: (request, fake) => {
        fake.chunk(request, 0, ChunkType.offsetData, at(3000, new Uint8Array(1000).fill(3)));
        fake.chunk(request, 0, ChunkType.offsetHole, at(1000, words(2000)));
        fake.chunk(request, 0, ChunkType.offsetData, at(0, new Uint8Array(1000).fill(1)));
        fake.chunk(request, 1, ChunkType.none, new Uint8Array(0));
      },
    });
    const client = await connect(server);
    const bytes = await client.read(0, 4000);
    expect([bytes[0], bytes[999], bytes[1000], bytes[2999], bytes[3000], bytes[3999]]).toEqual([
      1, 1, 0, 0, 3, 3,
    ]);
  });

  it('tells the server’s words with its error', async () => {
    const text = Buffer.from('bad\nsector');
    const body = new Uint8Array(Buffer.concat([Uint8Array.of(0, 0, 0, 5, 0, text.length), text]));
    const server = new FakeServer({
      structured: true,
      answer: (request, fake) => {
        fake.chunk(request, 1, ChunkType.error, body);
      },
    });
    const client = await connect(server);
    await expect(client.read(0, 512)).rejects.toThrow('EIO for 512 bytes at 0: bad sector');
    expect(client.isOpen).toBe(true);
  });

  it('falls back to EXPORT_NAME with a server that does not know GO', async () => {
    const reply = new Uint8Array(10);
    writeU64(reply, 0, 65_536);
    reply[9] = 1;
    const server = new FakeServer({
      option: (code) =>
        code === OptionCode.exportName
          ? [reply]
          : code === OptionCode.go
            ? [encodeOptionReply(code, OptionReplyCode.unsupported)]
            : undefined,
    });
    const client = await connect(server, { exportName: 'old' });
    expect(client.info).toMatchObject({
      name: 'old',
      sizeBytes: 65_536,
      canFlush: false,
      structuredReplies: false,
    });
  });

  it.each([
    [OptionReplyCode.unknown, 'UNKNOWN_EXPORT'],
    [OptionReplyCode.policy, 'REFUSED'],
    [OptionReplyCode.tlsRequired, 'TLS_REQUIRED'],
    [OptionReplyCode.shutdown, 'ESHUTDOWN'],
    [OptionReplyCode.blockSizeRequired, 'REFUSED'],
  ] as const)('says why the export was refused (%i)', async (reply, code) => {
    const server = new FakeServer({
      option: (option) => (option === OptionCode.go ? [encodeOptionReply(option, reply)] : undefined),
    });
    expect(await codeOf(connect(server))).toBe(code);
  });

  it('gives up a negotiation by deadline and by signal', async () => {
    const silent = { option: () => [] };
    const slow = codeOf(connect(new FakeServer(silent), { limits: { handshakeDeadlineMs: 50 } }));
    await settle();
    clock.advance(50);
    expect(await slow).toBe('DEADLINE');
    const controller = new AbortController();
    const aborted = codeOf(connect(new FakeServer(silent), { signal: controller.signal }));
    await settle();
    controller.abort();
    expect(await aborted).toBe('ABORTED');
    expect(clock.timers).toBe(0);
  });

  it('stops waiting by deadline and by signal, and drops the late reply', async () => {
    const late: (() => void)[] = [];
    const server = new FakeServer({
      answer: (request, fake) => {
        const { cookieHigh, cookieLow, lengthBytes, command } = request;
        const copy = Object.assign(
          Object.create(Object.getPrototypeOf(request) as object) as typeof request,
          { cookieHigh, cookieLow },
        );
        late.push(() => {
          fake.simple(
            copy,
            0,
            command === Command.read ? new Uint8Array(lengthBytes).fill(5) : new Uint8Array(0),
          );
        });
      },
    });
    const client = await connect(server);
    const controller = new AbortController();
    const target = new Uint8Array(512);
    const calls = [
      codeOf(client.readInto(0, target, { deadlineMs: 100 })),
      codeOf(client.read(512, 512, { signal: controller.signal })),
      codeOf(client.write(0, new Uint8Array(512), { deadlineMs: 300 })),
      codeOf(client.read(1024, 512, { deadlineMs: 10_000 })),
    ];
    await settle();
    clock.advance(100);
    controller.abort();
    clock.advance(200);
    await settle();
    for (const answer of late) answer();
    expect(await Promise.all(calls)).toEqual(['DEADLINE', 'ABORTED', 'DEADLINE', 'fine']);
    expect(target[0]).toBe(0);
    expect(client.requestsInFlight).toBe(0);
    expect(await codeOf(client.read(0, 512, { signal: controller.signal }))).toBe('ABORTED');
    client.destroy();
    expect(clock.timers).toBe(0);
  });

  it('has only so many requests on the way, and sends none that nobody waits for', async () => {
    const waiting: (() => void)[] = [];
    const server = new FakeServer({
      answer: (request, fake) => {
        const { cookieHigh, cookieLow } = request;
        waiting.push(() => {
          fake.simple(Object.assign(Object.create(null) as typeof request, { cookieHigh, cookieLow }), 0);
        });
      },
    });
    const client = await connect(server, { limits: { maxRequestsInFlight: 4 } });
    const controller = new AbortController();
    const calls = Array.from({ length: 20 }, (_, index) =>
      codeOf(client.flush(index === 10 ? { signal: controller.signal } : {})),
    );
    await settle();
    expect([server.seen.length, client.requestsInFlight]).toEqual([4, 4]);
    controller.abort();
    while (waiting.length > 0) {
      for (const answer of waiting.splice(0)) answer();
      await settle(2);
    }
    expect((await Promise.all(calls)).filter((code) => code !== 'fine')).toEqual(['ABORTED']);
    expect(server.seen.length).toBe(19);
  });

  it('sends what was asked for in one turn as one write', async () => {
    let writes = 0;
    const server = new FakeServer({
      answer: (request, fake) => {
        fake.simple(request, 0);
      },
    });
    const original = server.clientStream.write.bind(server.clientStream);
    server.clientStream.write = (chunks, flushed) => {
      writes += 1;
      return original(chunks, flushed);
    };
    const batching = await connect(server);
    writes = 0;
    await Promise.all(
      Array.from({ length: 32 }, (_, index) => batching.write(index * 4096, new Uint8Array(4096))),
    );
    expect(writes).toBe(1);
  });

  it('refuses what cannot be right before it is sent', async () => {
    const world = new World({ exports: [memoryExport({ name: 'disk', sizeBytes: 4096, readOnly: true })] });
    const client = await world.connect();
    const calls: [Promise<unknown>, NbdErrorCode][] = [
      [client.read(4096, 1), 'EINVAL'],
      [client.read(-1, 1), 'EINVAL'],
      [client.read(0.5, 1), 'EINVAL'],
      [client.read(0, Number.MAX_SAFE_INTEGER), 'EINVAL'],
      [client.write(0, new Uint8Array(1)), 'EPERM'],
      [client.writeZeroes(0, 1), 'EPERM'],
      [client.trim(0, 1), 'UNSUPPORTED'],
    ];
    for (const [call, code] of calls) expect(await codeOf(call)).toBe(code);
    expect((await client.read(0, 0)).byteLength).toBe(0);
    await client.close();
    expect(await codeOf(client.read(0, 1))).toBe('CLOSED');
  });

  it('waits with its goodbye for the calls in progress', async () => {
    let answer: (() => void) | undefined;
    const server = new FakeServer({
      answer: (request, fake) => {
        answer = () => {
          fake.simple(request, 0);
        };
      },
    });
    const closings: unknown[] = [];
    const client = await connect(server, { onClose: (error) => closings.push(error) });
    const flushed = client.flush();
    await settle();
    const closed = client.close();
    await settle();
    expect(server.seen).toEqual([Command.flush]);
    answer?.();
    await flushed;
    await closed;
    expect(server.seen).toEqual([Command.flush, Command.disconnect]);
    expect(closings).toEqual([undefined]);
  });

  it('lists exports', async () => {
    const world = new World({
      exports: [
        memoryExport({ name: 'a', sizeBytes: 1, description: 'first' }),
        memoryExport({ name: 'b', sizeBytes: 1 }),
      ],
    });
    expect(await listExports(world.stream(), { clock })).toEqual([
      { name: 'a', description: 'first' },
      { name: 'b', description: '' },
    ]);
    await settle();
    expect(world.server.connections).toBe(0);
  });
});
