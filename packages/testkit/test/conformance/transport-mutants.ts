import { type ByteStream, type ByteStreamHandler, HoldfastError, type Transport } from '@holdfast/core';
import { type TransportFixture, transportSuite } from '../../src/index.js';
import { memoryNetworkFixture } from './fixtures.js';
import { changed, type Mutant, type Mutants } from './mutant.js';

type WrongStream = (
  stream: ByteStream,
  later: (what: () => void, afterMs?: number) => void,
) => Partial<ByteStream>;

function mutant(
  mistake: string,
  caughtBy: string,
  wrong: (fixture: TransportFixture) => Partial<TransportFixture>,
): Mutant<TransportFixture> {
  return {
    mistake,
    caughtBy,
    fixture: () => {
      const fixture = memoryNetworkFixture();
      return { ...fixture, ...wrong(fixture) };
    },
  };
}

/** Both ends of every stream get the mistake. */
function wrongStreams(mistake: string, caughtBy: string, wrong: WrongStream): Mutant<TransportFixture> {
  return mutant(mistake, caughtBy, ({ client, server, time }) => {
    const later = (what: () => void, afterMs = 1): void => void time?.setTimer(afterMs, what);
    const spoiled = (stream: ByteStream): ByteStream => changed(stream, wrong(stream, later));
    return {
      client: changed(client, { connect: async (...all) => spoiled(await client.connect(...all)) }),
      server: changed(server, {
        listen: (at, accepted) => server.listen(at, (stream) => accepted(spoiled(stream))),
      }),
    };
  });
}

/** The stream with another handler between it and its owner. */
function between(
  mistake: string,
  caughtBy: string,
  wrong: (handler: ByteStreamHandler, stream: ByteStream) => Partial<ByteStreamHandler>,
): Mutant<TransportFixture> {
  return wrongStreams(mistake, caughtBy, (stream) => ({
    attach: (handler) => stream.attach(changed(handler, wrong(handler, stream))),
  }));
}

const onlyClient = (
  fixture: TransportFixture,
  change: (client: Transport) => Partial<Transport>,
): Partial<TransportFixture> => ({
  client: changed(fixture.client, change(fixture.client)),
});

const inOrder = 'carries bytes in order and whole, in both directions at once';
const isOver = 'drops everything when it is destroyed: both sides are closed once, and hear nothing more';
const nothingAfter = 'takes nothing after its end: write says false, flushed is called, and nothing throws';

const flow: readonly Mutant<TransportFixture>[] = [
  between('swaps two chunks now and then', inOrder, (handler) => {
    let held: Uint8Array | undefined;
    let count = 0;
    return {
      data: (chunk) => {
        count += 1;
        if (count % 25 === 0) {
          held = chunk;
          return;
        }
        handler.data(chunk);
        if (held !== undefined) handler.data(held);
        held = undefined;
      },
    };
  }),
  between('loses a byte of long chunks', inOrder, (handler) => ({
    data: (chunk) => handler.data(chunk.length > 100_000 ? chunk.subarray(1) : chunk),
  })),
  wrongStreams('never drains', inOrder, (stream) => ({
    attach: (handler) => stream.attach(changed(handler, { drain: () => undefined })),
  })),
  wrongStreams(
    'calls flushed and reads the chunks later',
    'calls flushed for every write, and does not look at its chunks after that',
    (stream, later) => ({
      write: (chunks, flushed) => {
        later(() => stream.write(chunks));
        if (flushed !== undefined) later(flushed, 0);
        return true;
      },
    }),
  ),
  wrongStreams(
    'forgets flushed of an empty write',
    'calls flushed for every write, and does not look at its chunks after that',
    (stream) => ({
      write: (chunks, flushed) =>
        stream.write(chunks, chunks.every(({ length }) => length === 0) ? undefined : flushed),
    }),
  ),
  wrongStreams(
    'drops what comes before a handler is there',
    'keeps what comes before anybody is attached',
    (stream, later) => {
      let real: ByteStreamHandler | undefined;
      const early = {
        data: () => undefined,
        drain: () => undefined,
        end: () => undefined,
        close: () => undefined,
      };
      later(() => {
        if (real === undefined) stream.attach(early);
      }, 15);
      return {
        attach: (handler) => {
          real = handler;
          stream.attach(handler);
        },
      };
    },
  ),
  wrongStreams(
    'goes on telling the first handler',
    'tells the handler that was attached last, and no other',
    (stream) => {
      let isAttached = false;
      return {
        attach: (handler) => {
          if (!isAttached) stream.attach(handler);
          isAttached = true;
        },
      };
    },
  ),
  wrongStreams(
    'takes whatever it is given',
    'says false when too much waits, and drains when the other side reads on',
    (stream) => ({
      write: (chunks, flushed) => {
        stream.write(chunks, flushed);
        return true;
      },
    }),
  ),
  wrongStreams(
    'does not pause',
    'says false when too much waits, and drains when the other side reads on',
    () => ({
      pause: () => undefined,
    }),
  ),
  mutant('gives every caller the same stream', 'keeps many streams apart', (fixture) =>
    onlyClient(fixture, (client) => {
      let shared: Promise<ByteStream> | undefined;
      let count = 0;
      return {
        connect: async (...all) => {
          count += 1;
          const own = client.connect(...all);
          shared ??= own;
          return count > 3 ? shared : own;
        },
      };
    }),
  ),
  between(
    'lands bytes in memory that was named, and tells of them as data too',
    'brings every byte once where the handler names memory to land in',
    (handler) => ({
      data: (chunk) => {
        const target = handler.landing?.();
        if (target !== undefined && target.length >= chunk.length) {
          target.set(chunk);
          handler.landed?.(chunk.length);
          if (chunk.length > 2000) handler.data(chunk);
        } else handler.data(chunk);
      },
    }),
  ),
  wrongStreams(
    'gives too little memory',
    'takes part in the optional memory calls without a change to the bytes',
    () => ({
      allocate: (lengthBytes) => new Uint8Array(Math.min(lengthBytes, 16_384)),
    }),
  ),
];

