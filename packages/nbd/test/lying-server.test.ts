import { describe, expect, it } from 'vitest';
import { listExports } from '../src/client/negotiate.js';
import { ChunkType, OptionCode, OptionReplyCode } from '../src/codec/constants.js';
import {
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeListEntry,
  encodeOptionReply,
} from '../src/codec/option-reply.js';
import type { NbdErrorCode } from '../src/errors.js';
import { settle } from './support/clock.js';
import { type Answer, FakeServer, type FakeServerOptions } from './support/fake-server.js';
import { at, clock, codeOf, connect, words } from './support/faked.js';

describe('a client does not believe', () => {
  const negotiation: [string, FakeServerOptions, NbdErrorCode][] = [
    [
      'a size above 2^53 (CVE-2023-5215)',
      {
        option: (code) =>
          code === OptionCode.go
            ? goReplies(new Uint8Array([0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1]))
            : undefined,
      },
      'PROTOCOL',
    ],
    [
      'an opened export without a size',
      {
        option: (code) =>
          code === OptionCode.go ? [encodeOptionReply(code, OptionReplyCode.ack)] : undefined,
      },
      'PROTOCOL',
    ],
    [
      'size information of the wrong length',
      { option: (code) => (code === OptionCode.go ? goReplies(new Uint8Array(7)) : undefined) },
      'PROTOCOL',
    ],
    [
      'block sizes that are none',
      {
        option: (code) =>
          code === OptionCode.go
            ? goReplies(encodeInfoExport(4096, 1), encodeInfoBlockSize(3, 4096, 1))
            : undefined,
      },
      'PROTOCOL',
    ],
    [
      'an answer to another option',
      {
        option: (code) => (code === OptionCode.go ? [encodeOptionReply(99, OptionReplyCode.ack)] : undefined),
      },
      'PROTOCOL',
    ],
    [
      'an enormous answer',
      {
        option: (code) =>
          code === OptionCode.go
            ? [encodeOptionReply(code, 3).map((byte, index) => (index === 16 ? 0x7f : byte))]
            : undefined,
      },
      'PROTOCOL',
    ],
    ['garbage for an answer', { option: () => [new Uint8Array(100).fill(0xaa)] }, 'PROTOCOL'],
    [
      'a server of another protocol',
      { greeting: new Uint8Array(Buffer.from('SSH-2.0-OpenSSH_9.2p1 Debian\r\n')) },
      'PROTOCOL',
    ],
    [
      'the handshake of old',
      { greeting: new Uint8Array(Buffer.concat([Buffer.from('NBDMAGIC'), Buffer.alloc(144)])) },
      'UNSUPPORTED',
    ],
  ];

  function goReplies(...infos: Uint8Array[]): Uint8Array[] {
    return [
      ...infos.map((info) => encodeOptionReply(OptionCode.go, OptionReplyCode.info, info)),
      encodeOptionReply(OptionCode.go, OptionReplyCode.ack),
    ];
  }

  it.each(negotiation)('%s', async (_name, options, code) => {
    const server = new FakeServer(options);
    expect(await codeOf(connect(server))).toBe(code);
    expect(server.clientStream.destroyed).toBe(true);
  });

  const data = new Uint8Array(4096);
  const reading: [string, Answer][] = [
    [
      'a cookie that was never given',
      (request, server) => {
        request.cookieLow += 1;
        server.chunk(request, 1, ChunkType.offsetData, at(8192, data));
      },
    ],
    [
      'a second reply to one request',
      (request, server) => {
        server.chunk(request, 1, ChunkType.offsetData, at(8192, data));
        server.chunk(request, 1, ChunkType.offsetData, at(8192, data));
      },
    ],
    [
      'data from before the range',
      (request, server) => {
        server.chunk(request, 1, ChunkType.offsetData, at(8191, data));
      },
    ],
    [
      'data from behind the range',
      (request, server) => {
        server.chunk(request, 1, ChunkType.offsetData, at(8193, data));
      },
    ],
    [
      'data at an absurd offset',
      (request, server) => {
        const bytes = at(0, data);
        bytes.fill(0xff, 0, 8);
        server.chunk(request, 1, ChunkType.offsetData, bytes);
      },
    ],
    [
      'more data than was asked for',
      (request, server) => {
        server.chunk(request, 1, ChunkType.offsetData, at(8192, new Uint8Array(4097)));
      },
    ],
    [
      'a chunk without data',
      (request, server) => {
        server.chunk(request, 1, ChunkType.offsetData, at(8192, new Uint8Array(0)));
      },
    ],
    [
      'overlapping data',
      (request, server) => {
        server.chunk(request, 0, ChunkType.offsetData, at(8192, new Uint8Array(3000)));
        server.chunk(request, 1, ChunkType.offsetData, at(8192 + 2999, new Uint8Array(1097)));
      },
    ],
    [
      'a hole over data',
      (request, server) => {
        server.chunk(request, 0, ChunkType.offsetData, at(8192, new Uint8Array(3000)));
        server.chunk(request, 1, ChunkType.offsetHole, at(8192 + 2048, words(2048)));
      },
    ],
    [
      'half a read for a whole one',
      (request, server) => {
        server.chunk(request, 1, ChunkType.offsetData, at(8192, new Uint8Array(2048)));
      },
    ],
    [
      'nothing for a whole read',
      (request, server) => {
        server.chunk(request, 1, ChunkType.none, new Uint8Array(0));
      },
    ],
    [
      'an empty chunk with something in it',
      (request, server) => {
        server.chunk(request, 1, ChunkType.none, words(1));
      },
    ],
    [
      'an error that is none',
      (request, server) => {
        server.chunk(request, 1, ChunkType.error, new Uint8Array(6));
      },
    ],
    [
      'an error whose text is longer than the chunk',
      (request, server) => {
        server.chunk(request, 1, ChunkType.error, Uint8Array.of(0, 0, 0, 5, 0xff, 0xff));
      },
    ],
    [
      'block status for a read',
      (request, server) => {
        server.chunk(request, 1, ChunkType.blockStatus, words(77, 4096, 0));
      },
    ],
    [
      'a chunk of an unknown kind',
      (request, server) => {
        server.chunk(request, 1, 9, words(1));
      },
    ],
    [
      'an enormous chunk',
      (request, server) => {
        server.chunk(request, 1, ChunkType.error, new Uint8Array(80_000));
      },
    ],
    [
      'a simple reply where structured ones were agreed on',
      (request, server) => {
        server.simple(request, 0, data);
      },
    ],
    [
      'no reply at all',
      (_request, server) => {
        server.stream.write([new Uint8Array(32)]);
      },
    ],
  ];

  it.each(reading)('%s', async (_name, answer) => {
    const server = new FakeServer({ structured: true, answer });
    const client = await connect(server);
    const reads = [codeOf(client.read(8192, 4096)), codeOf(client.read(8192, 4096))];
    await settle();
    expect(await Promise.all(reads)).toContain('PROTOCOL');
    expect(client.isOpen).toBe(false);
    expect(await codeOf(client.read(0, 512))).toBe('PROTOCOL');
  });

  it.each([
    ['another context', words(76, 4096, 0)],
    ['no extents', words(77)],
    ['an extent of no length', words(77, 0, 0)],
    ['half an extent', words(77, 4096)],
  ])('block status of the wrong form: %s', async (_name, body) => {
    const server = new FakeServer({
      structured: true,
      answer: (request, fake) => {
        fake.chunk(request, 1, ChunkType.blockStatus, body);
      },
    });
    expect(await codeOf((await connect(server)).blockStatus(0, 4096))).toBe('PROTOCOL');
  });

  it('a late reply to a request whose place another has taken', async () => {
    let first: { cookieHigh: number; cookieLow: number } | undefined;
    const server = new FakeServer({
      answer: (request, fake) => {
        if (first === undefined) {
          first = { cookieHigh: request.cookieHigh, cookieLow: request.cookieLow };
        } else {
          expect(request.cookieLow).toBe(first.cookieLow);
          request.cookieHigh = first.cookieHigh;
        }
        fake.simple(request, 0);
      },
    });
    const client = await connect(server);
    expect(await codeOf(client.flush())).toBe('fine');
    expect(await codeOf(client.flush())).toBe('PROTOCOL');
  });

  it('an endless list of exports', async () => {
    const entry = encodeOptionReply(OptionCode.list, OptionReplyCode.server, encodeListEntry('x', ''));
    const server = new FakeServer({ option: () => Array.from({ length: 2000 }, () => entry) });
    expect(await codeOf(listExports(server.clientStream, { clock }))).toBe('LIMIT');
  });
});
