import type { Address, ByteStream, ByteStreamHandler, Listener, Transport } from '@holdfast/core';
import { check, ConformanceFailure, textOf } from '../expect.js';
import type { CaseContext, ConformanceCase, ConformanceFixture } from '../suite.js';

/** What an author gives for each case: two ends, which may be one and the same transport. */
export interface TransportFixture extends ConformanceFixture {
  readonly client: Transport;
  readonly server: Transport;
  /** Where the server can listen, and the client then finds it at `Listener.address`. */
  readonly address: Address;
  /** Where nobody listens. */
  readonly nobody: Address;
  /** Where nobody answers, neither yes nor no. */
  readonly silent?: Address;
  /** True: `destroy` reaches the other side as an error. Default false: it may look like an end. */
  readonly resets?: boolean;
}

export type TransportContext = CaseContext<TransportFixture>;
export type TransportCase = ConformanceCase<TransportFixture>;

export const PATIENCE_MS = 10_000;

/** One end, and all that it was told. */
export class End implements ByteStreamHandler {
  readonly chunks: Uint8Array[] = [];
  /** 'data', 'drain', 'end' and 'close', in order; a run of data is one. */
  readonly told: string[] = [];
  lengthBytes = 0;
  error: Error | undefined;
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly stream: ByteStream,
    private readonly context: TransportContext,
  ) {
    context.own({ [Symbol.asyncDispose]: async () => stream.destroy() });
  }

  get isClosed(): boolean {
    return this.told.includes('close');
  }

  data(chunk: Uint8Array): void {
    this.chunks.push(chunk.slice());
    this.lengthBytes += chunk.length;
    this.hear('data');
  }

  drain(): void {
    this.hear('drain');
  }

  end(): void {
    this.hear('end');
  }

  close(error: Error | undefined): void {
    this.error = error;
    this.hear('close');
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.lengthBytes);
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Waits until it has come true, or fails saying what has not come. */
  async until(reached: (end: End) => boolean, what: string): Promise<void> {
    if (reached(this)) return;
    await new Promise<void>((resolve, reject) => {
      const timer = this.context.clock.setTimer(PATIENCE_MS, () => {
        this.waiting.delete(look);
        reject(
          new ConformanceFailure(`${what} has not come; told so far: ${this.told.join(', ') || 'nothing'}`),
        );
      });
      const look = (): void => {
        if (!reached(this)) return;
        timer.cancel();
        this.waiting.delete(look);
        resolve();
      };
      this.waiting.add(look);
    });
  }

  private hear(what: string): void {
    if (what !== 'data' || this.told.at(-1) !== 'data') this.told.push(what);
    for (const look of [...this.waiting]) look();
  }
}

export interface Pair {
  readonly client: End;
  readonly server: End;
  readonly listener: Listener;
}

/** A listener that keeps what it has accepted. */
export async function listening(context: TransportContext): Promise<{
  readonly listener: Listener;
  readonly accepted: ByteStream[];
  readonly next: () => Promise<ByteStream>;
}> {
  const accepted: ByteStream[] = [];
  const waiting: ((stream: ByteStream) => void)[] = [];
  const listener = await context.fixture.server.listen(context.fixture.address, (stream) => {
    accepted.push(stream);
    waiting.shift()?.(stream);
  });
  context.own(listener);
  let taken = 0;
  const next = (): Promise<ByteStream> => {
    const stream = accepted[taken];
    taken += 1;
    return stream ? Promise.resolve(stream) : new Promise((resolve) => waiting.push(resolve));
  };
  return { listener, accepted, next };
}

/** Two ends of a new stream. `attached` false: nobody listens yet at the server's. */
export async function connected(context: TransportContext, attached = true): Promise<Pair> {
  const { listener, next } = await listening(context);
  const stream = await context.fixture.client.connect(listener.address, { deadlineMs: PATIENCE_MS });
  const client = new End(stream, context);
  stream.attach(client);
  const server = new End(await next(), context);
  if (attached) server.stream.attach(server);
  return { client, server, listener };
}

export function isCleanlyClosed(end: End, who: string): void {
  const closes = end.told.filter((what) => what === 'close').length;
  check(closes === 1, `the ${who} is told of its close ${String(closes)} times`);
  check(end.told.at(-1) === 'close', `the ${who} is told '${String(end.told.at(-1))}' after its close`);
  check(end.error === undefined, `the ${who} is told of an error at an orderly end: ${textOf(end.error)}`);
}