const endings: readonly Mutant<TransportFixture>[] = [
  wrongStreams(
    'closes both directions at the first end',
    'ends one direction after all that was written, and closes both ends once when both have ended',
    (stream) => ({
      attach: (handler) =>
        stream.attach(
          changed(handler, {
            end: () => {
              handler.end();
              stream.end();
            },
          }),
        ),
    }),
  ),
  wrongStreams(
    'drops what waits when it ends',
    'ends one direction after all that was written, and closes both ends once when both have ended',
    (stream) => {
      let waiting: readonly Uint8Array[] = [];
      return {
        write: (chunks, flushed) => {
          const given = stream.write(waiting);
          waiting = chunks;
          flushed?.();
          return given;
        },
      };
    },
  ),
  wrongStreams('says true to what it cannot send any more', nothingAfter, (stream) => ({
    write: (chunks, flushed) => {
      stream.write(chunks, flushed);
      return true;
    },
  })),
  wrongStreams('throws when it is written to after its end', nothingAfter, (stream) => {
    let isOverNow = false;
    return {
      end: () => {
        isOverNow = true;
        stream.end();
      },
      write: (chunks, flushed) => {
        if (isOverNow) throw new HoldfastError('CLOSED', 'This stream has ended.');
        return stream.write(chunks, flushed);
      },
    };
  }),
  wrongStreams('delivers after its close', isOver, (stream, later) => ({
    attach: (handler) =>
      stream.attach(
        changed(handler, {
          close: (error) => {
            handler.close(error);
            later(() => handler.data(Uint8Array.of(1)), 10);
          },
        }),
      ),
  })),
  between('tells of its close twice', isOver, (handler) => ({
    close: (error) => {
      handler.close(error);
      handler.close(error);
    },
  })),
  between('says nothing of a reset', isOver, (handler) => ({ close: () => handler.close(undefined) })),
  mutant('hangs where nobody listens', 'fails with UNREACHABLE where nobody listens', (fixture) =>
    onlyClient(fixture, (client) => ({
      connect: (address, options) =>
        client.connect(address === fixture.nobody ? (fixture.silent ?? '') : address, options),
    })),
  ),
  mutant(
    'leaves a stream open when connecting is aborted',
    'leaves no stream behind when connecting is aborted',
    (fixture) =>
      onlyClient(fixture, (client) => ({
        connect: (address, options) =>
          new Promise((resolve, reject) => {
            const aborted = (): void => reject(new HoldfastError('ABORTED', 'Given up.'));
            options?.signal?.addEventListener('abort', aborted);
            if (options?.signal?.aborted === true) aborted();
            client.connect(address).then(resolve, reject);
          }),
      })),
  ),
  mutant('knows no deadline', 'fails with DEADLINE_EXCEEDED where nobody answers', (fixture) =>
    onlyClient(fixture, (client) => ({
      connect: (address, options) =>
        client.connect(address, options?.signal === undefined ? {} : { signal: options.signal }),
    })),
  ),
  mutant(
    'takes what it does not know for this machine',
    'refuses an address that it does not know',
    (fixture) => ({
      server: changed(fixture.server, {
        listen: (address, accepted) =>
          fixture.server.listen(/^tcp:.*:\d+$/.test(address) ? address : 'tcp:beta:0', accepted),
      }),
    }),
  ),
  mutant(
    'goes on listening',
    'accepts nobody once its listener is disposed of, and lets accepted streams live',
    (fixture) => ({
      server: changed(fixture.server, {
        listen: async (at, accepted) =>
          changed(await fixture.server.listen(at, accepted), {
            [Symbol.asyncDispose]: async () => undefined,
          }),
      }),
    }),
  ),
];

export const transportMutants: Mutants<TransportFixture> = {
  suite: transportSuite,
  sound: between('', '', () => ({})).fixture,
  mutants: [...flow, ...endings],
};
