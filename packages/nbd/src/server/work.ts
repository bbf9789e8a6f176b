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

  start(
    command: number,
    flags: number,
    cookieHigh: number,
    cookieLow: number,
    offsetBytes: number,
    lengthBytes: number,
  ): void {
    this.command = command;
    this.flags = flags;
    this.cookieHigh = cookieHigh;
    this.cookieLow = cookieLow;
    this.offsetBytes = offsetBytes;
    this.lengthBytes = lengthBytes;
    this.error = 0;
    this.calls = 0;
    this.complete = false;
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
