import type { HoldfastError } from '@holdfast/core';
import type { OriginStamp } from '../api.js';
import type { Leg } from '../metadata/leg.js';
import type { RangeHold } from '../order/range-lock.js';

/**
 * One write of a host, from its arrival to its acknowledgement.
 *
 * `held`: not ordered yet. `waiting`: for its range. `started`: ordered; it is on its way to the legs and will complete or stay
 * in the activity log. `ended`: its client has its answer, or is gone.
 */
export class Operation {
  state: 'held' | 'waiting' | 'started' | 'ended' = 'held';
  sequence = 0;
  ownDone = false;
  peerDone = false;
  ownFailed = false;
  /** Counted as in flight in the activity log. */
  inLog = false;
  /** This node stopped serving: what its client is told once the own leg is done with it. */
  givenUp: HoldfastError | undefined;
  /** Its range, while it holds or awaits it. */
  hold: RangeHold | undefined;
  /** Number that the other node gave it when it forwarded it; 0 for one of our own hosts. */
  forwardId = 0;
  /** Which life of the other node gave that number: the next one counts from the beginning. */
  forwardBootId: string | undefined;
  /** A repeat that others have outrun: what its leg gets instead of `data`, so the peer cannot take it from a forward. */
  outrun: Uint8Array | undefined;
  /** Peer session in which it was last sent. */
  sentSession = 0;

  constructor(
    readonly leg: Leg,
    readonly offsetBytes: number,
    readonly lengthBytes: number,
    /** Undefined: zeros. Not written to until the operation has ended. */
    readonly data: Uint8Array | undefined,
    readonly forceUnitAccess: boolean,
    readonly mayTrim: boolean,
    readonly origin: OriginStamp | undefined,
    /** Which connection it came from, so that a dead one's unstarted writes can be dropped. */
    readonly source: object | undefined,
    readonly settled: (error: HoldfastError | undefined) => void,
  ) {}

  /** What legs get; undefined: zeros. */
  get bytes(): Uint8Array | undefined {
    return this.outrun ?? this.data;
  }

  private users = 0;
  private whenFree: (() => void) | undefined;

  /** Somebody reads from `data`: a frame that has not left yet, a write to a leg. Pair with `release`. */
  use(): void {
    this.users += 1;
  }

  release(): void {
    this.users -= 1;
    if (this.users > 0) return;
    const free = this.whenFree;
    this.whenFree = undefined;
    free?.();
  }

  /** Gives the memory back to its client with the news that the write was given up: not before everybody has stopped reading from it. */
  fail(error: HoldfastError | undefined): void {
    if (this.users === 0) this.settled(error);
    else
      this.whenFree = () => {
        this.settled(error);
      };
  }
}
