import { describe, expect, it } from 'vitest';
import { BufferPool } from '../src/output/slabs.js';
import { BudgetAccount, NbdByteBudget } from '../src/server/budget.js';
import { WorkTable } from '../src/server/work.js';
import { WriteIntake } from '../src/server/write-intake.js';

const kib = 1024;

function intakeOf(lengthBytes: number) {
  const pool = new BufferPool((size) => new Uint8Array(size));
  const budget = new NbdByteBudget(1024 * kib);
  const account = new BudgetAccount(budget, 512 * kib);
  const handed: Uint8Array[] = [];
  const taker = {
    writeSlice: (_work: unknown, _offset: number, data: Uint8Array) => void handed.push(data),
  };
  const intake = new WriteIntake(account, pool, taker, {
    fullBytes: 128 * kib,
    guaranteedBytes: 16 * kib,
  });
  const header = { command: 1, flags: 0, cookieHigh: 0, cookieLow: 1, offsetBytes: 0, lengthBytes };
  const work = new WorkTable().take(header, 0);
  intake.begin(work);
  return { pool, handed, intake, work };
}

describe('the payload of a WRITE that is read straight to its place', () => {
  it('is handed on slice by slice', () => {
    const { intake, handed, work } = intakeOf(192 * kib);
    for (let turn = 0; turn < 100 && !work.complete; turn += 1) {
      const place = intake.landing();
      if (place === undefined) throw new Error('nowhere to go');
      const count = Math.min(place.byteLength, 50 * kib);
      place.fill(7, 0, count);
      intake.landed(count);
    }
    expect(handed.map((slice) => slice.byteLength)).toEqual([128 * kib, 64 * kib]);
    expect(handed.every((slice) => slice.every((byte) => byte === 7))).toBe(true);
  });

  it('may still be written to after it was given up, so its memory is not used again', () => {
    const { intake, handed, pool } = intakeOf(64 * kib);
    const place = intake.landing();
    intake.landed(10 * kib);
    intake.abandon();
    expect(pool.take(64 * kib).buffer).not.toBe(place?.buffer);
    place?.fill(9);
    intake.landed(54 * kib);
    expect(handed).toEqual([]);
    expect(intake.landing()).toBeUndefined();
  });

  it('is not asked for a few bytes', () => {
    expect(intakeOf(2 * kib).intake.landing()).toBeUndefined();
  });
});
