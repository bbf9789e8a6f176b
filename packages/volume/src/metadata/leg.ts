import { type BlockBuffer, type BlockDevice, type Clock, HoldfastError, type Millis } from '@holdfast/core';
import { RangeLocks } from '../order/range-lock.js';
import type { LegOptions, NodeTuning } from '../options.js';
import { ActivityLog } from './activity-log.js';
import { DirtyMap } from './dirty-map.js';
import { checkLabel, type LabelWanted, type LegLabel, readLabel, writeLabel } from './label.js';
import { blockBytes, layoutOf } from './layout.js';

export interface LegIdentity {
  readonly clusterId: string;
  readonly groupId: string;
  readonly nodeId: string;
}

/** One copy of a volume on this node: its bytes, what it remembers about them, and who may touch which range now. */
export class Leg {
  readonly locks = new RangeLocks();
  /** Since when each operation of the data device has been under way, oldest first. */
  private readonly underWay = new Map<number, Millis>();
  private operations = 0;

  private constructor(
    readonly volumeId: string,
    readonly index: number,
    private readonly data: BlockDevice,
    private readonly metadata: BlockDevice,
    private readonly clock: Clock,
    readonly label: LegLabel,
    readonly log: ActivityLog,
    readonly map: DirtyMap,
    /** Labelled in this very start. */
    readonly isNew: boolean,
  ) {
    this.noted = label.fullCopyId;
  }

  /** The full copy whose open rest the dirty map durably stands for; undefined: the map says nothing about a full copy. */
  get fullCopyId(): string | undefined {
    return this.noted;
  }

  /** Call with a name when the map is durable with everything marked, before any bit is cleared. */
  noteFullCopy(copyId: string | undefined): Promise<void> {
    const written = this.lastNote.then(async () => {
      if (this.noted === copyId) return;
      const { fullCopyId: _former, ...kept } = this.label;
      await writeLabel(this.metadata, { ...kept, ...(copyId === undefined ? {} : { fullCopyId: copyId }) });
      this.noted = copyId;
    });
    this.lastNote = written.catch(() => undefined);
    return written;
  }

  private noted: string | undefined;
  private lastNote: Promise<unknown> = Promise.resolve();

  /** @throws HoldfastError NOT_SUPPORTED, FOREIGN_LEG, SIZE_MISMATCH, CORRUPT or OPTIONS_INVALID; the data is untouched then. */
  static async open(
    options: LegOptions,
    index: number,
    identity: LegIdentity,
    tuning: NodeTuning,
    clock: Clock,
    roomWanted: (leg: Leg) => void,
  ): Promise<Leg> {
    checkSupport(options.data);
    checkSupport(options.metadata);
    const { clusterId, groupId, nodeId } = identity;
    const wanted = {
      clusterId,
      groupId,
      nodeId,
      volumeId: options.volumeId,
      sizeBytes: options.data.sizeBytes,
    };
    const found = await readLabel(options.metadata);
    if (found !== undefined) checkLabel(found, wanted, options.metadata);
    const label = found ?? makeLabel(options, wanted, tuning);
    const layout = layoutOf(label.sizeBytes, label.activityLogExtents);
    if (options.metadata.sizeBytes < layout.sizeBytes) {
      throw new HoldfastError(
        'SIZE_MISMATCH',
        `${options.metadata.name} has ${String(options.metadata.sizeBytes)} bytes, the metadata of ${options.data.name} needs ${String(layout.sizeBytes)}. ` +
          "It was cut off or made too small: restore it, or put an empty one in its place and move the group's record in the store away, and the leg is rebuilt from the other node.",
      );
    }
    if (found === undefined) await writeLabel(options.metadata, label);
    const cell: { leg?: Leg } = {};
    const log = await ActivityLog.open(
      options.metadata,
      layout,
      label.activityLogExtents,
      () => {
        if (cell.leg !== undefined) roomWanted(cell.leg);
      },
      Math.ceil(label.sizeBytes / label.activityLogExtentBytes),
    );
    const map = await DirtyMap.open(options.metadata, layout, label.sizeBytes);
    cell.leg = new Leg(
      options.volumeId,
      index,
      options.data,
      options.metadata,
      clock,
      label,
      log,
      map,
      found === undefined,
    );
    return cell.leg;
  }

  get sizeBytes(): number {
    return this.label.sizeBytes;
  }

  get name(): string {
    return this.data.name;
  }

