import type { NbdRequestHeader } from '../codec/request.js';
import type { NbdReadBuffer } from './types.js';

/** A received chunk that write payloads point into; paid for as a whole until the last of them is done. */
export class ChunkPin {
  readonly chunk: Uint8Array;
  users = 0;

  constructor(chunk: Uint8Array) {
    this.chunk = chunk;
  }
}

/** One request in progress. Reused for later requests of the same connection. */
export class Work {
  command = 0;
  flags = 0;
  cookieHigh = 0;
  cookieLow = 0;
  offsetBytes = 0;
  lengthBytes = 0;
  /** Number for the reply; the first error wins. */
  error = 0;
  /** Backend calls that have not answered. */
  calls = 0;
  /** Everything that this request will ever ask of the backend has been asked. */
  complete = false;
}

/** The requests of one connection that are in progress. */
export class WorkTable {
  readonly #idle: Work[] = [];
  #inFlight = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  /** @param error - 0, or why the request is refused. */
  take(request: NbdRequestHeader, error: number): Work {
    const work = this.#idle.pop() ?? new Work();
    work.command = request.command;
    work.flags = request.flags;
    work.cookieHigh = request.cookieHigh;
    work.cookieLow = request.cookieLow;
    work.offsetBytes = request.offsetBytes;
    work.lengthBytes = request.lengthBytes;
    work.error = error;
    work.calls = 0;
    work.complete = false;
    this.#inFlight += 1;
    return work;
  }

  /** Its reply is gathered. */
  retire(work: Work): void {
    this.#inFlight -= 1;
    this.#idle.push(work);
  }

  /** It will never be answered; calls of the backend may still hold on to it. */
  forget(): void {
    this.#inFlight -= 1;
  }
}

/** Receives the answers of backend calls. */
export interface CallOwner {
  callAnswered(call: BackendCall, value: unknown): void;
  callFailed(call: BackendCall, error: unknown): void;
}

/** One call of a backend and what it holds until it answers. Reused, so that a call makes no closures. */
export class BackendCall {
  work: Work;
  lengthBytes = 0;
  chargedBytes = 0;
  pin: ChunkPin | undefined;
  pooled: Uint8Array | undefined;
  /** Set for the slices of a large read. */
  slice: SliceSink | undefined;
  readonly answered: (value: unknown) => void;
  readonly failed: (error: unknown) => void;

  constructor(owner: CallOwner, work: Work) {
    this.work = work;
    this.answered = (value) => {
      owner.callAnswered(this, value);
    };
    this.failed = (error: unknown) => {
      owner.callFailed(this, error);
    };
  }
}

/** Where the slices of a large read go. */
export interface SliceSink {
  sliceRead(buffer: NbdReadBuffer | undefined, error: unknown): void;
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
