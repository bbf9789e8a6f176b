import { assert, type BlockDevice, HoldfastError } from '@holdfast/core';
import { logPageHeadBytes, logSlotsPerPage, type MetadataLayout } from './layout.js';
import { inspectPage, pageBytes, pageHeaderBytes, sealPage } from './page.js';

const kind = 0x4c41_4648; // "HFAL"
const freeSlot = 0xffff_ffff;

/** After so many writes in a row that each went on where the one before had been, somebody is taken to write from front to back. */
const runWrites = 16;
/** So many extents are then written into the log before anybody needs them. */
const aheadExtents = 4;

interface Waiter {
  readonly first: number;
  readonly last: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The extents that may differ from the other leg, or may not be stable yet. An extent stands here, durably, from before the
 * first write to it; it leaves when nothing is in flight there and `settle` has been called after the leg was flushed.
 * Each log answers for its own leg: after a crash the union of both covers all that may differ.
 */
export class ActivityLog {
  private readonly slotOf = new Map<number, number>();
  private readonly extentAt: Uint32Array;
  private readonly durable: Uint8Array;
  private readonly inFlight: Int32Array;
  private readonly touchedAt: Float64Array;
  /** Stands for a difference that only a resync settles: found at the start, or left by a write that was given up. */
  private readonly unsettled: Uint8Array;
  private readonly freeSlots: number[] = [];
  private readonly changedPages = new Set<number>();
  private readonly pageSequence: number[];
  private waiting: Waiter[] = [];
  private writing = false;
  private turn = 0;
  private failure: unknown;
  private latestExtent = 0;
  private run = 0;

  private constructor(
    private readonly device: BlockDevice,
    private readonly layout: MetadataLayout,
    readonly slots: number,
    /** Asked when no slot is free: flush, then `settle`. */
    private readonly roomWanted: () => void,
    /** A log page could not be read whole: nobody knows what is missing, everything may differ. Until `resolve`. */
    public lost: boolean,
    /** Extents that the leg has. */
    private readonly extentCount: number,
  ) {
    this.extentAt = new Uint32Array(slots).fill(freeSlot);
    this.durable = new Uint8Array(slots);
    this.inFlight = new Int32Array(slots);
    this.touchedAt = new Float64Array(slots);
    this.unsettled = new Uint8Array(slots);
    this.pageSequence = new Array<number>(layout.logPages).fill(0);
  }

  static async open(
    device: BlockDevice,
    layout: MetadataLayout,
    slots: number,
    roomWanted: () => void,
    extentCount = 0,
  ): Promise<ActivityLog> {
    const read = await device.read(layout.logFromBytes, 2 * layout.logPages * pageBytes);
    const pages: { sequence: number; page: Uint8Array | undefined }[] = [];
    let lost = false;
    for (let index = 0; index < layout.logPages; index += 1) {
      const best = { sequence: 0, page: undefined as Uint8Array | undefined };
      const states = [0, 1].map((copy) => {
        const from = (2 * index + copy) * pageBytes;
        const page = read.bytes.slice(from, from + pageBytes);
        const state = inspectPage(page, kind);
        if (state !== 'good') return state;
        const view = new DataView(page.buffer);
        const sequence =
          view.getUint32(pageHeaderBytes, true) + view.getUint32(pageHeaderBytes + 4, true) * 0x1_0000_0000;
        if (sequence >= best.sequence) Object.assign(best, { sequence, page });
        return state;
      });
      // One damaged copy is a torn write that nobody relied on; two mean that the log is gone.
      if (best.page === undefined && states.includes('damaged')) lost = true;
      pages.push(best);
    }
    read.release();
    const log = new ActivityLog(device, layout, slots, roomWanted, lost, extentCount);
    pages.forEach(({ sequence, page }, index) => {
      log.pageSequence[index] = sequence;
      if (page !== undefined) log.takeIn(index, page);
    });
    for (let slot = slots - 1; slot >= 0; slot -= 1)
      if (log.extentAt[slot] === freeSlot) log.freeSlots.push(slot);
    return log;
  }

  /** Extents in the log, in no order. */
  extents(): number[] {
    return [...this.slotOf.keys()];
  }

  get size(): number {
    return this.slotOf.size;
  }

  get usedShare(): number {
    return this.slotOf.size / this.slots;
  }

  /** A moment in the log's own time: what was touched after it is not settled by it. */
  mark(): number {
    return this.turn;
  }

