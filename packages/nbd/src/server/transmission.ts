import { ByteQueue } from '../codec/byte-queue.js';
import { Command } from '../codec/constants.js';
import { RequestDecoder } from '../codec/request.js';
import { NbdError, wireErrorNumber } from '../errors.js';
import type { ByteStream } from '../stream.js';
import { BackendCalls } from './backend-calls.js';
import type { BudgetAccount, NbdBudgetWaiter } from './budget.js';
import { affordableSlice, LargeReads, type LargeReadsOwner } from './large-reads.js';
import { guaranteedSliceBytes } from './limits.js';
import { WriteBatcher } from '../output/write-batcher.js';
import { ReplyDesk } from './reply-desk.js';
import { ReplyWriter } from './replies.js';
import type { NbdBackend, NbdExtent, NbdReadBuffer } from './types.js';
import type { TransmissionOwner, TransmissionTools } from './transmission-ports.js';
import { type RequestRules, validateRequest } from './validate.js';
import {
  type BackendCall,
  type CallOwner,
  type ChunkPin,
  type SliceSink,
  type Work,
  WorkTable,
} from './work.js';
import { type SliceTaker, WriteIntake } from './write-intake.js';

/** Gathered replies beyond this leave before more requests are looked at. */
const FLUSH_AT_BYTES = 256 * 1024;

/** The request phase of one connection: parses, checks, calls the backend, answers in whatever order answers come. */
export class Transmission implements CallOwner, SliceTaker, LargeReadsOwner, NbdBudgetWaiter {
  readonly #stream: ByteStream;
  readonly #account: BudgetAccount;
  readonly #owner: TransmissionOwner;
  readonly #rules: RequestRules;
  readonly #tools: TransmissionTools;
  readonly #calls: BackendCalls;
  readonly #intake: WriteIntake;
  readonly #desk: ReplyDesk;
  readonly #outbox: WriteBatcher;
  readonly #queue = new ByteQueue((chunk) => this.#stream.giveBack?.(chunk));
  readonly #request = new RequestDecoder();
  readonly #works = new WorkTable();
  readonly #largeReads: LargeReads;
  readonly #guaranteedBytes: number;
  /** A READ that found no room in the budget. */
  #waitingRead: Work | undefined;
  #waitsForBudget = false;
  #waitsForDrain = false;
  #pumping = false;
  #turnPending = false;
  #paused = false;
  #noMoreRequests = false;
  #ended = false;
  #drained = false;
  #gone = false;

