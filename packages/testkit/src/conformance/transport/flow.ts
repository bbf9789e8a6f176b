import type { ByteStream, ByteStreamHandler } from '@holdfast/core';
import { check, NotApplicable, sameBytes } from '../expect.js';
import {
  connected,
  End,
  listening,
  PATIENCE_MS,
  type TransportCase,
  type TransportContext,
} from './fixture.js';

const TOTAL_BYTES = 1_500_000;

function piece({ random }: TransportContext): Uint8Array {
  const most = random.below(5) === 0 ? 120_000 : 3000;
  return random.bytes(new Uint8Array(random.below(most)));
}

function together(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of pieces) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

/** Sends pieces until `TOTAL_BYTES` are gone, waiting for `drain` whenever it is asked to. Gives back what it sent. */
async function sendMuch(context: TransportContext, from: End, totalBytes = TOTAL_BYTES): Promise<Uint8Array> {
  const sent: Uint8Array[] = [];
  for (let lengthBytes = 0; lengthBytes < totalBytes;) {
    const pieces = Array.from({ length: 1 + context.random.below(3) }, () => piece(context));
    sent.push(...pieces.map((bytes) => bytes.slice()));
    for (const bytes of pieces) lengthBytes += bytes.length;
    const drains = from.told.filter((what) => what === 'drain').length;
    if (from.stream.write(pieces)) continue;
    await from.until(
      ({ told }) => told.filter((what) => what === 'drain').length > drains,
      'the `drain` after a write that said false',
    );
  }
  return together(sent);
}

const bothWays: TransportCase = {
  name: 'carries bytes in order and whole, in both directions at once',
  run: async (context) => {
    const { client, server } = await connected(context);
    const [out, back] = await Promise.all([sendMuch(context, client), sendMuch(context, server)]);
    await server.until(
      ({ lengthBytes }) => lengthBytes >= out.length,
      `the last of ${String(out.length)} bytes`,
    );
    await client.until(
      ({ lengthBytes }) => lengthBytes >= back.length,
      `the last of ${String(back.length)} bytes`,
    );
    sameBytes(server.bytes(), out, 'what the server has received');
    sameBytes(client.bytes(), back, 'what the client has received');
  },
};

const flushed: TransportCase = {
  name: 'calls flushed for every write, and does not look at its chunks after that',
  run: async (context) => {
    const { client, server } = await connected(context);
    const sent: Uint8Array[] = [];
    let count = 0;
    for (let index = 0; index < 60; index += 1) {
      const bytes =
        index === 7
          ? new Uint8Array(0)
          : context.random.bytes(new Uint8Array(1 + context.random.below(20_000)));
      sent.push(bytes.slice());
      client.stream.write([bytes], () => {
        count += 1;
        bytes.fill(0xdd);
      });
    }
    const all = together(sent);
    await server.until(({ lengthBytes }) => lengthBytes >= all.length, 'the last byte');
    await context.sleep(5);
    check(count === 60, `flushed was called for ${String(count)} of 60 writes`);
    sameBytes(server.bytes(), all, 'what came of chunks that were used again after flushed');
  },
};

const beforeAttach: TransportCase = {
  name: 'keeps what comes before anybody is attached',
  run: async (context) => {
    const { client, server } = await connected(context, false);
    const bytes = context.random.bytes(new Uint8Array(30_000));
    client.stream.write([bytes.slice()]);
    await context.sleep(30);
    check(server.told.length === 0, 'a handler is told before it is attached');
    server.stream.attach(server);
    await server.until(
      ({ lengthBytes }) => lengthBytes >= bytes.length,
      'what was sent before the handler was there',
    );
    sameBytes(server.bytes(), bytes, 'what was sent before the handler was there');
  },
};

const handedOn: TransportCase = {
  name: 'tells the handler that was attached last, and no other',
  run: async (context) => {
    const { client, server } = await connected(context);
    client.stream.write([Uint8Array.of(1, 2, 3)]);
    await server.until(({ lengthBytes }) => lengthBytes === 3, 'the first bytes');
    const second = new End(server.stream, context);
    server.stream.attach(second);
    client.stream.write([Uint8Array.of(4, 5)]);
    await second.until(
      ({ lengthBytes }) => lengthBytes === 2,
      'what was sent after the stream was handed on',
    );
    sameBytes(second.bytes(), Uint8Array.of(4, 5), 'what the second handler got');
    check(server.lengthBytes === 3, 'the first handler gets bytes after the stream was handed on');
  },
};

