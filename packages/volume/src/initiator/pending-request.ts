import type { BlockBuffer } from '@holdfast/core';
import { type Frame, type FrameType, frameTypes } from '../wire/index.js';

/** Number of requests that are no writes. */
const noOperation = 0;

export type SettleRequest = (error: Error | undefined, buffer: BlockBuffer | undefined) => void;

/** One request of a client, from its call until its reply. Kept as it is, so that it can be repeated. */
export class PendingRequest {
  /** Given when it is taken up; ascending in the order of the calls. */
  id = 0;
  operation = noOperation;
  /** On the path that is active now. */
  sent = false;
  /** On any path: another sending is a repeat. */
  sentBefore = false;

  constructor(
    readonly type: FrameType,
    readonly volume: number,
    readonly offsetBytes: number,
    readonly lengthBytes: number,
    readonly data: Uint8Array,
    readonly flags: number,
    readonly startedAt: number,
    /** Called once. */
    readonly settle: SettleRequest,
  ) {}

  get isWrite(): boolean {
    return this.type === frameTypes.pathWrite || this.type === frameTypes.pathZeroes;
  }

  /** Bytes of memory that it holds or will hold. */
  get heldBytes(): number {
    return this.type === frameTypes.pathRead ? this.lengthBytes : this.data.length;
  }

  toFrame(volume: number, generation: number, acknowledgedBelow: number): Frame {
    return {
      type: this.type,
      flags: this.flags,
      volume,
      status: 0,
      id: this.id,
      offsetBytes: this.offsetBytes,
      lengthBytes: this.lengthBytes,
      epoch: 0,
      origin: 0,
      generation,
      operation: this.operation,
      extra: this.isWrite ? acknowledgedBelow : 0,
      payload: this.data,
    };
  }
}
