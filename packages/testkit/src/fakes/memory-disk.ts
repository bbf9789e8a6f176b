import { type Clock, HoldfastError, type HoldfastErrorCode, Prng } from '@holdfast/core';
import { SparseBytes } from './sparse-bytes.js';

export type DiskOperationKind = 'read' | 'write' | 'write-zeroes' | 'flush';

export interface DiskOperation {
  readonly kind: DiskOperationKind;
  /** 1 for the first operation of its kind on this disk, and so on. */
  readonly nth: number;
  /** 0 for a flush. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** What goes wrong with one operation. */
export interface DiskFault {
  /** It fails with this code. A failed flush also loses its claim on everything it should have made stable. */
  readonly fail?: HoldfastErrorCode;
  /** It takes this much longer. Needs a clock. */
  readonly delayMs?: number;
  /** It never answers. */
  readonly hang?: boolean;
}

export type DiskLatency = (operation: DiskOperation, random: Prng) => number;

export interface MemoryDiskOptions {
  readonly name?: string;
  readonly sizeBytes: number;
  /** Needed for latency and delays. Without it, operations end in the same turn's microtasks. */
  readonly clock?: Clock;
  /** Milliseconds for one operation. Default 0. */
  readonly latencyMs?: number | DiskLatency;
  /** Decides what a power loss keeps. Default 1. */
  readonly seed?: number;
}

interface DiskWrite {
  readonly offsetBytes: number;
  readonly data: Uint8Array;
}

interface UnflushedWrite extends DiskWrite {
  readonly number: number;
  /** Written with force unit access: stable already, kept in the list so that older writes do not come back over it. */
  readonly forced: boolean;
}

/** What a disk writes whole, or not at all. */
const SECTOR_BYTES = 512;

/**
 * The medium behind one or more lives of a memory device, in two layers: what every read sees, and what survives the loss of power.
 * Between them stands the list of writes that no flush has covered.
 */
export class MemoryDisk {
  readonly name: string;
  readonly sizeBytes: number;
  /** Asked before every operation. Undefined: it goes well. */
  faults: ((operation: DiskOperation) => DiskFault | undefined) | undefined;

  private readonly clock: Clock | undefined;
  private readonly latency: DiskLatency;
  private readonly random: Prng;
  private visible = new SparseBytes();
  private readonly stable = new SparseBytes();
  private unflushed: UnflushedWrite[] = [];
  /** Writes whose flush has failed: still read back, and no later flush will save them. */
  private forsaken: UnflushedWrite[] = [];
  private readonly counts: Record<DiskOperationKind, number> = {
    read: 0,
    write: 0,
    'write-zeroes': 0,
    flush: 0,
  };
  private readonly underWay = new Set<DiskWrite>();
  private writeNumber = 0;
  private life = 0;
  private overlaps = 0;

  constructor(options: MemoryDiskOptions) {
    this.name = options.name ?? 'memory disk';
    this.sizeBytes = options.sizeBytes;
    this.clock = options.clock;
    this.random = new Prng(options.seed ?? 1);
    const { latencyMs = 0 } = options;
    this.latency = typeof latencyMs === 'number' ? () => latencyMs : latencyMs;
  }

  /** How many bytes of writes a loss of power may take now. */
  get unflushedBytes(): number {
    const writes = [...this.unflushed, ...this.forsaken];
    return writes.reduce((sum, write) => sum + (write.forced ? 0 : write.data.length), 0);
  }

  /** Pairs of overlapping writes that were outstanding together: their order was nobody's, so there should be none. */
  get overlappingWrites(): number {
    return this.overlaps;
  }

  /** Number of the current life: devices opened in an older one are dead. */
  get currentLife(): number {
    return this.life;
  }

  /** The process died (SIGKILL): operations under way never answer and may be done in part; what was written stays readable. */
  killProcess(): void {
    this.life += 1;
    for (const write of this.underWay) this.writeInPart(write);
    this.underWay.clear();
  }

  /**
   * The power went: operations under way never answer. Of the writes that no flush has covered, some reached the medium, some
   * did not, and some did in part, sector by sector, as the seed decides. `keep` decides instead, for a story.
   */
  losePower(keep?: 'nothing' | 'everything'): void {
    this.killProcess();
    const writes = [...this.forsaken, ...this.unflushed].sort((a, b) => a.number - b.number);
    for (const write of writes) {
      const fate = write.forced ? 'everything' : (keep ?? this.fate());
      if (fate === 'everything') this.stable.write(write.offsetBytes, write.data);
      if (fate === 'in part')
        for (const part of this.someSectorsOf(write)) this.stable.write(part.offsetBytes, part.data);
    }
    this.unflushed = [];
    this.forsaken = [];
    this.visible = new SparseBytes(this.stable);
  }