  /**
   * Counts a write to these extents as in flight, and calls `done` when they are all durable in the log: at once, in the same
   * turn, when they are already.
   */
  begin(first: number, last: number, done: () => void, failed: (error: unknown) => void): void {
    this.turn += 1;
    const isNext = first === this.latestExtent || first === this.latestExtent + 1;
    this.run = isNext ? this.run + 1 : 0;
    this.latestExtent = last;
    if (this.enter(first, last)) {
      done();
      if (this.run >= runWrites && !this.slotOf.has(last + 1)) this.goAhead(last + 1);
      return;
    }
    this.waiting.push({ first, last, done, failed });
    this.write();
  }

  /** Who writes from front to back would wait for the log at every new extent: here it is written meanwhile. */
  private goAhead(from: number): void {
    const end = Math.min(from + aheadExtents, this.extentCount);
    // The room is for those who need it now.
    if (from >= end || this.freeSlots.length < this.slots / 2) return;
    for (let extent = from; extent < end; extent += 1) if (!this.slotOf.has(extent)) this.takeSlot(extent);
    this.write();
  }

  private takeSlot(extent: number): void {
    const slot = this.freeSlots.pop();
    assert(slot !== undefined, 'free slots were counted');
    this.slotOf.set(extent, slot);
    this.extentAt[slot] = extent;
    this.durable[slot] = 0;
    this.inFlight[slot] = 0;
    this.unsettled[slot] = 0;
    this.touchedAt[slot] = this.turn;
    this.changedPages.add(Math.floor(slot / logSlotsPerPage));
  }

  /** The write that `begin` counted has completed, on every leg that it needed. */
  end(first: number, last: number): void {
    // A flush that began before this moment does not cover the write: time moves on here too.
    this.turn += 1;
    for (let extent = first; extent <= last; extent += 1) {
      const slot = this.slotOf.get(extent);
      assert(
        slot !== undefined && (this.inFlight[slot] ?? 0) > 0,
        'a write ends in extents that it has begun in',
      );
      this.inFlight[slot] = (this.inFlight[slot] ?? 0) - 1;
      this.touchedAt[slot] = this.turn;
    }
    if (this.waiting.length > 0) this.write();
  }

  /** Lets go of extents without writes in flight that were last touched at `mark` or before. Their writes are stable. */
  settle(mark: number): number {
    let gone = 0;
    for (const [extent, slot] of this.slotOf) {
      if (this.durable[slot] === 0 || this.inFlight[slot] !== 0 || this.unsettled[slot] === 1) continue;
      if ((this.touchedAt[slot] ?? 0) > mark) continue;
      this.slotOf.delete(extent);
      this.extentAt[slot] = freeSlot;
      this.durable[slot] = 0;
      this.freeSlots.push(slot);
      this.changedPages.add(Math.floor(slot / logSlotsPerPage));
      gone += 1;
    }
    if (this.waiting.length > 0) this.write();
    return gone;
  }

  /** A write in these extents was given up: the other leg may have it or not, until a resync. Call before `end`. */
  keep(first: number, last: number): void {
    for (let extent = first; extent <= last; extent += 1) {
      const slot = this.slotOf.get(extent);
      if (slot !== undefined) this.unsettled[slot] = 1;
    }
  }

  /** Whether extents stand here that only a resync may settle. */
  get hasUnsettled(): boolean {
    return this.unsettled.includes(1);
  }

  /** A resync has taken over what stands here (its dirty map covers it), or both legs are equal. */
  resolve(): void {
    this.lost = false;
    this.unsettled.fill(0);
    if (this.waiting.length > 0) this.roomWanted();
  }

  /** Writes down what `settle` let go of. Not needed for safety: an extent too many costs a comparison after a crash. */
  async save(): Promise<void> {
    while (this.writing) await new Promise<void>((done) => this.idle.push(done));
    if (this.changedPages.size === 0 || this.failure !== undefined) return;
    this.writing = true;
    try {
      await this.transact();
    } catch (error) {
      this.writeFailed(error);
      throw error;
    }
    this.written();
  }

  private readonly idle: (() => void)[] = [];

  /** Slots for all of the extents, or none of them; true when all are durable. A write in flight holds each. */
  private enter(first: number, last: number): boolean {
    let allDurable = true;
    const missing: number[] = [];
    for (let extent = first; extent <= last; extent += 1) {
      const slot = this.slotOf.get(extent);
      if (slot === undefined) missing.push(extent);
      else if (this.durable[slot] === 0) allDurable = false;
    }
    if (missing.length > this.freeSlots.length) return false;
    for (const extent of missing) this.takeSlot(extent);
    if (missing.length > 0 || !allDurable) return false;
    this.count(first, last);
    return true;
  }

