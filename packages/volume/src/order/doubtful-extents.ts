/** Sectors are what disks write whole; hosts write nothing smaller. */
const sectorBytes = 512;

/**
 * Where a leg may hold writes that this process knows nothing of: they were under way, or done and not yet noted, when the process before it
 * ended. All of them lie in extents that stood in the activity log at the start. Remembers which sectors there were written since.
 */
export class DoubtfulExtents {
  private readonly written = new Map<number, Uint8Array | undefined>();

  /** @param extents Numbers of extents; undefined: any may be one of them. */
  constructor(
    private readonly extentBytes: number,
    private readonly extents: ReadonlySet<number> | undefined,
  ) {}

  static none(extentBytes: number): DoubtfulExtents {
    return new DoubtfulExtents(extentBytes, new Set());
  }

  get isEmpty(): boolean {
    return this.extents?.size === 0;
  }

  /** A write to this range begins. */
  mark(offsetBytes: number, lengthBytes: number): void {
    if (this.isEmpty) return;
    this.eachSector(offsetBytes, lengthBytes, (extent, sector) => {
      if (this.extents?.has(extent) === false) return;
      let bits = this.written.get(extent);
      if (bits === undefined) {
        bits = new Uint8Array(Math.ceil(this.extentBytes / sectorBytes / 8));
        this.written.set(extent, bits);
      }
      bits[sector >>> 3] = (bits[sector >>> 3] ?? 0) | (1 << (sector & 7));
    });
  }

  /** Runs of sectors in the range that were written since the start, in bytes. */
  writtenIn(offsetBytes: number, lengthBytes: number): { offsetBytes: number; lengthBytes: number }[] {
    const runs: { offsetBytes: number; lengthBytes: number }[] = [];
    if (this.written.size === 0) return runs;
    this.eachSector(offsetBytes, lengthBytes, (extent, sector) => {
      const bits = this.written.get(extent);
      if (bits === undefined || ((bits[sector >>> 3] ?? 0) & (1 << (sector & 7))) === 0) return;
      const from = extent * this.extentBytes + sector * sectorBytes;
      const last = runs.at(-1);
      if (last !== undefined && last.offsetBytes + last.lengthBytes === from) last.lengthBytes += sectorBytes;
      else runs.push({ offsetBytes: from, lengthBytes: sectorBytes });
    });
    const end = offsetBytes + lengthBytes;
    return runs.map((run) => {
      const from = Math.max(run.offsetBytes, offsetBytes);
      return { offsetBytes: from, lengthBytes: Math.min(run.offsetBytes + run.lengthBytes, end) - from };
    });
  }

  private eachSector(
    offsetBytes: number,
    lengthBytes: number,
    visit: (extent: number, sector: number) => void,
  ): void {
    const perExtent = this.extentBytes / sectorBytes;
    const last = Math.ceil((offsetBytes + lengthBytes) / sectorBytes);
    for (let at = Math.floor(offsetBytes / sectorBytes); at < last; at += 1)
      visit(Math.floor(at / perExtent), at % perExtent);
  }
}
