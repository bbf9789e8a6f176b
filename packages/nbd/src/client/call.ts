import { type NbdError, type NbdWireErrorCode } from '../errors.js';
import type { NbdExtent } from '../server/types.js';
import type { NbdCallOptions } from './types.js';

/** What a call resolves with: bytes of a read, extents of a block status, nothing for the rest. */
export type CallResult = Uint8Array | readonly NbdExtent[] | undefined;

/** One request of a client, from the call until the server's last word about it. */
export class ClientCall {
  readonly command: number;
  readonly flags: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Payload of a write. */
  readonly data: Uint8Array | undefined;
  /** Where a read puts its bytes; chosen when they come if the caller has no place. */
  target: Uint8Array | undefined;
  /** False once the caller has stopped waiting: the reply is still read, and dropped. */
  wanted = true;
  /** Index in the table of sent calls, -1 before and after. */
  slot = -1;
  error: NbdWireErrorCode | undefined;
  errorText = '';
  extents: readonly NbdExtent[] | undefined;
  /** Parts of a read that have come, in order of offset and never touching each other. */
  readonly covered: { start: number; end: number }[] = [];
  deadlineAt = Infinity;
  readonly #resolve: (result: CallResult) => void;
  readonly #reject: (error: NbdError) => void;
  readonly #options: NbdCallOptions | undefined;
  #onAbort: (() => void) | undefined;

  constructor(
    request: {
      readonly command: number;
      readonly flags: number;
      readonly offsetBytes: number;
      readonly lengthBytes: number;
      readonly data?: Uint8Array | undefined;
      readonly target?: Uint8Array | undefined;
    },
    options: NbdCallOptions | undefined,
    resolve: (result: CallResult) => void,
    reject: (error: NbdError) => void,
  ) {
    this.command = request.command;
    this.flags = request.flags;
    this.offsetBytes = request.offsetBytes;
    this.lengthBytes = request.lengthBytes;
    this.data = request.data;
    this.target = request.target;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Listens to the caller's signal. */
  watch(onAbort: () => void): void {
    const signal = this.#options?.signal;
    if (signal === undefined) return;
    this.#onAbort = onAbort;
    signal.addEventListener('abort', onAbort, { once: true });
  }

  succeed(result: CallResult): void {
    if (!this.wanted) return;
    this.#stop();
    this.#resolve(result);
  }

  fail(error: NbdError): void {
    if (!this.wanted) return;
    this.#stop();
    this.#reject(error);
  }

  /** Notes that [start, end) has come. False when part of it had come before. */
  cover(start: number, end: number): boolean {
    const { covered } = this;
    let index = covered.length;
    while (index > 0 && (covered[index - 1]?.start ?? 0) >= start) index -= 1;
    const before = covered[index - 1];
    const after = covered[index];
    if ((before !== undefined && before.end > start) || (after !== undefined && after.start < end))
      return false;
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      covered.splice(index, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else covered.splice(index, 0, { start, end });
    return true;
  }

  get isCovered(): boolean {
    const only = this.covered[0];
    return this.covered.length === 1 && only !== undefined && only.end - only.start === this.lengthBytes;
  }

  #stop(): void {
    this.wanted = false;
    // Nothing may be written to the caller's memory after the caller was told that it is over.
    this.target = undefined;
    if (this.#onAbort === undefined) return;
    this.#options?.signal?.removeEventListener('abort', this.#onAbort);
    this.#onAbort = undefined;
  }
}