  private count(first: number, last: number): void {
    for (let extent = first; extent <= last; extent += 1) {
      const slot = this.slotOf.get(extent) ?? 0;
      this.inFlight[slot] = (this.inFlight[slot] ?? 0) + 1;
      this.touchedAt[slot] = this.turn;
    }
  }

  private write(): void {
    if (this.writing) return;
    if (this.failure !== undefined) {
      for (const waiter of this.waiting.splice(0)) waiter.failed(this.failure);
      return;
    }
    this.writing = true;
    void this.transact().then(
      () => {
        this.written();
      },
      (error: unknown) => {
        this.writeFailed(error);
      },
    );
  }

  private writeFailed(error: unknown): void {
    this.failure = error;
    this.writing = false;
    for (const waiter of this.waiting.splice(0)) waiter.failed(error);
    for (const done of this.idle.splice(0)) done();
  }

  private async transact(): Promise<void> {
    for (const { first, last } of this.waiting) this.enterOnly(first, last);
    if (this.changedPages.size > 0) await this.writeChanged();
  }

  /** As `enter`, for those who wait: takes slots, counts nothing. */
  private enterOnly(first: number, last: number): void {
    if (last - first + 1 > this.slots) {
      throw new HoldfastError(
        'OPTIONS_INVALID',
        `A write touches ${String(last - first + 1)} extents, the activity log holds ${String(this.slots)}: raise activityLogExtents.`,
      );
    }
    if (this.enter(first, last)) this.uncount(first, last);
  }

  private uncount(first: number, last: number): void {
    for (let extent = first; extent <= last; extent += 1) {
      const slot = this.slotOf.get(extent) ?? 0;
      this.inFlight[slot] = (this.inFlight[slot] ?? 0) - 1;
    }
  }

  private written(): void {
    this.writing = false;
    for (const done of this.idle.splice(0)) done();
    const still: Waiter[] = [];
    for (const waiter of this.waiting) {
      if (this.enter(waiter.first, waiter.last)) waiter.done();
      else still.push(waiter);
    }
    this.waiting = still;
    if (still.length === 0) return;
    if (this.changedPages.size > 0) this.write();
    else if (this.hasIdleExtent) this.roomWanted();
  }

  /** Whether a flush would make room. While all extents have writes in flight it would not, and `end` asks again. */
  private get hasIdleExtent(): boolean {
    return this.extentAt.some(
      (extent, slot) =>
        extent !== freeSlot &&
        this.durable[slot] === 1 &&
        this.inFlight[slot] === 0 &&
        this.unsettled[slot] === 0,
    );
  }

  private async writeChanged(): Promise<void> {
    const pages = [...this.changedPages];
    this.changedPages.clear();
    const written: { slot: number; extent: number }[] = [];
    await Promise.all(
      pages.map((index) => {
        const sequence = (this.pageSequence[index] ?? 0) + 1;
        this.pageSequence[index] = sequence;
        const page = this.encode(index, sequence, written);
        const at = this.layout.logFromBytes + (2 * index + (sequence % 2)) * pageBytes;
        return this.device.write(at, page, { forceUnitAccess: true });
      }),
    );
    // A slot may have been given to another extent meanwhile: that one is not on the device yet.
    for (const { slot, extent } of written) if (this.extentAt[slot] === extent) this.durable[slot] = 1;
  }

  private encode(index: number, sequence: number, written: { slot: number; extent: number }[]): Uint8Array {
    const page = new Uint8Array(pageBytes);
    const view = new DataView(page.buffer);
    view.setUint32(pageHeaderBytes, sequence >>> 0, true);
    view.setUint32(pageHeaderBytes + 4, Math.floor(sequence / 0x1_0000_0000), true);
    view.setUint32(pageHeaderBytes + 8, index, true);
    for (let at = 0; at < logSlotsPerPage; at += 1) {
      const slot = index * logSlotsPerPage + at;
      const extent = slot < this.slots ? (this.extentAt[slot] ?? freeSlot) : freeSlot;
      view.setUint32(logPageHeadBytes + at * 4, extent, true);
      if (extent !== freeSlot) written.push({ slot, extent });
    }
    sealPage(page, kind);
    return page;
  }

  private takeIn(index: number, page: Uint8Array): void {
    const view = new DataView(page.buffer, page.byteOffset);
    for (let at = 0; at < logSlotsPerPage; at += 1) {
      const slot = index * logSlotsPerPage + at;
      const extent = view.getUint32(logPageHeadBytes + at * 4, true);
      if (slot >= this.slots || extent === freeSlot || this.slotOf.has(extent)) continue;
      this.slotOf.set(extent, slot);
      this.extentAt[slot] = extent;
      this.durable[slot] = 1;
      this.unsettled[slot] = 1;
    }
  }
}
