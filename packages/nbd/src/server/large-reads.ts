import type { WriteBatcher } from '../output/write-batcher.js';
import type { BackendCalls } from './backend-calls.js';
import type { BudgetAccount } from './budget.js';
import { LargeRead, type LargeReadHost } from './large-read.js';
import type { ReplyDesk } from './reply-desk.js';
import type { ReplyWriter } from './replies.js';
import type { SliceSink, Work } from './work.js';

/** The size of the slices that a READ of so many bytes is done in, paid for; 0 when there is no room. */
export function affordableSlice(
  account: BudgetAccount,
  lengthBytes: number,
  fullBytes: number,
  guaranteedBytes: number,
): number {
  if (lengthBytes > fullBytes && account.tryTake(fullBytes)) return fullBytes;
  return lengthBytes > guaranteedBytes && account.tryTake(guaranteedBytes) ? guaranteedBytes : 0;
}

/** What large reads report to their connection. */
export interface LargeReadsOwner {
  /** Something was gathered for the output, or a request ended. */
  outputChanged(): void;
  /** A large read's reply is complete without an error. */
  largeReadEnded(work: Work): void;
  cutOff(because: string): void;
}

/** The large reads of one connection and the machinery they share. */
export class LargeReads implements LargeReadHost {
  readonly outbox: WriteBatcher;
  readonly replies: ReplyWriter;
  readonly #desk: ReplyDesk;
  readonly #calls: BackendCalls;
  readonly #account: BudgetAccount;
  readonly #owner: LargeReadsOwner;
  readonly #reads = new Set<LargeRead>();
  #gone = false;

  constructor(
    outbox: WriteBatcher,
    replies: ReplyWriter,
    desk: ReplyDesk,
    calls: BackendCalls,
    account: BudgetAccount,
    owner: LargeReadsOwner,
  ) {
    this.outbox = outbox;
    this.replies = replies;
    this.#desk = desk;
    this.#calls = calls;
    this.#account = account;
    this.#owner = owner;
  }

  /** @param sliceBytes - already charged to the account. */
  start(work: Work, sliceBytes: number): void {
    const read = new LargeRead(this, work, sliceBytes);
    this.#reads.add(read);
    read.start();
  }

  /** The connection is gone. */
  abandon(): void {
    this.#gone = true;
    for (const read of this.#reads) read.abandon();
    this.#reads.clear();
  }

  readSlice(work: Work, sink: SliceSink, offsetBytes: number, lengthBytes: number): void {
    if (this.#gone) return;
    const call = this.#calls.take(work);
    call.slice = sink;
    this.#calls.read(call, offsetBytes, lengthBytes);
  }

  claimOutput(read: LargeRead): boolean {
    return this.#desk.claim(read);
  }

  releaseOutput(read: LargeRead): void {
    this.#desk.release(read);
    this.#owner.outputChanged();
  }

  largeReadDone(read: LargeRead): void {
    this.#reads.delete(read);
    if (read.work.error !== 0) this.#desk.finish(read.work);
    else this.#owner.largeReadEnded(read.work);
    this.#owner.outputChanged();
  }

  giveBack(chargedBytes: number): void {
    this.#account.give(chargedBytes);
  }

  cutOff(because: string): void {
    this.#owner.cutOff(because);
  }
}
