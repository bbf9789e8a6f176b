import type { AbortSignalLike } from '@holdfast/core';
import { check, needed, refused, sameBytes } from '../expect.js';
import {
  connected,
  End,
  isCleanlyClosed,
  listening,
  PATIENCE_MS,
  type TransportCase,
  type TransportContext,
} from './fixture.js';

const SETTLE_MS = 40;

const orderly: TransportCase = {
  name: 'ends one direction after all that was written, and closes both ends once when both have ended',
  run: async (context) => {
    const { client, server } = await connected(context);
    const bytes = context.random.bytes(new Uint8Array(300_000));
    client.stream.write([bytes.slice()]);
    client.stream.end();
    await server.until(({ told }) => told.includes('end'), 'the end');
    sameBytes(server.bytes(), bytes, 'what came before the end');
    check(!server.isClosed, 'a stream is closed when one side alone has ended');
    server.stream.write([bytes.slice()]);
    await client.until(
      ({ lengthBytes }) => lengthBytes >= bytes.length,
      'the answer of the side that has not ended',
    );
    server.stream.end();
    await client.until(({ isClosed }) => isClosed, 'the close of the client');
    await server.until(({ isClosed }) => isClosed, 'the close of the server');
    await context.sleep(SETTLE_MS);
    sameBytes(client.bytes(), bytes, 'what came before the close');
    isCleanlyClosed(client, 'client');
    isCleanlyClosed(server, 'server');
    check(
      client.told.filter((what) => what === 'end').length === 1,
      'the client is not told of the end once',
    );
  },
};

const afterEnd: TransportCase = {
  name: 'takes nothing after its end: write says false, flushed is called, and nothing throws',
  run: async (context) => {
    for (const way of ['end', 'destroy'] as const) {
      const { client, server, listener } = await connected(context);
      client.stream[way]();
      if (way === 'destroy') await client.until(({ isClosed }) => isClosed, 'its own close after destroy');
      let isFlushed = false;
      const taken = client.stream.write([Uint8Array.of(66)], () => (isFlushed = true));
      check(!taken, `write says true after ${way}`);
      client.stream.end();
      await context.sleep(SETTLE_MS);
      check(isFlushed, `flushed is never called for a write after ${way}`);
      check(server.lengthBytes === 0, `bytes arrive that were written after ${way}`);
      client.stream.destroy();
      client.stream.destroy();
      await client.until(({ isClosed }) => isClosed, 'the close after destroy');
      await listener[Symbol.asyncDispose]();
    }
  },
};

const destroyed: TransportCase = {
  name: 'drops everything when it is destroyed: both sides are closed once, and hear nothing more',
  run: async (context) => {
    const { client, server } = await connected(context);
    server.stream.write([new Uint8Array(200_000)]);
    await client.until(({ lengthBytes }) => lengthBytes > 0, 'the first bytes');
    client.stream.destroy();
    const before = client.lengthBytes;
    await client.until(({ isClosed }) => isClosed, 'its own close after destroy');
    server.stream.write([new Uint8Array(1000)]);
    await server.until(
      ({ told }) => told.includes('close') || told.includes('end'),
      'word at the other side',
    );
    if (context.fixture.resets === true)
      check(server.error !== undefined, 'the other side is not told of the reset');
    server.stream.destroy();
    await server.until(({ isClosed }) => isClosed, 'the close of the other side');
    await context.sleep(SETTLE_MS);
    check(client.lengthBytes === before, 'a destroyed stream goes on telling its handler of data');
    for (const [who, end] of Object.entries({ client, server })) {
      const closes = end.told.filter((what) => what === 'close').length;
      check(closes === 1, `the ${who} is told of its close ${String(closes)} times`);
      check(end.told.at(-1) === 'close', `the ${who} is told '${String(end.told.at(-1))}' after its close`);
    }
  },
};

const nobodyThere: TransportCase = {
  name: 'fails with UNREACHABLE where nobody listens',
  run: async ({ fixture }) => {
    const { client, nobody } = fixture;
    await refused(
      () => client.connect(nobody, { deadlineMs: PATIENCE_MS }),
      'UNREACHABLE',
      'connecting to nobody',
    );
  },
};

