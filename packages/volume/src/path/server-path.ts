import { type BlockBuffer, type ByteStream, HoldfastError } from '@holdfast/core';
import type { HostSide, HostWrite } from '../api.js';
import {
  type Frame,
  frame,
  frameFlags,
  frameStatus,
  FrameStream,
  type FrameStreamHandler,
  frameTypes,
  type Lent,
} from '../wire/index.js';
import { farewellGeneration } from '../order/origins.js';
import type { ByteBudget, ByteBudgetWaiter } from './byte-budget.js';
import {
  decodeHello,
  encodeReason,
  maxRequestBytes,
  maxZeroesBytes,
  operationWindow,
  type PathHello,
} from './messages.js';
import { requestOverheadBytes } from './options.js';

/** What one path needs of the server it belongs to. */
export interface ServerPathOwner {
  readonly hostSide: HostSide;
  readonly budget: ByteBudget;
  readonly maxRequestsInFlight: number;
  /** Undefined: welcome. Otherwise why not. */
  judge(hello: PathHello): string | undefined;
  welcome(): Uint8Array;
  state(): Uint8Array;
  opened(path: ServerPath): void;
  activated(path: ServerPath): void;
  closed(path: ServerPath, cause: string): void;
}

/** A read's bytes until they have left, and what they are charged. */
class Loan implements Lent {
  constructor(
    private readonly path: ServerPath,
    private readonly buffer: BlockBuffer,
    private readonly chargedBytes: number,
  ) {}

  release(): void {
    this.buffer.release();
    this.path.settleCharge(this.chargedBytes);
  }
}

/** The node's end of one path. */
export class ServerPath implements FrameStreamHandler, ByteBudgetWaiter {
  initiatorId: string | undefined;
  /** Requests are taken under this generation only; undefined until one was raised on this path. */
  generation: number | undefined;
  /** Since the last look of the server. */
  heard = true;
  paused = false;
  /** The initiator does not read what it is answered. */
  clogged = false;
  lastHeardAt: number;

  private readonly frames: FrameStream;
  private highestAsked = 0;
  private inFlight = 0;
  private waiting: Frame[] = [];
  private waitsForRoom = false;
  private readonly gone = new AbortController();

  constructor(
    private readonly owner: ServerPathOwner,
    stream: ByteStream,
    now: number,
  ) {
    this.lastHeardAt = now;
    this.frames = new FrameStream(stream, this);
  }

  get remote(): string {
    return this.frames.remote;
  }

  frame(next: Frame): void {
    this.heard = true;
    this.take(next);
    if (!this.frames.backlogged || this.clogged) return;
    // Answers that nobody reads would pile up here: nothing more is heard until there is room.
    this.clogged = true;
    this.frames.pause();
  }

  drained(): void {
    this.heard = true;
    if (!this.clogged) return;
    this.clogged = false;
    if (!this.paused) this.frames.resume();
  }

  private take(next: Frame): void {
    switch (next.type) {
      case frameTypes.pathRead:
      case frameTypes.pathWrite:
      case frameTypes.pathZeroes:
      case frameTypes.pathFlush:
        this.request(next);
        return;
      case frameTypes.ping:
        this.frames.send(frame(frameTypes.pong, { id: next.id }));
        this.confirm(next.extra);
        return;
      case frameTypes.pong:
        return;
      case frameTypes.hello:
        this.hello(next);
        return;
      case frameTypes.raiseGeneration:
        this.raise(next.generation, next.operation);
        return;
      default:
        throw new HoldfastError(
          'PROTOCOL',
          `An initiator sent a frame of type ${next.type}, which has no meaning on a path.`,
        );
    }
  }

  closed(cause: string): void {
    this.gone.abort();
    this.waiting = [];
    if (this.waitsForRoom) this.owner.budget.removeWaiter(this);
    this.owner.closed(this, cause);
  }

  close(cause: string): void {
    this.frames.close(cause);
  }

  refuse(reason: string): void {
    this.frames.send(frame(frameTypes.refuse, { payload: encodeReason(reason) }));
    this.frames.end(reason);
  }

  /** After `refuse`: the other side has had its time to read why. */
  destroy(): void {
    this.frames.destroy();
  }

