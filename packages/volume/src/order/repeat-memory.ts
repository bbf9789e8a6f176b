import type { Clock } from '@holdfast/core';
import type { OriginStamp } from '../api.js';
import type { Leg } from '../metadata/leg.js';
import { DoubtfulExtents } from './doubtful-extents.js';
import type { Origins, OriginsSnapshot } from './origins.js';
import { UnconfirmedWrites } from './unconfirmed-writes.js';

/** Before a note that could not be written is tried again. */
const noteRetryMs = 100;

export interface RepeatMemoryOptions {
  readonly origins: Origins;
  readonly legs: readonly Leg[];
  readonly clock: Clock;
  /**
   * Makes the registry of repeats durable. Notes are written in the order of the calls, and before every later record.
   * @param isStable What they speak of has been flushed: they are true also after a loss of power.
   */
  readonly save: (snapshot: OriginsSnapshot, isStable: boolean) => Promise<void>;
  readonly legFailed: (error: unknown) => void;
}

/**
 * Keeps a repeat from undoing a newer write although the process that carried out the first try is gone. While two nodes mirror, each
 * remembers for the other; a node that serves alone has nobody, so there two rules hold:
 *
 * - A write that covers one which its initiator may still repeat begins only when that one is noted: its number is in the store. Later the
 *   repeat is answered and touches nothing.
 * - What was under way when a process ended was never noted. The next process writes the repeats of that only where nobody has written since
 *   it started: there the repeat counts as the older of the two.
 *
 * The second rule lives in memory: see the limits in the README.
 */
export class RepeatMemory {
  private readonly unnoted: UnconfirmedWrites[];
  /** Being noted. */
  private leaving: UnconfirmedWrites[];
  /** Not noted, and written over while the other node would still have remembered. */
  private readonly covered: UnconfirmedWrites[];
  private doubtful: DoubtfulExtents[];
  private running: Promise<boolean> | undefined;
  private following: Promise<boolean> | undefined;
  /** How often the copy was given up: what was to be noted of an older one is of no use. */
  private copies = 0;
  private legReported = false;
  private isStableWanted = false;
  /** What was noted last may not outlive the power. */
  private isLastUnstable = false;
  /** Something was noted that a copy which is given up must not remember. */
  private hasNotes = false;

  constructor(private readonly options: RepeatMemoryOptions) {
    const { legs } = options;
    this.unnoted = legs.map(() => new UnconfirmedWrites());
    this.leaving = legs.map(() => new UnconfirmedWrites());
    this.covered = legs.map(() => new UnconfirmedWrites());
    this.doubtful = legs.map(
      ({ log, label }) =>
        new DoubtfulExtents(label.activityLogExtentBytes, log.lost ? undefined : new Set(log.extents())),
    );
  }

  /** What the process before this one has noted. */
  recall(notes: OriginsSnapshot | undefined): void {
    if (notes === undefined) return;
    this.options.origins.recall(notes);
    this.hasNotes = true;
  }

  /** The write stands on this leg, and its range is still taken. */
  carriedOut(stamp: OriginStamp, leg: Leg, offsetBytes: number, lengthBytes: number): void {
    const done = this.options.origins.doneBy(stamp.initiatorId);
    if (done === undefined || stamp.operation < done.floor) return;
    this.unnoted[leg.index]?.add(offsetBytes, offsetBytes + lengthBytes, stamp.operation, done);
  }

  /** A write to this range has to wait for a note. */
  isInTheWay(leg: Leg, offsetBytes: number, lengthBytes: number): boolean {
    const end = offsetBytes + lengthBytes;
    return (
      this.unnoted[leg.index]?.overlaps(offsetBytes, end) === true ||
      this.leaving[leg.index]?.overlaps(offsetBytes, end) === true
    );
  }

  get hasUnnoted(): boolean {
    return [...this.unnoted, ...this.leaving].some((writes) => !writes.isEmpty);
  }

  /**
   * The other node is silent or gone, and will not remember any more. Only what was written over already has to be noted now: at this moment
   * the store is wanted for the record that makes this node the survivor.
   */
  otherMayBeGone(): void {
    if (this.covered.some((writes) => !writes.isEmpty)) void this.note();
  }