function aborting(): { readonly signal: AbortSignalLike; readonly abort: () => void } {
  const listeners = new Set<() => void>();
  const signal = {
    aborted: false,
    addEventListener: (_type: 'abort', listener: () => void) => void listeners.add(listener),
    removeEventListener: (_type: 'abort', listener: () => void) => void listeners.delete(listener),
  };
  return {
    signal,
    abort: () => {
      signal.aborted = true;
      for (const listener of [...listeners]) listener();
    },
  };
}

const givenUp: TransportCase = {
  name: 'leaves no stream behind when connecting is aborted',
  run: async (context) => {
    const { client } = context.fixture;
    const { listener, accepted } = await listening(context);
    const beforehand = aborting();
    beforehand.abort();
    await refused(
      () => client.connect(listener.address, beforehand),
      'ABORTED',
      'connecting with an aborted signal',
    );
    const { signal, abort } = aborting();
    const connecting = client.connect(listener.address, { signal });
    abort();
    await refused(() => connecting, 'ABORTED', 'connecting that is aborted on the way');
    await context.sleep(SETTLE_MS);
    await areOver(
      context,
      accepted.map((stream) => new End(stream, context)),
    );
  },
};

async function areOver(context: TransportContext, ends: readonly End[]): Promise<void> {
  for (const end of ends) {
    end.stream.attach(end);
    await end.until(
      ({ told }) => told.includes('close') || told.includes('end'),
      'word that the caller has given up',
    );
  }
  await context.sleep(0);
}

const late: TransportCase = {
  name: 'fails with DEADLINE_EXCEEDED where nobody answers',
  run: async ({ fixture, clock }) => {
    const silent = needed(fixture.silent, 'the fixture knows no address where nobody answers (`silent`)');
    const startedAt = clock.now();
    await refused(
      () => fixture.client.connect(silent, { deadlineMs: 200 }),
      'DEADLINE_EXCEEDED',
      'connecting to silence',
    );
    const tookMs = clock.now() - startedAt;
    check(tookMs < 5000, `a deadline of 200 ms took ${String(Math.round(tookMs))} ms`);
    const { signal, abort } = aborting();
    clock.setTimer(20, abort);
    await refused(
      () => fixture.client.connect(silent, { signal }),
      'ABORTED',
      'connecting to silence, aborted',
    );
  },
};

const notAnAddress: TransportCase = {
  name: 'refuses an address that it does not know',
  run: async ({ fixture }) => {
    const codes = ['CONFIG_INVALID', 'NOT_SUPPORTED'] as const;
    for (const address of ['pigeon:coop', '', 'tcp:nowhere']) {
      await refused(
        () => fixture.client.connect(address, { deadlineMs: 1000 }),
        codes,
        `connecting to '${address}'`,
      );
      await refused(
        () => fixture.server.listen(address, () => undefined),
        codes,
        `listening on '${address}'`,
      );
    }
  },
};

const stopsListening: TransportCase = {
  name: 'accepts nobody once its listener is disposed of, and lets accepted streams live',
  run: async (context) => {
    const { client, server, listener } = await connected(context);
    await listener[Symbol.asyncDispose]();
    const { address } = listener;
    await refused(
      () => context.fixture.client.connect(address, { deadlineMs: PATIENCE_MS }),
      'UNREACHABLE',
      'connecting to a listener that is no more',
    );
    client.stream.write([Uint8Array.of(7)]);
    await server.until(({ lengthBytes }) => lengthBytes === 1, 'a byte on a stream whose listener is gone');
    await listener[Symbol.asyncDispose]();
    const second = await listening(context);
    const stream = await context.fixture.client.connect(second.listener.address, { deadlineMs: PATIENCE_MS });
    stream.attach(new End(stream, context));
    await second.next();
  },
};

export const endingCases: readonly TransportCase[] = [
  orderly,
  afterEnd,
  destroyed,
  nobodyThere,
  givenUp,
  late,
  notAnAddress,
  stopsListening,
];
