import type { NbdTimer } from '../clock.js';
import { Command } from '../codec/constants.js';
import { encodeRequest } from '../codec/request.js';
import { NbdError } from '../errors.js';
import { SlabPool } from '../output/slabs.js';
import { WriteBatcher } from '../output/write-batcher.js';
import type { ByteStream, ByteStreamHandler } from '../stream.js';
import { type CallResult, ClientCall } from './call.js';
import type { NegotiatedConnection } from './negotiate.js';
import type { NbdClientOptions } from './options.js';
import { ReplyReceiver, type ReplySink } from './receiver.js';
import type { NbdCallOptions, NbdClientLimits } from './types.js';

const REQUEST_ROOM_BYTES = 28;
/** Gathered requests beyond this leave at once. */
const FLUSH_AT_BYTES = 256 * 1024;
/** What a client's slabs may use: nobody else competes for them. */
const UNLIMITED = { tryTake: () => true, give: () => undefined };

/** What a call asks of the server. */
export interface ClientRequest {
  readonly command: number;
  readonly flags: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly data?: Uint8Array | undefined;
  readonly target?: Uint8Array | undefined;
}

/** The request phase of a client: numbers requests, sends those of one turn together, matches replies. */
export class ClientConnection implements ByteStreamHandler, ReplySink {
  /** The receiver copies what it wants to keep. */
  readonly copiesData = true;
  readonly allocate: (lengthBytes: number) => Uint8Array;
  readonly #stream: ByteStream;
  readonly #options: NbdClientOptions;
  readonly #receiver: ReplyReceiver;
  readonly #batcher: WriteBatcher;
  readonly #defer: (callback: () => void) => void;
  /** Calls by slot; a slot's generation makes an old cookie of it worthless. */
  readonly #calls: (ClientCall | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #freeSlots: number[] = [];
  /** Calls that wait for a slot, oldest first, from #waitingStart on. */
  readonly #waiting: ClientCall[] = [];
  #waitingStart = 0;
  #inFlight = 0;
  #blocked = false;
  #turnPending = false;
  #deadline: { at: number; timer: NbdTimer } | undefined;
  #failure: NbdError | undefined;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;
  #whenClosed: (() => void) | undefined;
  #saidGoodbye = false;
  #closed = false;