  /** The `nth` operation of this kind from now on (1 is the next) fails; those before and after it go well. */
  failNth(kind: DiskOperationKind, nth: number, fail: HoldfastErrorCode = 'IO_FAILED'): void {
    const target = this.counts[kind] + nth;
    const before = this.faults;
    this.faults = (operation) =>
      operation.kind === kind && operation.nth === target ? { fail } : before?.(operation);
  }

  /** What a reader of the bare medium would find after a loss of power right now that kept nothing. */
  readStable(offsetBytes: number, lengthBytes: number): Uint8Array {
    const into = new Uint8Array(lengthBytes);
    this.stable.read(offsetBytes, into);
    return into;
  }

  /** Waits as long as the operation takes. @throws what the fault says. Never returns for a dead life. */
  async perform(
    kind: DiskOperationKind,
    offsetBytes: number,
    lengthBytes: number,
    life: number,
  ): Promise<void> {
    if (life !== this.life) await never();
    const operation = { kind, nth: (this.counts[kind] += 1), offsetBytes, lengthBytes };
    const fault = this.faults?.(operation);
    const waitMs = this.latency(operation, this.random) + (fault?.delayMs ?? 0);
    if (waitMs > 0) await this.wait(waitMs);
    if (fault?.hang === true || life !== this.life) await never();
    if (fault?.fail === undefined) return;
    if (kind === 'flush') this.forsake();
    throw new HoldfastError(
      fault.fail,
      `${this.name}: ${kind} number ${String(operation.nth)} failed, as the test asked.`,
    );
  }

  readVisible(offsetBytes: number, into: Uint8Array): void {
    this.visible.read(offsetBytes, into);
  }

  /** A write is outstanding from here until `applyWrite` or `failWrite`. */
  beginWrite(write: DiskWrite, life: number): void {
    if (life !== this.life) return;
    for (const other of this.underWay) {
      const before = write.offsetBytes + write.data.length <= other.offsetBytes;
      const behind = other.offsetBytes + other.data.length <= write.offsetBytes;
      if (!before && !behind) this.overlaps += 1;
    }
    this.underWay.add(write);
  }

  applyWrite(write: DiskWrite, forced: boolean): void {
    this.underWay.delete(write);
    const { offsetBytes } = write;
    const data = write.data.slice();
    this.visible.write(offsetBytes, data);
    if (forced) this.stable.write(offsetBytes, data);
    this.unflushed.push({ offsetBytes, data, number: (this.writeNumber += 1), forced });
  }

  /** An unlucky write may still have changed some of its sectors. */
  failWrite(write: DiskWrite, code: HoldfastErrorCode): void {
    if (!this.underWay.delete(write)) return;
    if (code === 'IO_FAILED') this.writeInPart(write);
  }

  /** What a flush that begins now has to make stable. */
  flushMark(): number {
    return this.writeNumber;
  }

  applyFlush(mark: number): void {
    const covered = this.unflushed.filter((write) => write.number <= mark);
    this.unflushed = this.unflushed.filter((write) => write.number > mark);
    for (const write of covered) this.stable.write(write.offsetBytes, write.data);
    // What a failed flush has left behind is older than these, and must not come back over them.
    if (this.forsaken.length > 0) this.forsaken.push(...covered.map((write) => ({ ...write, forced: true })));
    for (const write of this.unflushed) if (write.forced) this.stable.write(write.offsetBytes, write.data);
  }

  /** For an answer that is kept back: a moment, or no time at all without a clock. */
  async keepBack(forMs: number, early: Promise<void>): Promise<void> {
    if (this.clock !== undefined) await Promise.race([this.wait(forMs), early]);
  }

  private forsake(): void {
    this.forsaken.push(...this.unflushed);
    this.unflushed = [];
  }

  private fate(): 'nothing' | 'everything' | 'in part' {
    return (['nothing', 'everything', 'in part'] as const)[this.random.below(3)] ?? 'nothing';
  }

  private writeInPart(write: DiskWrite): void {
    for (const part of this.someSectorsOf(write)) this.applyWrite(part, false);
  }

  private someSectorsOf(write: DiskWrite): readonly DiskWrite[] {
    return sectorsOf(write).filter(() => this.random.below(2) === 1);
  }

  private wait(durationMs: number): Promise<void> {
    const { clock } = this;
    if (clock === undefined)
      throw new TypeError(`${this.name} needs a clock to take ${String(durationMs)} ms.`);
    return new Promise((resolve) => void clock.setTimer(durationMs, resolve));
  }
}

function sectorsOf(write: DiskWrite): DiskWrite[] {
  const parts: DiskWrite[] = [];
  const end = write.offsetBytes + write.data.length;
  for (let at = write.offsetBytes; at < end;) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    parts.push({
      offsetBytes: at,
      data: write.data.subarray(at - write.offsetBytes, next - write.offsetBytes),
    });
    at = next;
  }
  return parts;
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