  ping(): void {
    if (!this.frames.backlogged) this.frames.send(frame(frameTypes.ping));
  }

  sendState(): void {
    if (this.initiatorId !== undefined)
      this.frames.send(frame(frameTypes.pathState, { payload: this.owner.state() }));
  }

  roomAppeared(): boolean {
    this.pump();
    return !this.waitsForRoom;
  }

  settleCharge(chargedBytes: number): void {
    this.owner.budget.give(chargedBytes);
  }

  private hello(next: Frame): void {
    if (this.initiatorId !== undefined) throw new HoldfastError('PROTOCOL', 'An initiator greeted twice.');
    const hello = decodeHello(next.payload);
    const reason = this.owner.judge(hello);
    if (reason !== undefined) {
      this.refuse(reason);
      return;
    }
    this.initiatorId = hello.initiatorId;
    this.frames.send(frame(frameTypes.welcome, { payload: this.owner.welcome() }));
    this.sendState();
    this.owner.opened(this);
  }

  private confirm(acknowledgedBelow: number): void {
    const { initiatorId, generation } = this;
    if (initiatorId === undefined || generation === undefined) return;
    this.owner.hostSide.confirm?.(initiatorId, generation, acknowledgedBelow);
  }

  private raise(generation: number, sentBelow: number): void {
    const { initiatorId } = this;
    if (initiatorId === undefined)
      throw new HoldfastError('PROTOCOL', 'An initiator raised a generation before its greeting.');
    if (generation <= this.highestAsked)
      throw new HoldfastError('PROTOCOL', 'An initiator did not raise its generation.');
    this.highestAsked = generation;
    this.generation = undefined;
    // A farewell is carried out although its sender is gone by then.
    const options = generation === farewellGeneration ? {} : { signal: this.gone.signal, sentBelow };
    this.owner.hostSide.raiseGeneration(initiatorId, generation, options).then(
      () => {
        this.raised(generation);
      },
      (error: unknown) => {
        this.raiseFailed(generation, error);
      },
    );
  }

  private raised(generation: number): void {
    // A higher one was asked for meanwhile: this answer is of no use to anybody.
    if (generation !== this.highestAsked || !this.frames.isOpen) return;
    this.generation = generation;
    this.owner.activated(this);
    this.frames.send(frame(frameTypes.generationRaised, { generation }));
  }

  private raiseFailed(generation: number, error: unknown): void {
    if (generation !== this.highestAsked) return;
    if (stoppedServing(error)) {
      this.leave();
      return;
    }
    const status = HoldfastError.is(error, 'REFUSED') ? frameStatus.staleGeneration : frameStatus.failed;
    this.frames.send(
      frame(frameTypes.generationRaised, { generation, status, payload: encodeReason(wordsOf(error)) }),
    );
  }

  private request(next: Frame): void {
    if (this.generation === undefined || next.generation !== this.generation) {
      throw new HoldfastError(
        'PROTOCOL',
        'An initiator sent a request outside of the generation that is open on its path.',
      );
    }
    const status = this.validate(next);
    if (status !== frameStatus.ok) {
      this.frames.send(frame(frameTypes.pathReply, { id: next.id, status }));
      return;
    }
    if (this.waiting.length === 0 && this.tryStart(next)) return;
    this.waiting.push(next);
    this.paused = true;
    this.frames.pause();
  }

  private validate(next: Frame): number {
    const volume = this.owner.hostSide.volumes[next.volume];
    const limit = next.type === frameTypes.pathZeroes ? maxZeroesBytes : maxRequestBytes;
    if (volume === undefined || next.lengthBytes > limit)
      throw new HoldfastError('PROTOCOL', 'A request is larger than allowed, or of no volume.');
    if (next.type === frameTypes.pathWrite && next.payload.length !== next.lengthBytes) {
      throw new HoldfastError(
        'PROTOCOL',
        `A write of ${next.lengthBytes} bytes came with ${next.payload.length}.`,
      );
    }
    if (next.type !== frameTypes.pathWrite && next.payload.length > 0) {
      // What is not charged to the budget must not be held.
      throw new HoldfastError(
        'PROTOCOL',
        `A request of type ${next.type} came with ${next.payload.length} bytes.`,
      );
    }
    if (next.lengthBytes === 0 && next.type !== frameTypes.pathFlush)
      throw new HoldfastError('PROTOCOL', 'A request of no bytes.');
    if (next.operation - next.extra > operationWindow) {
      throw new HoldfastError(
        'PROTOCOL',
        `A write is more than ${operationWindow} ahead of the oldest unanswered one.`,
      );
    }
    return next.offsetBytes + next.lengthBytes > volume.sizeBytes ? frameStatus.outOfRange : frameStatus.ok;
  }

