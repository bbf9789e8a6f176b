import type { Clock, Timer } from '@holdfast/core';
import type { ResyncProgress } from '../api.js';
import type { PeerChannel } from '../group/context.js';
import type { Flusher } from '../group/flusher.js';
import { blockBytes } from '../metadata/layout.js';
import type { Leg } from '../metadata/leg.js';
import { type Frame, frame, frameStatus, frameTypes } from '../wire/index.js';
import { decodeRanges } from './ranges.js';

export interface ResyncSourceOptions {
  readonly legs: readonly Leg[];
  readonly peer: PeerChannel;
  readonly epoch: number;
  readonly full: boolean;
  /** With `full`: its name. A leg whose metadata holds it goes on where it was. */
  readonly copyId: string | undefined;
  /** Progress becomes durable this often. */
  readonly noteIntervalMs: number;
  readonly clock: Clock;
  readonly flusher: Flusher;
  readonly chunkBytes: number;
  readonly depth: number;
  readonly rateBytesPerSecond: number;
  /** A short fingerprint of a block, to find out what is equal without sending it. Undefined: everything marked is sent. */
  readonly digest: ((block: Uint8Array) => Uint8Array) | undefined;
  readonly progressed: (progress: ResyncProgress) => void;
  readonly caughtUp: (movedBytes: number) => void;
  readonly failed: (detail: string) => void;
}

interface Chunk {
  readonly leg: Leg;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly release: () => void;
  pending: number;
}

/**
 * Brings the target's leg up beside host writes. A chunk's range is held against writes from the reading of the own leg to the
 * target's word that it has the copy: so a copy never lands on a newer host write. A bit of the dirty map is cleared only then.
 */
export class ResyncSource {
  private started = false;
  private ended = false;
  private targetMapMissing: number;
  private legIndex = 0;
  private cursorBlock = 0;
  private readonly chunks = new Map<number, Chunk>();
  private requestId = 0;
  private readonly startedAt: number;
  private timer: Timer | undefined;
  private noteTimer: Timer | undefined;
  private dirtyBytes = 0;
  private activityLogBytes = 0;
  private doneBytes = 0;
  private movedBytes = 0;
  caughtUp = false;

  constructor(private readonly options: ResyncSourceOptions) {
    this.targetMapMissing = options.legs.length;
    this.startedAt = options.clock.now();
    // The source's own log has gone into its map with the gate already.
    this.activityLogBytes = options.legs.reduce((sum, leg) => sum + leg.takeLogMarkedBytes(), 0);
  }

  /** Asks the target what may differ on its side; the rest follows from its answers. */
  begin(): void {
    const { peer, epoch } = this.options;
    peer.send(frame(frameTypes.resyncBegin, { epoch }));
  }

  get progress(): ResyncProgress {
    const { dirtyBytes, activityLogBytes, doneBytes, movedBytes } = this;
    return { side: 'source', dirtyBytes, activityLogBytes, doneBytes, movedBytes };
  }

  /** A frame of the resync from the target. */
  peerFrame(next: Frame): void {
    if (this.ended) return;
    if (next.type === frameTypes.resyncMap) this.takeRanges(next);
    else if (next.type === frameTypes.resyncMapEnd) this.mapEnded(next);
    else if (next.type === frameTypes.resyncApplied) this.applied(next);
    else if (next.type === frameTypes.resyncCompared) this.compared(next);
  }

  private takeRanges(next: Frame): void {
    const leg = this.options.legs[next.volume];
    if (leg === undefined) return;
    const before = leg.map.dirtyBytes;
    for (const range of decodeRanges(next.payload, leg.sizeBytes))
      leg.map.mark(range.offsetBytes, range.lengthBytes);
    this.activityLogBytes += leg.map.dirtyBytes - before;
  }

  /** The target has no more to add; with status `failed` its log is lost, and everything may differ. */
  private mapEnded(next: Frame): void {
    const leg = this.options.legs[next.volume];
    if (leg === undefined) return;
    if (this.beginsFull(leg) || next.status !== frameStatus.ok) leg.map.markAll();
    this.targetMapMissing -= 1;
    if (this.targetMapMissing > 0 || this.started) return;
    this.started = true;
    this.dirtyBytes = Math.max(
      0,
      this.options.legs.reduce((sum, one) => sum + one.map.dirtyBytes, 0) - this.activityLogBytes,
    );
    this.options.progressed(this.progress);
    const isNewCopy = this.options.legs.some((one) => this.beginsFull(one));
    void this.takeOver().then(() => {
      if (isNewCopy) this.copy();
    });
    if (!isNewCopy) this.copy();
  }

  /** The map does not stand for this copy yet: every block may differ. */
  private beginsFull(leg: Leg): boolean {
    const { full, copyId } = this.options;
    return full && (copyId === undefined || leg.fullCopyId !== copyId);
  }

