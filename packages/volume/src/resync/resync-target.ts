import type { PeerChannel } from '../group/context.js';
import type { Follower } from '../group/follower.js';
import { blockBytes } from '../metadata/layout.js';
import type { Clock, Timer } from '@holdfast/core';
import type { Leg } from '../metadata/leg.js';
import { type Frame, frame, frameStatus, frameTypes } from '../wire/index.js';
import { encodeRanges, rangesPerFrame } from './ranges.js';

export interface ResyncTargetOptions {
  readonly legs: readonly Leg[];
  readonly peer: PeerChannel;
  readonly epoch: number;
  readonly follower: Follower;
  readonly digest: ((block: Uint8Array) => Uint8Array) | undefined;
  readonly clock: Clock;
  /** The leg is flushed this often, so that its log, and with it what an interruption costs, stays short. */
  readonly noteIntervalMs: number;
  /** Flushes the leg and lets its log go. */
  readonly makeRoom: (leg: Leg) => void;
}

/** The target's part: says what may differ here, compares when asked, and takes the copies under the same locks as all writes. */
export class ResyncTarget {
  private stopped = false;
  private hasTold = false;

  private noteTimer: Timer | undefined;

  constructor(private readonly options: ResyncTargetOptions) {
    this.noteLater();
  }

  private noteLater(): void {
    const { clock, legs, makeRoom, noteIntervalMs } = this.options;
    this.noteTimer = clock.setTimer(noteIntervalMs, () => {
      for (const leg of legs) if (leg.log.size > 0) makeRoom(leg);
      this.noteLater();
    });
  }

  /** Tells the source, when it asks, every range of the own activity log and dirty map. */
  private tellRanges(): void {
    const { legs, peer, epoch } = this.options;
    for (const leg of legs) {
      const ranges = [...leg.logRanges(), ...leg.map.runs(0, leg.sizeBytes)];
      for (let from = 0; from < ranges.length; from += rangesPerFrame) {
        peer.send(
          frame(frameTypes.resyncMap, {
            volume: leg.index,
            epoch,
            payload: encodeRanges(ranges.slice(from, from + rangesPerFrame)),
          }),
        );
      }
      peer.send(
        frame(frameTypes.resyncMapEnd, {
          volume: leg.index,
          epoch,
          status: leg.log.lost ? frameStatus.failed : frameStatus.ok,
        }),
      );
    }
  }

  peerFrame(next: Frame): void {
    const { legs, epoch } = this.options;
    const leg = legs[next.volume];
    if (this.stopped || leg === undefined) return;
    if (next.type === frameTypes.resyncBegin) {
      // Once: the answer may be long, and nobody asks twice.
      if (!this.hasTold) this.tellRanges();
      this.hasTold = true;
      return;
    }
    if (next.type === frameTypes.resyncTaken) {
      for (const each of legs) each.log.resolve();
      return;
    }
    if (next.epoch !== epoch || next.offsetBytes + next.lengthBytes > leg.sizeBytes) {
      this.answer(next, frameTypes.resyncApplied, frameStatus.staleEpoch);
    } else if (next.type === frameTypes.resyncWrite) {
      this.options.follower.write(leg, next, next.payload, (failure) => {
        this.answer(
          next,
          frameTypes.resyncApplied,
          failure === undefined ? frameStatus.ok : frameStatus.failed,
        );
        if (failure === undefined) next.giveBack?.();
      });
    } else if (next.type === frameTypes.resyncCompare) this.compare(leg, next);
  }

  private compare(leg: Leg, next: Frame): void {
    const { digest } = this.options;
    const blocks = Math.ceil(next.lengthBytes / blockBytes);
    leg.read(next.offsetBytes, next.lengthBytes).then(
      (buffer) => {
        const size = next.payload.length / blocks;
        const differs = new Uint8Array(blocks).fill(1);
        for (let block = 0; digest !== undefined && block < blocks; block += 1) {
          const mine = digest(
            buffer.bytes.subarray(block * blockBytes, Math.min((block + 1) * blockBytes, next.lengthBytes)),
          );
          const theirs = next.payload.subarray(block * size, (block + 1) * size);
          differs[block] =
            mine.length === theirs.length && mine.every((byte, at) => byte === theirs[at]) ? 0 : 1;
        }
        buffer.release();
        this.answer(next, frameTypes.resyncCompared, frameStatus.ok, differs);
      },
      () => {
        this.answer(next, frameTypes.resyncCompared, frameStatus.failed);
      },
    );
  }

  private answer(
    request: Frame,
    type: typeof frameTypes.resyncApplied | typeof frameTypes.resyncCompared,
    status: number,
    payload?: Uint8Array,
  ): void {
    if (this.stopped) return;
    const { volume, id, offsetBytes, lengthBytes, epoch } = request;
    this.options.peer.send(
      frame(type, {
        volume,
        id,
        offsetBytes,
        lengthBytes,
        epoch,
        status,
        ...(payload === undefined ? {} : { payload }),
      }),
    );
  }

  stop(): void {
    this.stopped = true;
    this.noteTimer?.cancel();
  }
}