  /**
   * True when all that was carried out before this call is noted. False after a while: it could not be, ask again.
   * @param isStable Flush the legs first. Otherwise the note counts as long as the machine keeps its power.
   */
  note(isStable = false): Promise<boolean> {
    if (isStable) this.isStableWanted = true;
    if (this.following !== undefined) return this.following;
    if (this.running === undefined) return this.begin();
    this.following = this.running.then(() => {
      this.following = undefined;
      return this.begin();
    });
    return this.following;
  }

  /** As a stable `note`, when there is something to note. For those who are about to forget where it stands. */
  async noteAll(): Promise<boolean> {
    return this.hasUnnoted || this.isLastUnstable ? await this.note(true) : true;
  }

  private begin(): Promise<boolean> {
    this.leaving = this.unnoted.map((writes) => writes.takeAll());
    const covered = this.covered.map((writes) => writes.takeAll());
    const isStable = this.isStableWanted;
    this.isStableWanted = false;
    this.running = this.write(this.options.origins.snapshot(), isStable).then((isNoted) => {
      this.running = undefined;
      if (!isNoted) this.leaving.forEach((writes, index) => this.unnoted[index]?.putBack(writes));
      for (const writes of this.leaving) writes.clear();
      if (isNoted) for (const writes of covered) writes.clear();
      else covered.forEach((writes, index) => this.covered[index]?.putBack(writes));
      return isNoted;
    });
    return this.running;
  }

  private async write(snapshot: OriginsSnapshot, isStable: boolean): Promise<boolean> {
    const copy = this.copies;
    if (isStable && !(await this.flushLegs())) return false;
    if (copy !== this.copies) return true;
    this.hasNotes = true;
    try {
      await this.options.save(snapshot, isStable);
      this.isLastUnstable = !isStable;
      return true;
    } catch {
      await this.pause();
      return false;
    }
  }

  private async flushLegs(): Promise<boolean> {
    try {
      await Promise.all(this.options.legs.map((leg) => leg.flush()));
      return true;
    } catch (error) {
      if (!this.legReported) this.options.legFailed(error);
      this.legReported = true;
      await this.pause();
      return false;
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      this.options.clock.setTimer(noteRetryMs, resolve);
    });
  }

  /** A write to this range begins. */
  begins(leg: Leg, offsetBytes: number, lengthBytes: number): void {
    const covered = this.covered[leg.index];
    if (covered !== undefined)
      this.unnoted[leg.index]?.copyOverlapping(offsetBytes, offsetBytes + lengthBytes, covered);
    this.doubtful[leg.index]?.mark(offsetBytes, lengthBytes);
  }

  /** Whether others have written, since this process started, where a repeat that nobody can judge wants to write. */
  isOutrun(stamp: OriginStamp, leg: Leg, offsetBytes: number, lengthBytes: number): boolean {
    if (!this.options.origins.isDoubtful(stamp)) return false;
    return (this.doubtful[leg.index]?.writtenIn(offsetBytes, lengthBytes).length ?? 0) > 0;
  }

  /** The bytes for such a repeat: what stands there now wherever others have written. The range is taken. */
  async outrunBytes(
    leg: Leg,
    offsetBytes: number,
    lengthBytes: number,
    data: Uint8Array | undefined,
  ): Promise<Uint8Array> {
    const bytes = new Uint8Array(lengthBytes);
    if (data !== undefined) bytes.set(data);
    for (const run of this.doubtful[leg.index]?.writtenIn(offsetBytes, lengthBytes) ?? []) {
      const newer = await leg.read(run.offsetBytes, run.lengthBytes);
      bytes.set(newer.bytes, run.offsetBytes - offsetBytes);
      newer.release();
    }
    return bytes;
  }

  /** This copy is given up for that of the other node, which knows better. */
  giveUp(): void {
    const { legs, origins, save } = this.options;
    this.copies += 1;
    origins.restore({ version: 1, initiators: [] });
    for (const writes of [...this.unnoted, ...this.leaving, ...this.covered]) writes.clear();
    this.doubtful = legs.map(({ label }) => DoubtfulExtents.none(label.activityLogExtentBytes));
    if (!this.hasNotes) return;
    this.hasNotes = false;
    // In front of the record that says that this copy is whole again. A store that cannot write this cannot write that one either.
    save(origins.snapshot(), true).catch(() => {
      this.hasNotes = true;
    });
  }

  /** The other node has said what was carried out while this one was away. */
  learn(snapshot: unknown): void {
    this.options.origins.merge(snapshot);
    void this.note();
  }
}
