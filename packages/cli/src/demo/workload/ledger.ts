import { BlockReader, blockBytes, fillBlock } from './blocks.js';
import { type Moment, RegisterHistory } from './register-history.js';

/** A write under way. Give it back to `acknowledged`, or to `abandoned` when no answer came. */
export interface LedgerWrite {
  readonly version: number;
  readonly offsetBytes: number;
  readonly data: Uint8Array;
}

/** A read under way. */
export interface LedgerRead {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly startedAt: Moment;
}

/** A block that holds what it must not hold. */
export interface Fault {
  /** `lost`: a whole block, but not one that may stand here any more (or yet). `torn`: a mix, foreign or unknown bytes. */
  readonly kind: 'lost' | 'torn';
  readonly block: number;
  readonly offsetBytes: number;
  readonly what: string;
}

/**
 * Remembers every write of one client by version per block of 4 KiB, and judges every read against what it may have seen.
 * A write whose answer never came stays possible for ever, and is never counted as acknowledged.
 */
export class WriteLedger {
  private readonly histories = new Map<number, RegisterHistory>();
  private readonly reads = new Set<LedgerRead>();
  private readonly reader: BlockReader;
  private moment: Moment = 0;
  private nextVersion = 1;
  private acknowledged_ = 0;
  private acknowledgedBytes_ = 0;
  private indeterminate_ = 0;
  private blocksChecked_ = 0;

  constructor(private readonly seed: number) {
    this.reader = new BlockReader(seed);
  }

  get acknowledgedWrites(): number {
    return this.acknowledged_;
  }

  get acknowledgedBytes(): number {
    return this.acknowledgedBytes_;
  }

  /** Writes that ended without an answer. */
  get indeterminateWrites(): number {
    return this.indeterminate_;
  }

  get blocksChecked(): number {
    return this.blocksChecked_;
  }

  /** Blocks that were written at least once. */
  get blocksWritten(): number {
    return this.histories.size;
  }

  /** Fills `into` (whole blocks) with contents that no other write has. */
  startWrite(offsetBytes: number, into: Uint8Array): LedgerWrite {
    const version = this.nextVersion;
    this.nextVersion += 1;
    const at = this.tick();
    const first = offsetBytes / blockBytes;
    for (let index = 0; index < into.length / blockBytes; index += 1) {
      const block = first + index;
      fillBlock(into.subarray(index * blockBytes, (index + 1) * blockBytes), {
        seed: this.seed,
        block,
        version,
      });
      this.historyOf(block).writeStarted(version, at);
    }
    return { version, offsetBytes, data: into };
  }

  acknowledged(write: LedgerWrite): void {
    const at = this.tick();
    this.acknowledged_ += 1;
    this.acknowledgedBytes_ += write.data.length;
    const oldestRead = this.oldestRead();
    for (const block of blocksOf(write.offsetBytes, write.data.length)) {
      const history = this.historyOf(block);
      history.writeAcknowledged(write.version, at);
      history.forgetBefore(oldestRead);
    }
  }

  abandoned(_write: LedgerWrite): void {
    this.indeterminate_ += 1;
  }

  startRead(offsetBytes: number, lengthBytes: number): LedgerRead {
    const read = { offsetBytes, lengthBytes, startedAt: this.tick() };
    this.reads.add(read);
    return read;
  }

  /** A read that brought nothing. */
  dropRead(read: LedgerRead): void {
    this.reads.delete(read);
  }

  /** What is wrong with what the read brought; nothing, when all is well. */
  endRead(read: LedgerRead, bytes: Uint8Array): readonly Fault[] {
    const at = this.tick();
    this.reads.delete(read);
    const oldestRead = this.oldestRead();
    const faults: Fault[] = [];
    let index = 0;
    for (const block of blocksOf(read.offsetBytes, read.lengthBytes)) {
      const part = bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
      const fault = this.judge(part, block, read.startedAt, at);
      if (fault !== undefined) faults.push(fault);
      this.histories.get(block)?.forgetBefore(oldestRead);
      index += 1;
    }
    return faults;
  }

  private judge(bytes: Uint8Array, block: number, startedAt: Moment, endedAt: Moment): Fault | undefined {
    this.blocksChecked_ += 1;
    const offsetBytes = block * blockBytes;
    if (bytes.length !== blockBytes)
      return { kind: 'torn', block, offsetBytes, what: `only ${bytes.length} bytes came` };
    const version = this.reader.versionOf(bytes, block);
    if (typeof version === 'string') return { kind: 'torn', block, offsetBytes, what: version };
    const history = this.histories.get(block);
    const what =
      history === undefined
        ? version === 0
          ? undefined
          : `version ${version} was read, but nothing was ever written here`
        : history.readEnded(version, startedAt, endedAt);
    return what === undefined ? undefined : { kind: 'lost', block, offsetBytes, what };
  }

  private historyOf(block: number): RegisterHistory {
    let history = this.histories.get(block);
    if (history === undefined) {
      history = new RegisterHistory();
      this.histories.set(block, history);
    }
    return history;
  }

  private oldestRead(): Moment {
    let oldest = this.moment;
    for (const { startedAt } of this.reads) oldest = Math.min(oldest, startedAt);
    return oldest;
  }

  private tick(): Moment {
    this.moment += 1;
    return this.moment;
  }
}

function* blocksOf(offsetBytes: number, lengthBytes: number): Generator<number> {
  const first = offsetBytes / blockBytes;
  for (let index = 0; index < lengthBytes / blockBytes; index += 1) yield first + index;
}