const backPressure: TransportCase = {
  name: 'says false when too much waits, and drains when the other side reads on',
  run: async (context) => {
    const { client, server } = await connected(context);
    server.stream.pause();
    await context.sleep(5);
    const chunk = context.random.bytes(new Uint8Array(64 * 1024));
    let sentBytes = 0;
    let isFull = false;
    // 64 MiB is more than any stream should let wait.
    for (let count = 0; count < 1024 && !isFull; count += 1) {
      isFull = !client.stream.write([chunk.slice()]);
      sentBytes += chunk.length;
      if (count % 16 === 0) await context.sleep(0);
    }
    check(
      isFull,
      `write still says true with ${String(sentBytes)} bytes that nobody reads: memory without bound`,
    );
    const before = server.lengthBytes;
    await context.sleep(30);
    check(server.lengthBytes === before, 'a paused stream goes on telling its handler of data');
    server.stream.resume();
    await client.until(({ told }) => told.includes('drain'), 'the `drain` after the other side has read on');
    await server.until(
      ({ lengthBytes }) => lengthBytes >= sentBytes,
      `the last of ${String(sentBytes)} bytes`,
    );
    check(server.lengthBytes === sentBytes, 'more bytes came than were sent');
  },
};

const MANY = 12;

const apart: TransportCase = {
  name: 'keeps many streams apart',
  run: async (context) => {
    const { listener, next } = await listening(context);
    const echoes: Promise<void>[] = [];
    const clients = await Promise.all(
      Array.from({ length: MANY }, async (_, index) => {
        const stream = await context.fixture.client.connect(listener.address, { deadlineMs: PATIENCE_MS });
        const client = new End(stream, context);
        stream.attach(client);
        echoes.push(next().then((end) => echo(end, context)));
        stream.write([new Uint8Array(5000).fill(index)]);
        return client;
      }),
    );
    await Promise.all(echoes);
    for (const [index, client] of clients.entries()) {
      await client.until(({ lengthBytes }) => lengthBytes >= 5000, `the echo of stream ${String(index)}`);
      sameBytes(client.bytes(), new Uint8Array(5000).fill(index), `the echo of stream ${String(index)}`);
    }
  },
};

function echo(stream: ByteStream, context: TransportContext): void {
  const end = new End(stream, context);
  const handler: ByteStreamHandler = {
    data: (chunk) => void stream.write([chunk.slice()]),
    drain: () => undefined,
    end: () => end.end(),
    close: (error) => end.close(error),
  };
  stream.attach(handler);
}

const landing: TransportCase = {
  name: 'brings every byte once where the handler names memory to land in',
  run: async (context) => {
    const { client, server } = await connected(context, false);
    const target = new Uint8Array(200_000);
    let filled = 0;
    const handler: ByteStreamHandler = {
      data: (chunk) => {
        target.set(chunk, filled);
        filled += chunk.length;
        server.data(chunk);
      },
      landing: () => (filled < target.length ? target.subarray(filled) : undefined),
      landed: (lengthBytes) => {
        server.data(target.subarray(filled, filled + lengthBytes));
        filled += lengthBytes;
      },
      drain: () => undefined,
      end: () => server.end(),
      close: (error) => server.close(error),
    };
    server.stream.attach(handler);
    const sent = await sendMuch(context, client, 100_000);
    await server.until(
      ({ lengthBytes }) => lengthBytes >= sent.length,
      `the last of ${String(sent.length)} bytes`,
    );
    sameBytes(server.bytes(), sent, 'what came with memory named to land in');
    sameBytes(target.subarray(0, Math.min(filled, target.length)), sent, 'the memory that it landed in');
  },
};

const ownMemory: TransportCase = {
  name: 'takes part in the optional memory calls without a change to the bytes',
  run: async (context) => {
    const { client, server } = await connected(context);
    const { stream } = client;
    if (stream.allocate === undefined && stream.flush === undefined && stream.giveBack === undefined)
      throw new NotApplicable('its streams have none of `flush`, `allocate` and `giveBack`');
    const memory = stream.allocate?.(40_000) ?? new Uint8Array(40_000);
    check(memory.length === 40_000, `allocate gives ${String(memory.length)} of 40000 bytes`);
    const expected = context.random.bytes(memory).slice();
    stream.write([memory]);
    stream.flush?.();
    await server.until(({ lengthBytes }) => lengthBytes >= expected.length, 'bytes of allocated memory');
    sameBytes(server.bytes(), expected, 'what came of allocated memory');
    const second = new GivingBack(server, context);
    server.stream.attach(second);
    client.stream.write([expected.slice()]);
    await second.until(
      ({ lengthBytes }) => lengthBytes >= expected.length,
      'bytes whose memory was given back',
    );
    sameBytes(second.bytes(), expected, 'what came of memory that was given back');
  },
};

/** Copies each chunk and gives it back at once. */
class GivingBack extends End {
  constructor(from: End, context: TransportContext) {
    super(from.stream, context);
  }

  override data(chunk: Uint8Array): void {
    super.data(chunk);
    this.stream.giveBack?.(chunk);
  }
}

export const flowCases: readonly TransportCase[] = [
  bothWays,
  flushed,
  beforeAttach,
  handedOn,
  backPressure,
  apart,
  landing,
  ownMemory,
];
