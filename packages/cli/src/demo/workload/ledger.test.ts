import { Prng } from '@holdfast/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockBytes, fillBlock } from './blocks.js';
import { type Fault, type LedgerRead, type LedgerWrite, WriteLedger } from './ledger.js';

const seed = 7;
const blocks = 8;

const bytesOf = (count: number): Uint8Array => new Uint8Array(count * blockBytes);

/** Bytes in memory that do what a sound device does: a request takes effect at one moment between its start and its end. */
class Disk {
  readonly bytes = bytesOf(blocks);

  put(write: LedgerWrite): void {
    this.bytes.set(write.data, write.offsetBytes);
  }

  get(read: LedgerRead): Uint8Array {
    return this.bytes.slice(read.offsetBytes, read.offsetBytes + read.lengthBytes);
  }
}

function writeAll(ledger: WriteLedger, disk: Disk): LedgerWrite {
  const write = ledger.startWrite(0, bytesOf(blocks));
  disk.put(write);
  ledger.acknowledged(write);
  return write;
}

function readAll(ledger: WriteLedger, disk: Disk): readonly Fault[] {
  const read = ledger.startRead(0, blocks * blockBytes);
  return ledger.endRead(read, disk.get(read));
}

describe('the ledger of a workload', () => {
  it('finds nothing wrong with what was written last', () => {
    const ledger = new WriteLedger(seed);
    const disk = new Disk();
    expect(readAll(ledger, disk)).toEqual([]);
    writeAll(ledger, disk);
    expect(readAll(ledger, disk)).toEqual([]);
    expect(ledger.acknowledgedWrites).toBe(1);
  });

  it('finds an acknowledged write that is gone', () => {
    const ledger = new WriteLedger(seed);
    const disk = new Disk();
    writeAll(ledger, disk);
    const write = ledger.startWrite(2 * blockBytes, bytesOf(1));
    ledger.acknowledged(write);
    const [fault, ...others] = readAll(ledger, disk);
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ kind: 'lost', block: 2, what: 'version 1 was read, allowed was 2' });
  });

  it('finds the return of zeros', () => {
    const ledger = new WriteLedger(seed);
    const disk = new Disk();
    writeAll(ledger, disk);
    disk.bytes.fill(0, 0, blockBytes);
    expect(readAll(ledger, disk)).toMatchObject([{ kind: 'lost', block: 0 }]);
  });

  it('finds a torn block, wherever the tear is', () => {
    for (const tear of [512, 1024, 2048, 3584]) {
      const ledger = new WriteLedger(seed);
      const disk = new Disk();
      const first = writeAll(ledger, disk);
      const second = writeAll(ledger, disk);
      disk.bytes.set(first.data.subarray(0, tear), 0);
      disk.bytes.set(second.data.subarray(tear, blockBytes), tear);
      expect(readAll(ledger, disk)).toMatchObject([{ kind: 'torn', block: 0 }]);
    }
  });

  it('finds data of another block and of another run', () => {
    const ledger = new WriteLedger(seed);
    const disk = new Disk();
    writeAll(ledger, disk);
    disk.bytes.copyWithin(blockBytes, 0, blockBytes);
    fillBlock(disk.bytes.subarray(3 * blockBytes, 4 * blockBytes), { seed: 8, block: 3, version: 1 });
    expect(readAll(ledger, disk).map(({ block, kind }) => [block, kind])).toEqual([
      [1, 'torn'],
      [3, 'torn'],
    ]);
  });

  it('allows a write without an answer to be there or not, at any time', () => {
    const ledger = new WriteLedger(seed);
    const disk = new Disk();
    writeAll(ledger, disk);
    const unanswered = ledger.startWrite(0, bytesOf(1));
    ledger.abandoned(unanswered);
    expect(readAll(ledger, disk)).toEqual([]);
    disk.put(unanswered);
    expect(readAll(ledger, disk)).toEqual([]);
    expect(ledger.acknowledgedWrites).toBe(1);
    expect(ledger.indeterminateWrites).toBe(1);
  });

  it('finds that a write, once seen, went away again', () => {
    const ledger = new WriteLedger(seed);
    const disk = new Disk();
    const before = writeAll(ledger, disk);
    const write = ledger.startWrite(0, bytesOf(1));
    disk.put(write);
    expect(readAll(ledger, disk)).toEqual([]);
    disk.put(before);
    expect(readAll(ledger, disk)).toMatchObject([{ kind: 'lost', block: 0 }]);
  });
});

/** One client with many requests under way, against the sound disk; `spoil` may break a promise of it. */
function run(
  choices: Prng,
  steps: number,
  spoil: (disk: Disk, ledger: WriteLedger) => boolean,
): readonly Fault[] {
  const ledger = new WriteLedger(seed);
  const disk = new Disk();
  const writes: { write: LedgerWrite; done: boolean }[] = [];
  const reads: { read: LedgerRead; bytes: Uint8Array | undefined }[] = [];
  const faults: Fault[] = [];
  const place = (): [number, number] => {
    const first = choices.below(blocks);
    return [first * blockBytes, (1 + choices.below(blocks - first)) * blockBytes];
  };
  const act = [
    () => {
      const [offset, length] = place();
      writes.push({ write: ledger.startWrite(offset, new Uint8Array(length)), done: false });
    },
    () => {
      const [offset, length] = place();
      reads.push({ read: ledger.startRead(offset, length), bytes: undefined });
    },
    () => {
      const entry = writes[choices.below(writes.length)];
      if (entry === undefined || entry.done) return;
      disk.put(entry.write);
      entry.done = true;
    },
    () => {
      const entry = reads[choices.below(reads.length)];
      if (entry !== undefined) entry.bytes ??= disk.get(entry.read);
    },
    () => {
      const index = writes.findIndex(({ done }) => done);
      if (index < 0) return;
      const [entry] = writes.splice(index, 1);
      // Some answers get lost on the way.
      if (choices.below(4) === 0) ledger.abandoned(entry!.write);
      else ledger.acknowledged(entry!.write);
    },
    () => {
      const index = reads.findIndex(({ bytes }) => bytes !== undefined);
      if (index < 0) return;
      const [entry] = reads.splice(index, 1);
      faults.push(...ledger.endRead(entry!.read, entry!.bytes!));
    },
  ];
  for (let step = 0; step < steps; step += 1) act[choices.below(act.length)]?.();
  for (const { read } of reads) ledger.dropRead(read);
  if (spoil(disk, ledger)) faults.push(...readAll(ledger, disk));
  return faults;
}

describe('the ledger under many requests at a time', () => {
  it('never blames a sound disk', () => {
    fc.assert(
      fc.property(fc.integer(), (choice) => {
        expect(run(new Prng(choice), 300, () => true)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('always notices when the last acknowledged write of a block is lost', () => {
    fc.assert(
      fc.property(fc.integer(), (choice) => {
        const faults = run(new Prng(choice), 200, (disk, ledger) => {
          writeAll(ledger, disk);
          const kept = disk.bytes.slice(0, blockBytes);
          const write = ledger.startWrite(0, bytesOf(1));
          disk.put(write);
          ledger.acknowledged(write);
          disk.bytes.set(kept, 0);
          return true;
        });
        expect(faults).toMatchObject([{ kind: 'lost', block: 0 }]);
      }),
      { numRuns: 200 },
    );
  });
});