  constructor(
    stream: ByteStream,
    account: BudgetAccount,
    owner: TransmissionOwner,
    backend: NbdBackend,
    rules: RequestRules,
    tools: TransmissionTools,
  ) {
    this.#stream = stream;
    this.#account = account;
    this.#owner = owner;
    this.#rules = rules;
    this.#tools = tools;
    this.#guaranteedBytes = guaranteedSliceBytes(tools.limits);
    this.#outbox = new WriteBatcher(stream, tools.slabs, (chargedBytes) => {
      if (chargedBytes > 0) account.give(chargedBytes);
      if (this.#paused || this.#waitsForBudget) this.#schedule();
    });
    const replies = new ReplyWriter(this.#outbox, rules.structured);
    this.#desk = new ReplyDesk(replies, (work) => {
      this.#works.retire(work);
    });
    this.#calls = new BackendCalls(backend, this, account, tools.buffers, (chunk) => {
      // What is still being read may be asked for again.
      if (chunk !== this.#queue.head) stream.giveBack?.(chunk);
    });
    this.#largeReads = new LargeReads(this.#outbox, replies, this.#desk, this.#calls, account, this);
    const sizes = { fullBytes: tools.limits.maxSliceBytes, guaranteedBytes: this.#guaranteedBytes };
    this.#intake = new WriteIntake(account, tools.buffers, this, sizes);
  }

  data(chunk: Uint8Array): void {
    if (this.#noMoreRequests || this.#gone) return;
    this.#queue.push(chunk);
    this.#pump();
    this.#flush();
  }

  /** Where the next bytes belong, when they are the payload of a WRITE and nothing else comes before them. */
  landing(): Uint8Array | undefined {
    if (this.#noMoreRequests || this.#gone || this.#queue.length > 0) return undefined;
    return this.#intake.landing();
  }

  landed(lengthBytes: number): void {
    if (this.#gone) return;
    this.#intake.landed(lengthBytes);
    this.#pump();
    this.#flush();
  }

  drain(): void {
    this.#waitsForDrain = false;
    this.#pump();
    this.#flush();
  }

  /** The client sends nothing more; what it asked for is still answered. */
  end(): void {
    this.#ended = true;
    this.#pump();
    this.#flush();
  }

  /** Takes no further request, finishes those in progress. */
  finish(): void {
    this.#noMoreRequests = true;
    this.#queue.clear();
    this.#abandonIntake();
    if (this.#waitingRead !== undefined) {
      this.#works.retire(this.#waitingRead);
      this.#waitingRead = undefined;
    }
    this.#schedule();
  }

  /** The stream is gone. The backend's answers are awaited and dropped. */
  lost(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#noMoreRequests = true;
    this.#account.budget.removeWaiter(this);
    this.#queue.clear();
    this.#abandonIntake();
    this.#waitingRead = undefined;
    this.#desk.abandon((lengthBytes) => {
      this.#account.give(lengthBytes);
    });
    this.#largeReads.abandon();
    this.#outbox.close();
    if (this.#calls.outstanding === 0) this.#owner.transmissionSettled();
  }

  /** From the budget: room may have appeared. */
  roomAppeared(): boolean {
    if (!this.#waitsForBudget) return true;
    this.#waitsForBudget = false;
    this.#pump();
    this.#schedule();
    return !this.#waitsForBudget;
  }

  #pump(): void {
    if (this.#pumping || this.#gone) return;
    this.#pumping = true;
    try {
      while (this.#step()) {
        if (this.#outbox.gatheredBytes >= FLUSH_AT_BYTES) this.#send();
      }
    } catch (error) {
      this.#pumping = false;
      if (!NbdError.is(error)) throw error;
      this.#stop('protocol-error', error.message);
      return;
    }
    this.#pumping = false;
    this.#regulate();
  }

  /** One move. False when nothing can be done until something happens. */
  #step(): boolean {
    if (this.#gone) return false;
    if (this.#intake.work !== undefined) return this.#receive();
    if (this.#waitingRead !== undefined) {
      const work = this.#waitingRead;
      if (!this.#startRead(work)) return false;
      this.#waitingRead = undefined;
      return true;
    }
    if (this.#noMoreRequests || this.#blocked()) return false;
    if (!this.#request.next(this.#queue)) return false;
    this.#dispatch(this.#request);
    return true;
  }

  #blocked(): boolean {
    if (this.#waitsForDrain || this.#works.inFlight >= this.#tools.limits.maxRequestsInFlight) return true;
    return this.#outbox.unsentBytes >= this.#tools.limits.maxUnsentBytes;
  }

  #receive(): boolean {
    const work = this.#intake.work;
    const progress = this.#intake.advance(this.#queue);
    if (progress === 'needs-budget') return this.#waitForBudget();
    if (progress !== 'done') return false;
    if (work !== undefined && work.calls === 0) this.#desk.finish(work);
    return true;
  }

  #waitForBudget(): false {
    this.#waitsForBudget = true;
    this.#account.budget.addWaiter(this);
    return false;
  }

  /** Stops and restarts the socket, and notices when everything is done. */
  #regulate(): void {
    if (this.#gone) return;
    const stalled =
      this.#queue.length > 0 && !this.#noMoreRequests && (this.#waitsForBudget || this.#blocked());
    if (stalled !== this.#paused) {
      this.#paused = stalled;
      if (stalled) this.#stream.pause();
      else this.#stream.resume();
    }
    if (this.#ended && !stalled && !this.#waitsForBudget) {
      this.#noMoreRequests = true;
      this.#abandonIntake();
    }
    if (!this.#noMoreRequests || this.#drained || this.#works.inFlight > 0) return;
    this.#drained = true;
    this.#send();
    this.#owner.transmissionDrained();
  }

  #dispatch(request: RequestDecoder): void {
    if (request.command === Command.disconnect) {
      this.#noMoreRequests = true;
      this.#queue.clear();
      return;
    }
    const error = validateRequest(this.#rules, request);
    const work = this.#works.take(request, error);
    if (request.command === Command.write) this.#startWrite(work);
    else if (error !== 0 || (request.lengthBytes === 0 && request.command !== Command.flush))
      this.#desk.finish(work);
    else if (request.command !== Command.read) this.#calls.other(this.#calls.take(work), work);
    else if (!this.#startRead(work)) this.#waitingRead = work;
  }

  #startWrite(work: Work): void {
    // The payload of a refused write must be passed over; one beyond all reason is not worth it.
    if (work.lengthBytes > 2 * this.#tools.limits.maxRequestBytes) {
      throw new NbdError('PROTOCOL', `a write of ${work.lengthBytes} bytes`);
    }
    this.#intake.begin(work);
  }

  #startRead(work: Work): boolean {
    const { maxSliceBytes } = this.#tools.limits;
    const length = work.lengthBytes;
    if (length <= maxSliceBytes && this.#account.tryTake(length)) {
      work.complete = true;
      this.#calls.read(this.#calls.take(work), work.offsetBytes, length);
      return true;
    }
    const slice = affordableSlice(this.#account, length, maxSliceBytes, this.#guaranteedBytes);
    if (slice === 0) return this.#waitForBudget();
    this.#largeReads.start(work, slice);
    return true;
  }

  /** From the intake: one slice of a WRITE is complete. */
  writeSlice(
    work: Work,
    offsetBytes: number,
    data: Uint8Array,
    pin: ChunkPin | undefined,
    pooled: Uint8Array | undefined,
    chargedBytes: number,
  ): void {
    const call = this.#calls.take(work);
    call.pin = pin;
    call.pooled = pooled;
    call.chargedBytes = chargedBytes;
    this.#calls.write(call, offsetBytes, data);
  }

  // ---- answering ------------------------------------------------------------------------------------------------

  callAnswered(call: BackendCall, value: unknown): void {
    const { work, slice, lengthBytes } = call;
    this.#calls.put(call);
    if (this.#gone) {
      this.#dropAnswer(work, slice, value);
      return;
    }
    if (work.command === Command.read) this.#readAnswered(work, slice, value as NbdReadBuffer, lengthBytes);
    else if (work.command === Command.blockStatus) this.#desk.extents(work, value as NbdExtent[]);
    else if (work.calls === 0 && work.complete) this.#answerWrite(work);
    this.#schedule();
  }

  callFailed(call: BackendCall, error: unknown): void {
    const { work, slice, lengthBytes } = call;
    this.#calls.put(call);
    if (this.#gone) {
      this.#dropAnswer(work, slice, undefined);
      return;
    }
    if (NbdError.is(error, 'DISCONNECT')) {
      this.cutOff(error.message);
      return;
    }
    if (slice !== undefined) slice.sliceRead(undefined, error);
    else {
      if (work.error === 0) work.error = wireErrorNumber(error);
      if (work.command === Command.read) this.#account.give(lengthBytes);
      if (work.command !== Command.write) this.#desk.finish(work);
      else if (work.calls === 0 && work.complete) this.#answerWrite(work);
    }
    this.#schedule();
  }

  #readAnswered(work: Work, slice: SliceSink | undefined, buffer: NbdReadBuffer, lengthBytes: number): void {
    if (buffer.bytes.byteLength !== lengthBytes) {
      buffer.release();
      const error = new NbdError('EIO', `the backend read ${buffer.bytes.byteLength} bytes`);
      if (slice !== undefined) {
        slice.sliceRead(undefined, error);
        return;
      }
      this.#account.give(lengthBytes);
      work.error = wireErrorNumber(error);
      this.#desk.finish(work);
    } else if (slice !== undefined) slice.sliceRead(buffer, undefined);
    else this.#desk.read(work, buffer);
  }

  /** A WRITE may finish its calls while its own payload is still being taken in: the intake answers then. */
  #answerWrite(work: Work): void {
    if (this.#intake.work !== work) this.#desk.finish(work);
  }

  largeReadEnded(work: Work): void {
    this.#works.retire(work);
  }

  outputChanged(): void {
    this.#schedule();
  }

  cutOff(because: string): void {
    this.#stop('aborted', because);
  }

  /** From here on nothing is taken in and nothing is answered. */
  #stop(reason: 'protocol-error' | 'aborted', because: string): void {
    this.#noMoreRequests = true;
    this.#drained = true;
    this.#queue.clear();
    this.#owner.transmissionFailed(reason, because);
  }

  readonly #turn = (): void => {
    this.#turnPending = false;
    if (this.#gone) return;
    this.#waitsForBudget = false;
    this.#pump();
    this.#flush();
  };

  #schedule(): void {
    if (this.#turnPending || this.#pumping || this.#gone) return;
    // The last answer has no other to wait for.
    if (this.#works.inFlight === 0) {
      this.#turn();
      return;
    }
    this.#turnPending = true;
    this.#tools.defer(this.#turn);
  }

  #send(): void {
    if (!this.#outbox.flush()) this.#waitsForDrain = true;
  }

  #flush(): void {
    if (!this.#gone) this.#send();
  }

  #abandonIntake(): void {
    const work = this.#intake.abandon();
    if (work !== undefined) this.#works.forget();
  }

  #dropAnswer(work: Work, slice: SliceSink | undefined, value: unknown): void {
    if (work.command === Command.read) {
      if (value !== undefined) (value as NbdReadBuffer).release();
      if (slice === undefined) this.#account.give(work.lengthBytes);
    }
    if (this.#calls.outstanding === 0) this.#owner.transmissionSettled();
  }
}