  private tryStart(next: Frame): boolean {
    if (this.inFlight >= this.owner.maxRequestsInFlight) return false;
    const chargedBytes =
      requestOverheadBytes + (next.type === frameTypes.pathRead ? next.lengthBytes : next.payload.length);
    if (!this.owner.budget.tryTake(chargedBytes)) {
      if (!this.waitsForRoom) this.owner.budget.addWaiter(this);
      this.waitsForRoom = true;
      return false;
    }
    this.inFlight++;
    this.start(next, chargedBytes);
    return true;
  }

  private pump(): void {
    this.waitsForRoom = false;
    while (this.waiting.length > 0) {
      const next = this.waiting[0];
      if (next === undefined || !this.tryStart(next)) return;
      this.waiting.shift();
    }
    if (!this.paused) return;
    this.paused = false;
    this.heard = true;
    if (!this.clogged) this.frames.resume();
  }

  private start(next: Frame, chargedBytes: number): void {
    const failed = (error: unknown): void => {
      this.settleCharge(chargedBytes);
      this.failed(next.id, error);
    };
    if (next.type === frameTypes.pathRead) {
      const read = this.owner.hostSide.read(next.volume, next.offsetBytes, next.lengthBytes);
      read.then((buffer) => {
        this.answer(
          frame(frameTypes.pathReply, { id: next.id, payload: buffer.bytes }),
          new Loan(this, buffer, chargedBytes),
        );
      }, failed);
      return;
    }
    const done =
      next.type === frameTypes.pathFlush
        ? this.owner.hostSide.flush(next.volume)
        : this.owner.hostSide.write(this.toWrite(next));
    done.then(() => {
      this.settleCharge(chargedBytes);
      next.giveBack?.();
      this.answer(frame(frameTypes.pathReply, { id: next.id }));
    }, failed);
  }

  private toWrite(next: Frame): HostWrite {
    return {
      volume: next.volume,
      offsetBytes: next.offsetBytes,
      lengthBytes: next.lengthBytes,
      data: next.type === frameTypes.pathWrite ? next.payload : undefined,
      forceUnitAccess: (next.flags & frameFlags.forceUnitAccess) !== 0,
      mayTrim: (next.flags & frameFlags.mayTrim) !== 0,
      origin: {
        initiatorId: this.initiatorId ?? '',
        generation: next.generation,
        operation: next.operation,
        acknowledgedBelow: next.extra,
      },
    };
  }

  private answer(reply: Frame, lent?: Lent): void {
    this.frames.send(reply, lent);
    this.settled();
  }

  private settled(): void {
    this.inFlight--;
    // Room in the budget wakes by itself; room among the requests of this path does not.
    if (this.waiting.length > 0 && !this.waitsForRoom) this.pump();
  }

  private failed(id: number, error: unknown): void {
    if (stoppedServing(error)) {
      this.settled();
      this.leave();
      return;
    }
    const payload = encodeReason(wordsOf(error));
    this.answer(frame(frameTypes.pathReply, { id, status: statusOf(error), payload }));
  }

  /** No answer is the answer: the initiator asks the other node, and is told here why. */
  private leave(): void {
    this.sendState();
    this.close('this node stopped serving');
  }
}

function stoppedServing(error: unknown): boolean {
  return (
    HoldfastError.is(error, 'FENCED') ||
    HoldfastError.is(error, 'STALE_EPOCH') ||
    HoldfastError.is(error, 'CLOSED')
  );
}

function statusOf(error: unknown): number {
  if (HoldfastError.is(error, 'REFUSED')) return frameStatus.staleGeneration;
  if (HoldfastError.is(error, 'OUT_OF_RANGE')) return frameStatus.outOfRange;
  return frameStatus.failed;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
