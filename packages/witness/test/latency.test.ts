import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWitnessClient, type WitnessClient } from '../src/index.js';
import { claim, registerBoth, scratch, type Started, startWitness } from './support/witness.js';

/*
 * The shortest profile gives the witness 50 ms for an answer, and asks three times. The bounds here are wide, because a test
 * machine has other work; the figures of a quiet one stand in the README.
 */
describe('a witness answers fast enough to be asked in 50 ms', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let witness: Started;
  let client: WitnessClient;

  beforeAll(async () => {
    folder = await scratch();
    witness = await startWitness(folder.path);
    client = createWitnessClient({ address: witness.address, witnessCallTimeoutMs: 5_000 });
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await witness[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test('one after the other: status, and grants that are synced', { timeout: 60_000 }, async () => {
    const status: number[] = [];
    const grants: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const groupId = `one${round}`;
      await registerBoth(client, witness.incarnation, groupId);
      status.push(await timed(() => client.status(groupId)));
      const wish = { ...claim(witness.incarnation, 'P', 2, groupId), fromEpoch: 1 };
      grants.push(await timed(() => client.promote(wish)));
    }
    expect(percentile(status, 50)).toBeLessThan(25);
    expect(percentile(grants, 50)).toBeLessThan(50);
    report('one at a time', { status, grants });
  });

  test('100 groups lose their site at once', { timeout: 60_000 }, async () => {
    const groups = Array.from({ length: 100 }, (_, index) => `many${index}`);
    for (const groupId of groups) await registerBoth(client, witness.incarnation, groupId);
    const grants = await Promise.all(
      groups.map((groupId) =>
        timed(() => client.promote({ ...claim(witness.incarnation, 'N', 2, groupId), fromEpoch: 1 })),
      ),
    );
    for (const groupId of groups)
      expect(await client.status(groupId)).toMatchObject({ view: { owner: 'N' } });
    expect(percentile(grants, 50)).toBeLessThan(1_000);
    report('100 at once', { grants });
  });
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}

/** Shown on request, for the figures in the README. */
function report(name: string, series: Readonly<Record<string, readonly number[]>>): void {
  if (process.env['HOLDFAST_SHOW_FIGURES'] !== '1') return;
  for (const [kind, values] of Object.entries(series)) {
    const [p50, p99] = [50, 99].map((percent) => percentile(values, percent).toFixed(1));
    process.stdout.write(`${name}, ${kind}: p50 ${String(p50)} ms, p99 ${String(p99)} ms\n`);
  }
}