  /**
   * Once the map here knows durably what the target's log stood for, the target needs no room for it any more. A full copy gets its
   * name only now, and before its first block is called equal: from here on the map alone says what is open of it.
   */
  private async takeOver(): Promise<void> {
    const { legs, peer, epoch, full, copyId } = this.options;
    try {
      await Promise.all(legs.map((leg) => leg.map.save()));
      if (full) await Promise.all(legs.map((leg) => leg.noteFullCopy(copyId)));
      if (!this.ended) peer.send(frame(frameTypes.resyncTaken, { epoch }));
    } catch (error) {
      this.fail(`saving the dirty map failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private copy(): void {
    if (this.ended) return;
    this.noteLater();
    this.pump();
  }

  /** A bit that is clear in the saved map is a block that the target has, or whose extent stands in the target's own log. */
  private noteLater(): void {
    this.noteTimer = this.options.clock.setTimer(this.options.noteIntervalMs, () => {
      Promise.all(this.options.legs.map((leg) => leg.map.save())).then(
        () => {
          if (!this.ended) this.noteLater();
        },
        (error: unknown) => {
          this.fail(`saving the dirty map failed: ${error instanceof Error ? error.message : String(error)}`);
        },
      );
    });
  }

  private pump(): void {
    if (!this.started || this.ended || this.caughtUp) return;
    while (this.chunks.size + this.reserved.size < this.options.depth) {
      const waitMs = this.throttleMs();
      if (waitMs > 0) {
        this.timer?.cancel();
        this.timer = this.options.clock.setTimer(waitMs, () => {
          this.pump();
        });
        return;
      }
      if (!this.next()) break;
    }
    if (this.chunks.size + this.reserved.size === 0) this.finish();
  }

  private throttleMs(): number {
    const { rateBytesPerSecond, clock } = this.options;
    if (rateBytesPerSecond === 0) return 0;
    const dueMs = (this.movedBytes / rateBytesPerSecond) * 1_000;
    // Whole milliseconds: a remainder too small to move a clock would be waited for without end.
    return Math.max(0, Math.ceil(dueMs - (clock.now() - this.startedAt)));
  }

  /** Begins with the next dirty chunk. False when a whole round over all volumes found none. */
  private next(): boolean {
    const { legs, chunkBytes } = this.options;
    for (let tried = 0; tried <= legs.length; tried += 1) {
      const leg = legs[this.legIndex];
      const block = leg?.map.nextDirty(this.cursorBlock);
      if (leg !== undefined && block !== undefined) {
        const offsetBytes = block * blockBytes;
        const lengthBytes = Math.min(chunkBytes - (offsetBytes % chunkBytes), leg.sizeBytes - offsetBytes);
        this.cursorBlock = Math.ceil((offsetBytes + lengthBytes) / blockBytes);
        this.beginChunk(leg, offsetBytes, lengthBytes);
        return true;
      }
      this.legIndex = (this.legIndex + 1) % legs.length;
      this.cursorBlock = 0;
    }
    return false;
  }

  private beginChunk(leg: Leg, offsetBytes: number, lengthBytes: number): void {
    this.requestId += 1;
    const id = this.requestId;
    // Exclusive: two chunks over one range never run together, and neither does a host write.
    leg.locks.acquire(leg.lockFrom(offsetBytes), leg.lockLength(offsetBytes, lengthBytes), true, (hold) => {
      const chunk: Chunk = {
        leg,
        offsetBytes,
        lengthBytes,
        pending: 0,
        release: () => {
          leg.locks.release(hold);
        },
      };
      if (this.ended) chunk.release();
      else this.read(id, chunk);
    });
    if (!this.chunks.has(id)) this.reserved.add(id);
  }

  private readonly reserved = new Set<number>();

  private read(id: number, chunk: Chunk): void {
    this.reserved.delete(id);
    this.chunks.set(id, chunk);
    chunk.leg.read(chunk.offsetBytes, chunk.lengthBytes).then(
      (buffer) => {
        if (!this.ended) this.sendChunk(id, chunk, buffer.bytes);
        buffer.release();
      },
      (error: unknown) => {
        this.fail(
          `reading ${chunk.leg.name} failed: ${error instanceof Error ? error.message : String(error)}`,
        );
      },
    );
  }

  private sendChunk(id: number, chunk: Chunk, bytes: Uint8Array): void {
    const { digest } = this.options;
    const runs = chunk.leg.map.runs(chunk.offsetBytes, chunk.lengthBytes);
    if (runs.length === 0) {
      this.endChunk(id, chunk);
      return;
    }
    chunk.pending = runs.length;
    for (const run of runs) {
      const from = run.offsetBytes - chunk.offsetBytes;
      // The buffer goes back to its pool when this turn ends; the frame leaves later.
      const copy = bytes.slice(from, from + run.lengthBytes);
      if (digest === undefined) this.sendRun(id, chunk.leg, run.offsetBytes, copy);
      else this.sendDigests(id, chunk.leg, run.offsetBytes, copy, digest);
    }
  }

  private readonly copies = new Map<string, Uint8Array>();

  private sendDigests(
    id: number,
    leg: Leg,
    offsetBytes: number,
    copy: Uint8Array,
    digest: (block: Uint8Array) => Uint8Array,
  ): void {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < copy.length; at += blockBytes)
      parts.push(digest(copy.subarray(at, Math.min(at + blockBytes, copy.length))));
    const size = parts[0]?.length ?? 0;
    const payload = new Uint8Array(parts.length * size);
    parts.forEach((part, index) => {
      payload.set(part, index * size);
    });
    this.copies.set(`${String(id)}:${String(offsetBytes)}`, copy);
    const { peer, epoch } = this.options;
    peer.send(
      frame(frameTypes.resyncCompare, {
        volume: leg.index,
        id,
        offsetBytes,
        lengthBytes: copy.length,
        epoch,
        payload,
      }),
    );
  }

  /** The target says which blocks of a run differ: one byte each. */
  private compared(next: Frame): void {
    const chunk = this.chunks.get(next.id);
    const key = `${String(next.id)}:${String(next.offsetBytes)}`;
    const copy = this.copies.get(key);
    if (chunk === undefined || copy === undefined) return;
    this.copies.delete(key);
    if (next.status !== frameStatus.ok) {
      this.fail('the target could not read its leg');
      return;
    }
    chunk.pending -= 1;
    let at = 0;
    while (at * blockBytes < copy.length) {
      const differs = next.payload[at] !== 0;
      let after = at + 1;
      while (after * blockBytes < copy.length && (next.payload[after] !== 0) === differs) after += 1;
      const offsetBytes = next.offsetBytes + at * blockBytes;
      const part = copy.subarray(at * blockBytes, Math.min(after * blockBytes, copy.length));
      if (differs) {
        chunk.pending += 1;
        this.sendRun(next.id, chunk.leg, offsetBytes, part);
      } else this.equalNow(chunk.leg, offsetBytes, part.length);
      at = after;
    }
    if (chunk.pending === 0) this.endChunk(next.id, chunk);
  }

  private sendRun(id: number, leg: Leg, offsetBytes: number, payload: Uint8Array): void {
    const { peer, epoch } = this.options;
    this.movedBytes += payload.length;
    peer.send(
      frame(frameTypes.resyncWrite, {
        volume: leg.index,
        id,
        offsetBytes,
        lengthBytes: payload.length,
        epoch,
        payload,
      }),
    );
  }

  private applied(next: Frame): void {
    const chunk = this.chunks.get(next.id);
    if (chunk === undefined) return;
    if (next.status !== frameStatus.ok) {
      this.fail(
        next.status === frameStatus.staleEpoch
          ? 'the target has moved to another epoch'
          : 'the target could not write its leg',
      );
      return;
    }
    // Only what this chunk has sent can have arrived: anything else would make blocks equal that are not.
    const from = next.offsetBytes - chunk.offsetBytes;
    if (from < 0 || from + next.lengthBytes > chunk.lengthBytes || next.volume !== chunk.leg.index) {
      this.fail('the target says that it has what it was not sent');
      return;
    }
    this.equalNow(chunk.leg, next.offsetBytes, next.lengthBytes);
    chunk.pending -= 1;
    if (chunk.pending === 0) this.endChunk(next.id, chunk);
  }

  private equalNow(leg: Leg, offsetBytes: number, lengthBytes: number): void {
    leg.map.clear(offsetBytes, lengthBytes, leg.sizeBytes);
    this.doneBytes += lengthBytes;
  }

  private endChunk(id: number, chunk: Chunk): void {
    this.chunks.delete(id);
    chunk.release();
    this.options.progressed(this.progress);
    this.pump();
  }

  /** All bits are clear: make the target's leg stable, so that from here on it counts for flushes too. */
  private finish(): void {
    this.caughtUp = true;
    const { legs, flusher } = this.options;
    let open = legs.length;
    for (const leg of legs) {
      flusher.flushPeer(leg, () => {
        open -= 1;
        if (open === 0 && !this.ended) this.options.caughtUp(this.movedBytes);
      });
    }
  }

  private fail(detail: string): void {
    if (this.ended) return;
    this.stop();
    this.options.failed(detail);
  }

  stop(): void {
    if (this.ended) return;
    this.ended = true;
    this.timer?.cancel();
    this.noteTimer?.cancel();
    for (const chunk of this.chunks.values()) chunk.release();
    this.chunks.clear();
    this.copies.clear();
  }
}
