import type { Clock, PolarizationEffect, PolarizationFact } from '@holdfast/core';
import type { NodeEvent, ResyncProgress } from '../api.js';
import type { Leg } from '../metadata/leg.js';
import type { NodeTuning } from '../options.js';
import { ResyncSource } from '../resync/resync-source.js';
import { ResyncTarget } from '../resync/resync-target.js';
import { decodeJson, encodeJson, type Frame, frame, frameTypes } from '../wire/index.js';
import type { DataPath } from './data-path.js';

type StartResync = Extract<PolarizationEffect, { kind: 'start-resync' }>;

const progressIntervalMs = 100;

export interface ResyncRoomOptions {
  readonly legs: readonly Leg[];
  readonly clock: Clock;
  readonly tuning: NodeTuning;
  readonly digest: ((block: Uint8Array) => Uint8Array) | undefined;
  readonly dataPath: () => DataPath;
  readonly makeRoom: (leg: Leg) => void;
  readonly fact: (fact: PolarizationFact) => void;
  readonly emit: (event: NodeEvent) => void;
}

/** Starts and stops resyncs as the policy wishes, and tells how they go. */
export class ResyncRoom {
  private source: ResyncSource | undefined;
  private target: ResyncTarget | undefined;
  private lastProgress: ResyncProgress | undefined;
  private toldAt = -Infinity;

  constructor(private readonly options: ResyncRoomOptions) {}

  get progress(): ResyncProgress | undefined {
    return this.source?.progress ?? (this.target === undefined ? undefined : this.lastProgress);
  }

  /** The target's leg has everything: it counts for flushes from here on. */
  get targetCounts(): boolean {
    return this.source?.caughtUp ?? false;
  }

  start(effect: StartResync): void {
    this.stop(false);
    const dataPath = this.options.dataPath();
    const { peer } = dataPath;
    if (peer?.session !== effect.session) {
      this.options.fact({
        kind: 'resync-failed',
        effect: effect.id,
        detail: 'the session has ended before the resync began',
      });
      return;
    }
    const { legs, digest, clock, tuning } = this.options;
    if (effect.side === 'target') {
      // What this node knew belongs to a copy that is given up; from here on it follows the source.
      dataPath.repeats.giveUp();
      this.target = new ResyncTarget({
        legs,
        peer,
        epoch: effect.epoch,
        follower: dataPath.follower,
        digest,
        clock,
        noteIntervalMs: tuning.resyncNoteIntervalMs,
        makeRoom: this.options.makeRoom,
      });
      this.lastProgress = { side: 'target', dirtyBytes: 0, activityLogBytes: 0, doneBytes: 0, movedBytes: 0 };
      return;
    }
    this.source = new ResyncSource({
      legs,
      peer,
      clock,
      digest,
      epoch: effect.epoch,
      full: effect.full,
      copyId: effect.copyId,
      noteIntervalMs: tuning.resyncNoteIntervalMs,
      flusher: dataPath.flusher,
      chunkBytes: tuning.resyncChunkBytes,
      depth: tuning.resyncDepth,
      rateBytesPerSecond: tuning.resyncRateBytesPerSecond,
      progressed: (progress) => {
        this.tell(progress);
      },
      caughtUp: (movedBytes) => {
        this.shipOrigins(dataPath);
        this.options.fact({ kind: 'resync-caught-up', effect: effect.id, movedBytes });
      },
      failed: (detail) => {
        this.options.fact({ kind: 'resync-failed', effect: effect.id, detail });
      },
    });
    this.options.emit({ kind: 'resync-started', at: clock.now(), progress: this.source.progress });
    this.source.begin();
  }

  /** What was carried out while the target was away: it must recognise repeats of it, should it have to serve. */
  private shipOrigins(dataPath: DataPath): void {
    dataPath.peer?.send(frame(frameTypes.originsDone, { payload: encodeJson(dataPath.origins.snapshot()) }));
  }

  private tell(progress: ResyncProgress): void {
    const at = this.options.clock.now();
    if (at - this.toldAt < progressIntervalMs) return;
    this.toldAt = at;
    this.options.emit({ kind: 'resync-progress', at, progress });
  }

  peerFrame(next: Frame): void {
    switch (next.type) {
      case frameTypes.originsDone:
        this.options
          .dataPath()
          .repeats.learn(decodeJson(next.payload, 'A list of writes that were carried out'));
        break;
      case frameTypes.resyncMap:
      case frameTypes.resyncMapEnd:
      case frameTypes.resyncApplied:
      case frameTypes.resyncCompared:
        this.source?.peerFrame(next);
        break;
      default:
        this.target?.peerFrame(next);
    }
  }

  stop(completed: boolean): void {
    const { source } = this;
    this.source = undefined;
    this.target?.stop();
    this.target = undefined;
    if (source === undefined) return;
    source.stop();
    this.options.emit({
      kind: 'resync-ended',
      at: this.options.clock.now(),
      progress: source.progress,
      completed,
    });
  }
}