  constructor(negotiated: NegotiatedConnection, options: NbdClientOptions, limits: NbdClientLimits) {
    this.#stream = negotiated.stream;
    this.#options = options;
    this.allocate = options.allocate ?? ((lengthBytes) => new Uint8Array(lengthBytes));
    this.#defer = options.defer ?? queueMicrotask;
    const { structuredReplies } = negotiated.info;
    this.#receiver = new ReplyReceiver(
      this,
      structuredReplies,
      negotiated.allocationContextId,
      this.allocate,
    );
    this.#batcher = new WriteBatcher(
      negotiated.stream,
      new SlabPool(UNLIMITED, this.allocate),
      () => undefined,
    );
    for (let slot = limits.maxRequestsInFlight - 1; slot >= 0; slot -= 1) this.#freeSlots.push(slot);
    negotiated.stream.attach(this);
  }

  get requestsInFlight(): number {
    return this.#inFlight;
  }

  get isOpen(): boolean {
    return this.#failure === undefined && this.#closing === undefined;
  }

  submit(request: ClientRequest, options: NbdCallOptions | undefined): Promise<CallResult> {
    return new Promise((resolve, reject) => {
      const call = new ClientCall(request, options, resolve, reject);
      if (this.#failure !== undefined) {
        call.fail(this.#failure);
      } else if (this.#closing !== undefined) {
        call.fail(new NbdError('CLOSED', 'the client was closed'));
      } else if (options?.signal?.aborted === true) {
        call.fail(
          new NbdError('ABORTED', 'the call was aborted before it was sent', {
            cause: options.signal.reason,
          }),
        );
      } else {
        this.#take(call, options);
      }
    });
  }

  /** Waits for the calls in progress, says goodbye and closes. */
  shutdown(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(error: NbdError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stream.destroy();
    this.#fail(error);
  }

  // ---- ByteStreamHandler ----------------------------------------------------------------------------------------

  data(chunk: Uint8Array): void {
    if (this.#failure !== undefined) return;
    try {
      this.#receiver.push(chunk);
    } catch (error) {
      if (!NbdError.is(error)) throw error;
      this.destroy(error);
      return;
    }
    this.#pump();
  }

  drain(): void {
    this.#blocked = false;
    this.#pump();
  }

  end(): void {
    if (!this.#saidGoodbye) this.destroy(new NbdError('DISCONNECTED', 'the server closed the connection'));
  }

  close(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#batcher.close();
    if (this.#saidGoodbye) {
      this.#failure ??= new NbdError('CLOSED', 'the client was closed');
    } else {
      const because = error === undefined ? '' : `: ${error.message}`;
      this.#failure ??= new NbdError('DISCONNECTED', `the connection was lost${because}`, { cause: error });
    }
    this.#fail(this.#failure);
    this.#whenClosed?.();
    this.#options.onClose?.(this.#saidGoodbye ? undefined : this.#failure);
  }

  // ---- ReplySink ------------------------------------------------------------------------------------------------

  callFor(cookieHigh: number, cookieLow: number): ClientCall {
    const call = this.#calls[cookieLow];
    if (call === undefined || this.#generations[cookieLow] !== cookieHigh) {
      throw new NbdError('PROTOCOL', 'a reply to a request that was never made or is answered already');
    }
    return call;
  }

  callFinished(call: ClientCall): void {
    this.#calls[call.slot] = undefined;
    this.#freeSlots.push(call.slot);
    this.#inFlight -= 1;
    if (call.error === undefined) {
      call.succeed(call.command === Command.read ? call.target : call.extents);
    } else {
      const text = call.errorText === '' ? '' : `: ${call.errorText}`;
      const range = `${call.lengthBytes} bytes at ${call.offsetBytes}`;
      call.fail(new NbdError(call.error, `the server answered ${call.error} for ${range}${text}`));
    }
    if (this.#inFlight === 0 && this.#whenIdle !== undefined && this.#waitingStart === this.#waiting.length)
      this.#whenIdle();
  }

  // ---- sending --------------------------------------------------------------------------------------------------

  #take(call: ClientCall, options: NbdCallOptions | undefined): void {
    if (options?.signal !== undefined) {
      call.watch(() => {
        call.fail(new NbdError('ABORTED', 'the call was aborted', { cause: options.signal?.reason }));
      });
    }
    if (options?.deadlineMs !== undefined) this.#limit(call, options.deadlineMs);
    if (this.#freeSlots.length === 0 || this.#blocked || this.#waitingStart < this.#waiting.length)
      this.#waiting.push(call);
    else this.#send(call);
  }

  #send(call: ClientCall): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return;
    const generation = ((this.#generations[slot] ?? 0) + 1) & 0x7fff_ffff;
    this.#generations[slot] = generation;
    this.#calls[slot] = call;
    call.slot = slot;
    this.#inFlight += 1;
    const slab = this.#batcher.room(REQUEST_ROOM_BYTES);
    slab.position = encodeRequest(slab.bytes, slab.position, {
      flags: call.flags,
      command: call.command,
      cookieHigh: generation,
      cookieLow: slot,
      offsetBytes: call.offsetBytes,
      lengthBytes: call.lengthBytes,
    });
    if (call.data !== undefined) this.#batcher.borrowed(call.data);
    if (this.#batcher.gatheredBytes >= FLUSH_AT_BYTES) this.#flush();
    else this.#schedule();
  }

  #pump(): void {
    while (!this.#blocked && this.#freeSlots.length > 0 && this.#waitingStart < this.#waiting.length) {
      const call = this.#waiting[this.#waitingStart];
      this.#waitingStart += 1;
      // One whose caller has given up was never sent, and is not sent now.
      if (call?.wanted === true) this.#send(call);
    }
    if (this.#waitingStart < this.#waiting.length) return;
    this.#waiting.length = 0;
    this.#waitingStart = 0;
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  readonly #turn = (): void => {
    this.#turnPending = false;
    if (this.#failure === undefined) this.#flush();
  };

  #schedule(): void {
    if (this.#turnPending) return;
    this.#turnPending = true;
    this.#defer(this.#turn);
  }

  #flush(): void {
    if (!this.#batcher.flush()) this.#blocked = true;
  }

  // ---- the end --------------------------------------------------------------------------------------------------

  async #close(): Promise<void> {
    if (this.#closed) return;
    if (this.#failure === undefined && (this.#inFlight > 0 || this.#waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    if (this.#isGone()) return;
    const closed = new Promise<void>((resolve) => {
      this.#whenClosed = resolve;
    });
    if (this.#failure === undefined) {
      const slab = this.#batcher.room(REQUEST_ROOM_BYTES);
      const goodbye = {
        flags: 0,
        command: Command.disconnect,
        cookieHigh: 0,
        cookieLow: 0,
        offsetBytes: 0,
        lengthBytes: 0,
      };
      slab.position = encodeRequest(slab.bytes, slab.position, goodbye);
      this.#flush();
      this.#saidGoodbye = true;
      this.#stream.end();
    }
    await closed;
  }

  #isGone(): boolean {
    return this.#closed;
  }

  #fail(error: NbdError): void {
    this.#deadline?.timer.cancel();
    this.#deadline = undefined;
    const calls = [...this.#calls, ...this.#waiting.slice(this.#waitingStart)];
    this.#calls.length = 0;
    this.#waiting.length = 0;
    this.#waitingStart = 0;
    this.#inFlight = 0;
    for (const call of calls) call?.fail(error);
    this.#whenIdle?.();
  }

  // ---- deadlines ------------------------------------------------------------------------------------------------

  /** One timer for all calls, set for the earliest. */
  #limit(call: ClientCall, deadlineMs: number): void {
    const now = this.#options.clock.now();
    call.deadlineAt = now + deadlineMs;
    if (this.#deadline !== undefined && this.#deadline.at <= call.deadlineAt) return;
    this.#deadline?.timer.cancel();
    this.#deadline = { at: call.deadlineAt, timer: this.#options.clock.setTimer(deadlineMs, this.#expire) };
  }

  readonly #expire = (): void => {
    this.#deadline = undefined;
    const now = this.#options.clock.now();
    let next = Infinity;
    for (const call of [...this.#calls, ...this.#waiting.slice(this.#waitingStart)]) {
      if (call === undefined || !call.wanted) continue;
      if (call.deadlineAt <= now)
        call.fail(new NbdError('DEADLINE', 'the server did not answer before the deadline'));
      else next = Math.min(next, call.deadlineAt);
    }
    if (next === Infinity) return;
    this.#deadline = { at: next, timer: this.#options.clock.setTimer(Math.max(1, next - now), this.#expire) };
  };
}
