import { type ByteStream, type ByteStreamHandler, type Clock, HoldfastError } from '@holdfast/core';
import type { Pipe, Receiver, Segment } from './pipe.js';

/** One end of a stream between two hosts in memory. */
export class MemoryStream implements ByteStream, Receiver {
  readonly remote: string;
  readonly clock: Clock;
  /** Set by the network right after both ends exist. */
  outgoing!: Pipe;
  incoming!: Pipe;
  /** The other end's host answers data for a dead stream with a reset; called when this end is such a one. */
  refused: (() => void) | undefined;
  private readonly highWaterMarkBytes: number;
  private readonly gone: (stream: MemoryStream) => void;
  private readonly keep: (count: number) => number;
  private handler: ByteStreamHandler | undefined;
  private paused = false;
  private endSent = false;
  private endTaken = false;
  private dead = false;
  private closed = false;
  private error: Error | undefined;
  private closeTold = false;
  private pendingBytes = 0;
  private wantsDrain = false;
  private noticing = false;
  /** By the last chunk of each write that has not entered the system. */
  private readonly flushedAfter = new Map<Segment, () => void>();
  private toNotice: (() => void)[] = [];

  constructor(options: {
    readonly remote: string;
    readonly clock: Clock;
    readonly highWaterMarkBytes: number;
    /** Told once, when this end is closed or dead. */
    readonly gone: (stream: MemoryStream) => void;
    /** How many of so many pieces on the way outlive a reset. */
    readonly keep: (count: number) => number;
  }) {
    this.remote = options.remote;
    this.clock = options.clock;
    this.highWaterMarkBytes = options.highWaterMarkBytes;
    this.gone = options.gone;
    this.keep = options.keep;
  }

  get wantsMore(): boolean {
    return this.dead || this.closed || (this.handler !== undefined && !this.paused);
  }

  attach(handler: ByteStreamHandler): void {
    const first = this.handler === undefined;
    this.handler = handler;
    if (!first) return;
    this.later(() => {
      this.incoming.pump();
      if (this.closed) this.tellClose();
    });
  }

  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean {
    if (this.closed || this.endSent) {
      if (flushed !== undefined) this.notice(flushed);
      return false;
    }
    // The chunks stay the writer's only until `flushed`; the copy is what a kernel makes.
    const segments: Segment[] = chunks.map((chunk) => ({ kind: 'data', bytes: chunk.slice() }));
    const last = segments.at(-1);
    if (flushed !== undefined) {
      if (last === undefined) this.notice(flushed);
      else this.flushedAfter.set(last, flushed);
    }
    for (const segment of segments) {
      if (segment.kind === 'data') this.pendingBytes += segment.bytes.length;
      this.outgoing.send(segment);
    }
    if (this.pendingBytes <= this.highWaterMarkBytes) return true;
    this.wantsDrain = true;
    return false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.later(() => this.incoming.pump());
  }

  end(): void {
    if (this.closed || this.endSent) return;
    this.endSent = true;
    this.outgoing.send({ kind: 'end' });
  }

  destroy(): void {
    if (this.closed || this.dead) return;
    this.outgoing.sendReset(this.keep);
    this.closeWith(undefined);
  }

  /** The connection broke under both ends: each is told, in its own time. */
  break(): void {
    if (this.closed || this.dead) return;
    this.closeWith(resetBy(this.remote));
  }

  /** The process at this end is no more. `orderly`: its kernel lives and says so to the other side. */
  die(orderly: boolean): void {
    if (this.dead) return;
    this.dead = true;
    this.handler = undefined;
    this.flushedAfter.clear();
    this.toNotice = [];
    if (orderly && !this.closed && !this.endSent) this.outgoing.sendLastEnd();
    if (!this.closed) this.gone(this);
  }

  /** The system has taken this piece. Told by the pipe, possibly in the other end's turn. */
  entered(segment: Segment): void {
    if (segment.kind === 'data') this.pendingBytes -= segment.bytes.length;
    const flushed = this.flushedAfter.get(segment);
    this.flushedAfter.delete(segment);
    if (flushed !== undefined) this.notice(flushed);
    if (segment.kind === 'end') this.notice(() => this.closeIfEnded());
    if (!this.wantsDrain || this.pendingBytes > this.highWaterMarkBytes / 2) return;
    this.wantsDrain = false;
    this.notice(() => {
      if (!this.closed) this.handler?.drain();
    });
  }

  take(segment: Segment): void {
    if (this.closed || this.dead) {
      if (segment.kind !== 'reset') this.refused?.();
      return;
    }
    if (segment.kind === 'reset') {
      this.closeWith(resetBy(this.remote));
    } else if (segment.kind === 'end') {
      this.endTaken = true;
      this.handler?.end();
      this.closeIfEnded();
    } else {
      this.handler?.data(segment.bytes);
    }
  }

  private closeIfEnded(): void {
    if (this.endSent && this.endTaken && !this.closed) this.closeWith(undefined);
  }

  private closeWith(error: Error | undefined): void {
    this.closed = true;
    this.error = error;
    for (const flushed of this.flushedAfter.values()) this.notice(flushed);
    this.flushedAfter.clear();
    this.notice(() => this.tellClose());
    this.gone(this);
  }

  private tellClose(): void {
    if (this.closeTold || this.handler === undefined) return;
    this.closeTold = true;
    this.handler.close(this.error);
  }

  /** In a turn of this end's own process, never inside a call of its owner. */
  private notice(what: () => void): void {
    this.toNotice.push(what);
    if (this.noticing) return;
    this.noticing = true;
    this.later(() => {
      this.noticing = false;
      const now = this.toNotice;
      this.toNotice = [];
      for (const tell of now) if (!this.dead) tell();
    });
  }

  private later(what: () => void): void {
    this.clock.setTimer(0, () => {
      if (!this.dead) what();
    });
  }
}

function resetBy(remote: string): HoldfastError {
  return new HoldfastError('UNREACHABLE', `${remote} has reset the stream.`, { retryable: true });
}
