import type { BlockBuffer, Millis } from '@holdfast/core';
import type { Leg } from '../metadata/leg.js';
import { frame, frameTypes } from '../wire/index.js';
import { type DataPathContext, fenced } from './context.js';

interface Read {
  readonly leg: Leg;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly resolve: (buffer: BlockBuffer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads of hosts, from the own leg. The lease is checked after the bytes are there, in the turn that owns them: what was sampled
 * under a valid lease is right however late the reply leaves. A read that came too late is done again when it may.
 */
export class Reads {
  private waiting: Read[] = [];
  private readonly confirming = new Map<number, { read: Read; buffer: BlockBuffer }>();
  private confirmId = 0;
  private legReported = false;

  constructor(
    private readonly context: DataPathContext,
    private readonly readableUntil: () => Millis,
    /** False when boot time and monotonic time have come apart: the machine slept, and no lease counts. */
    private readonly clockIsSound: () => boolean,
    private readonly confirmed: boolean,
  ) {}

  submit(leg: Leg, offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    return new Promise((resolve, reject) => {
      this.attempt({ leg, offsetBytes, lengthBytes, resolve, reject });
    });
  }

  private attempt(read: Read): void {
    const { gate, nodeId } = this.context;
    if (gate.host === 'closed') {
      read.reject(fenced(nodeId, gate));
      return;
    }
    if (gate.host === 'held' || gate.reads === 'none') {
      this.waiting.push(read);
      return;
    }
    const { leg, offsetBytes, lengthBytes } = read;
    leg.locks.acquire(leg.lockFrom(offsetBytes), leg.lockLength(offsetBytes, lengthBytes), false, (hold) => {
      leg.read(offsetBytes, lengthBytes).then(
        (buffer) => {
          leg.locks.release(hold);
          this.sampled(read, buffer);
        },
        (error: unknown) => {
          leg.locks.release(hold);
          this.failed(read, error);
        },
      );
    });
  }

  private sampled(read: Read, buffer: BlockBuffer): void {
    const { gate, peer } = this.context;
    if (!this.mayAnswer()) {
      buffer.release();
      this.attemptLater(read);
      return;
    }
    if (!this.confirmed || gate.reads === 'free') {
      read.resolve(buffer);
      return;
    }
    if (peer === undefined) {
      buffer.release();
      this.attemptLater(read);
      return;
    }
    this.confirmId += 1;
    this.confirming.set(this.confirmId, { read, buffer });
    peer.send(frame(frameTypes.confirmRead, { id: this.confirmId, epoch: gate.epoch }));
  }

  private mayAnswer(): boolean {
    const { gate, clock } = this.context;
    if (gate.host !== 'open') return false;
    if (gate.reads === 'free') return true;
    return gate.reads === 'leased' && this.clockIsSound() && clock.now() < this.readableUntil();
  }

  private attemptLater(read: Read): void {
    if (this.context.gate.host === 'closed') read.reject(fenced(this.context.nodeId, this.context.gate));
    else this.waiting.push(read);
  }

  /** The peer says whether it still counts itself to the same epoch. */
  confirmedByPeer(id: number, epoch: number): void {
    const entry = this.confirming.get(id);
    if (entry === undefined) return;
    this.confirming.delete(id);
    const { gate } = this.context;
    if (gate.host === 'open' && epoch === gate.epoch) {
      entry.read.resolve(entry.buffer);
      return;
    }
    entry.buffer.release();
    this.attemptLater(entry.read);
  }

  private failed(read: Read, error: unknown): void {
    this.attemptLater(read);
    if (this.legReported) return;
    this.legReported = true;
    this.context.fact({
      kind: 'leg-failed',
      operation: 'read',
      detail: error instanceof Error ? error.message : String(error),
    });
  }

  /** Gate or lease has changed. */
  retry(): void {
    if (this.context.gate.host === 'closed') {
      for (const { read, buffer } of this.confirming.values()) {
        buffer.release();
        this.waiting.push(read);
      }
      this.confirming.clear();
    }
    if (this.waiting.length === 0) return;
    if (this.context.gate.host !== 'closed' && !this.mayAnswer()) return;
    for (const read of this.waiting.splice(0)) this.attempt(read);
  }

  /** The session has ended: nobody will confirm what was asked there. */
  sessionEnded(): void {
    for (const { read, buffer } of this.confirming.values()) {
      buffer.release();
      this.attemptLater(read);
    }
    this.confirming.clear();
  }
}
