import { type Clock, HoldfastError } from '@holdfast/core';
import type { PeerChannel } from '../group/context.js';
import {
  decodeJson,
  encodeJson,
  type Frame,
  type FrameStream,
  frame,
  frameTypes,
  type Lent,
} from '../wire/index.js';

/** What a session remembers of the other node's initiators is bounded: as many as the registry of repeats keeps. */
const initiatorsMax = 65_536;
const initiatorIdMax = 4_096;

/** One connection with one life of the other node. */
export class PeerSession implements PeerChannel {
  private heardAt: number;
  private readonly indexes = new Map<string, number>();
  private readonly initiators = new Map<number, string>();
  private readonly startedAt: number;

  constructor(
    readonly session: number,
    readonly bootId: string,
    private readonly frames: FrameStream,
    private readonly clock: Clock,
  ) {
    this.startedAt = clock.now();
    this.heardAt = this.startedAt;
  }

  get silentMs(): number {
    return this.clock.now() - this.heardAt;
  }

  get remote(): string {
    return this.frames.remote;
  }

  heard(): void {
    this.heardAt = this.clock.now();
  }

  send(next: Frame, lent?: Lent): void {
    this.frames.send(next, lent);
  }

  flush(): void {
    this.frames.flush();
  }

  originIndex(initiatorId: string): number {
    const known = this.indexes.get(initiatorId);
    if (known !== undefined) return known;
    const index = this.indexes.size + 1;
    this.indexes.set(initiatorId, index);
    this.send(frame(frameTypes.origin, { origin: index, payload: encodeJson({ initiatorId }) }));
    return index;
  }

  originAt(index: number): string | undefined {
    return this.initiators.get(index);
  }

  /** The peer names one of its indexes. */
  learnOrigin(next: Frame): void {
    const { initiatorId } = decodeJson(next.payload, 'The name of an initiator');
    if (typeof initiatorId !== 'string' || initiatorId.length > initiatorIdMax)
      throw new HoldfastError('PROTOCOL', 'The name of an initiator is none, or longer than allowed.');
    if (next.origin === 0 || next.origin > initiatorsMax) {
      throw new HoldfastError(
        'PROTOCOL',
        `The other node names initiator number ${String(next.origin)} of one session; there are at most ${String(initiatorsMax)}.`,
      );
    }
    this.initiators.set(next.origin, initiatorId);
  }

  close(cause: string): void {
    this.frames.close(cause);
  }
}
