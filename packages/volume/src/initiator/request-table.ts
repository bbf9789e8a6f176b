import { operationWindow } from '../path/messages.js';
import type { PendingRequest } from './pending-request.js';

/**
 * Every request from its call to its reply, in the order of the calls. It numbers writes, bounds what is under way, and knows
 * below which number every write was answered.
 */
export class RequestTable {
  private readonly pending = new Map<number, PendingRequest>();
  /** Beyond the bounds: not numbered yet. */
  private waiting: PendingRequest[] = [];
  /** Where the first of them stands: taking from the front of a long array would move all of it every time. */
  private waitingFrom = 0;
  private heldBytes = 0;
  private lastId = 0;
  private nextOperation = 1;
  private answeredBelow = 1;
  /** Answered above the oldest unanswered write. */
  private readonly answeredAbove = new Set<number>();

  constructor(
    private readonly maxInFlight: number,
    private readonly maxInFlightBytes: number,
  ) {}

  get inFlight(): number {
    return this.pending.size;
  }

  /** All writes below this number were answered to their clients. */
  get acknowledgedBelow(): number {
    return this.answeredBelow;
  }

  get(id: number): PendingRequest | undefined {
    return this.pending.get(id);
  }

  /** In the order of the calls. */
  all(): IterableIterator<PendingRequest> {
    return this.pending.values();
  }

  /** True when it was taken up; otherwise it waits for `next`. */
  add(request: PendingRequest): boolean {
    if (this.hasWaiting || !this.fits(request)) {
      this.waiting.push(request);
      return false;
    }
    this.takeUp(request);
    return true;
  }

  /** The next request that waited and has room now. */
  next(): PendingRequest | undefined {
    const request = this.waiting[this.waitingFrom];
    if (request === undefined || !this.fits(request)) return undefined;
    this.waitingFrom++;
    if (this.waitingFrom * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.waitingFrom);
      this.waitingFrom = 0;
    }
    this.takeUp(request);
    return request;
  }

  get hasWaiting(): boolean {
    return this.waiting.length > this.waitingFrom;
  }

  remove(request: PendingRequest): void {
    if (!this.pending.delete(request.id)) return;
    this.heldBytes -= request.heldBytes;
    if (request.isWrite) this.answered(request.operation);
  }

  /** Empties the table. None of what it gives back is ever sent again; their numbers count as answered. */
  removeAll(): readonly PendingRequest[] {
    const removed = [...this.pending.values()];
    for (const request of removed) this.remove(request);
    removed.push(...this.waiting.slice(this.waitingFrom));
    this.waiting = [];
    this.waitingFrom = 0;
    return removed;
  }

  private fits(request: PendingRequest): boolean {
    if (this.pending.size >= this.maxInFlight) return false;
    if (this.pending.size > 0 && this.heldBytes + request.heldBytes > this.maxInFlightBytes) return false;
    return this.nextOperation - this.answeredBelow < operationWindow;
  }

  private takeUp(request: PendingRequest): void {
    request.id = ++this.lastId;
    if (request.isWrite) request.operation = this.nextOperation++;
    this.heldBytes += request.heldBytes;
    this.pending.set(request.id, request);
  }

  private answered(operation: number): void {
    if (operation !== this.answeredBelow) {
      this.answeredAbove.add(operation);
      return;
    }
    do this.answeredBelow++;
    while (this.answeredAbove.size > 0 && this.answeredAbove.delete(this.answeredBelow));
  }
}