  read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    return this.watch(this.data.read(offsetBytes, lengthBytes));
  }

  /** `data` undefined: zeros. */
  write(
    offsetBytes: number,
    lengthBytes: number,
    data: Uint8Array | undefined,
    forceUnitAccess: boolean,
    mayTrim: boolean,
    unhurried = false,
  ): Promise<void> {
    if (data === undefined) {
      return this.watch(this.data.writeZeroes(offsetBytes, lengthBytes, { forceUnitAccess, mayTrim }));
    }
    return this.watch(this.data.write(offsetBytes, data, { forceUnitAccess, unhurried }));
  }

  /** Unhurried writes that have ended say so. */
  collect(): void {
    this.data.collect?.();
  }

  flush(): Promise<void> {
    return this.watch(this.data.flush());
  }

  /** For how long the oldest operation of the leg has been without an answer. */
  get silentMs(): number {
    const [oldest] = this.underWay.values();
    return oldest === undefined ? 0 : this.clock.now() - oldest;
  }

  private watch<Result>(work: Promise<Result>): Promise<Result> {
    this.operations += 1;
    const number = this.operations;
    this.underWay.set(number, this.clock.now());
    const ended = (): void => {
      this.underWay.delete(number);
    };
    work.then(ended, ended);
    return work;
  }

  firstExtent(offsetBytes: number): number {
    return Math.floor(offsetBytes / this.label.activityLogExtentBytes);
  }

  lastExtent(offsetBytes: number, lengthBytes: number): number {
    return Math.floor((offsetBytes + lengthBytes - 1) / this.label.activityLogExtentBytes);
  }

  /** The ranges that the activity log stands for, cut at the end of the volume. */
  logRanges(): { offsetBytes: number; lengthBytes: number }[] {
    const { activityLogExtentBytes } = this.label;
    return this.log.extents().map((extent) => {
      const offsetBytes = extent * activityLogExtentBytes;
      return { offsetBytes, lengthBytes: Math.min(activityLogExtentBytes, this.sizeBytes - offsetBytes) };
    });
  }

  /** After the last write of an orderly stop: nothing is left for a later start to compare. The legs have been flushed. */
  async rest(): Promise<void> {
    await this.map.save();
    this.log.settle(this.log.mark());
    await this.log.save();
  }

  private logMarkedBytes = 0;

  /** The activity log's differences go over into the dirty map: after this they survive in the map. */
  markLog(): void {
    const before = this.map.dirtyBytes;
    if (this.log.lost) this.map.markAll();
    for (const range of this.logRanges()) this.map.mark(range.offsetBytes, range.lengthBytes);
    this.log.resolve();
    this.logMarkedBytes += this.map.dirtyBytes - before;
  }

  /** How much the log has added to the map since this was last asked, in bytes. */
  takeLogMarkedBytes(): number {
    const taken = this.logMarkedBytes;
    this.logMarkedBytes = 0;
    return taken;
  }

  /** Locks go by whole blocks: neighbours inside one block of the dirty map are kept apart too. */
  lockFrom(offsetBytes: number): number {
    return offsetBytes - (offsetBytes % blockBytes);
  }

  lockLength(offsetBytes: number, lengthBytes: number): number {
    return Math.ceil((offsetBytes + lengthBytes) / blockBytes) * blockBytes - this.lockFrom(offsetBytes);
  }
}

function makeLabel(options: LegOptions, wanted: LabelWanted, tuning: NodeTuning): LegLabel {
  if (options.content === undefined) {
    throw new HoldfastError(
      'OPTIONS_INVALID',
      `${options.data.name} has never been a leg. Say what it holds: content "zeros" for an empty new leg, or "adopt" to keep its data and make the volume from it. Nothing was changed.`,
    );
  }
  return {
    version: 1,
    ...wanted,
    activityLogExtentBytes: tuning.activityLogExtentBytes,
    activityLogExtents: tuning.activityLogExtents,
    content: options.content === 'zeros' ? 'zeros' : 'adopted',
  };
}

/** @throws HoldfastError NOT_SUPPORTED for a device that says that it cannot do everything. */
function checkSupport({ name, supports = {} }: BlockDevice): void {
  const missing = Object.entries(supports).filter(([, does]) => does === false);
  if (missing.length === 0) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `${name} has no ${missing.map(([what]) => what).join(' and no ')}, and a leg needs all of it. Take another device.`,
  );
}
