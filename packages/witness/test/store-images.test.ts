import { HoldfastError, type WitnessAnswer } from '@holdfast/core';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createInMemoryWitness, openBootTokenFile, openLevelStore, type ProofKeeper } from '../src/index.js';
import { systemRandom } from '../src/node/system.js';
import { claim, registerBoth, scratch } from './support/witness.js';

let folder: Awaited<ReturnType<typeof scratch>>;

beforeEach(async () => {
  folder = await scratch();
});
afterEach(() => folder[Symbol.asyncDispose]());

type Wrap = (proof: ProofKeeper) => ProofKeeper;
const asItIs: Wrap = (proof) => proof;

/** As if the proof counted changes alone. */
const withoutSum: Wrap = (proof) => ({
  load: async () => {
    const known = await proof.load();
    return known && { ...known, groupsSum: 0 };
  },
  save: (next) => proof.save(next),
  [Symbol.asyncDispose]: () => proof[Symbol.asyncDispose](),
});

async function start(path: string, wrap = asItIs) {
  const store = await openLevelStore(join(path, 'store'));
  const proof = wrap(await openBootTokenFile(join(path, 'boot-token')));
  return createInMemoryWitness({ store, proof, random: systemRandom() });
}

interface History {
  /** A copy of all files as they stood when the last answer had left. */
  readonly path: string;
  readonly incarnation: string;
}

/** P and N register, P is granted, and other groups change afterwards so often. The files are those of a process that was killed. */
async function history(changesAfter: number): Promise<History> {
  const live = join(folder.path, 'live');
  const path = join(folder.path, 'killed');
  await mkdir(live);
  await using witness = await start(live);
  const { incarnation } = witness;
  await registerBoth(witness, incarnation, 'other');
  await registerBoth(witness, incarnation);
  const answer = await witness.promote({ ...claim(incarnation, 'P', 2), fromEpoch: 1 });
  expect(answer.kind).toBe('granted');
  for (let epoch = 2; epoch < 2 + changesAfter; epoch += 1) {
    const word = {
      ...claim(incarnation, 'P', epoch, 'other'),
      lineageId: `l${String(epoch)}`,
      members: ['P', 'N'],
    };
    await witness.register(word);
  }
  await cp(live, path, { recursive: true });
  await rm(join(path, 'store', 'LOCK'), { force: true });
  return { path, incarnation };
}

type Outcome = 'whole' | 'in doubt' | 'refused';

/**
 * A restart gives the state that was answered for; or a memory in doubt, in which the other node is granted nothing; or it refuses to
 * start. Never the state before the grant, in which the other node would be granted the same epoch.
 */
async function judge(
  path: string,
  { incarnation }: History,
  wrap: Wrap,
): Promise<Outcome | 'an older grant'> {
  let witness: Awaited<ReturnType<typeof start>>;
  try {
    witness = await start(path, wrap);
  } catch (error) {
    if (HoldfastError.is(error)) return 'refused';
    throw error;
  }
  try {
    const ask = (name: string): Promise<WitnessAnswer> =>
      witness.promote({ ...claim(name, 'N', 2), fromEpoch: 1 });
    const answers = [await ask(incarnation), await ask(witness.incarnation)];
    if (answers.some(({ kind }) => kind === 'granted')) return 'an older grant';
    return witness.incarnation === incarnation ? 'whole' : 'in doubt';
  } finally {
    await witness[Symbol.asyncDispose]();
  }
}

/** A file cut, with one byte changed, or with a sector of zeros: at every 97 bytes of its beginning, and at so many points of all. */
function* damaged(whole: Uint8Array, points: number): Generator<Uint8Array> {
  const apart = Math.max(1, Math.floor(whole.length / points));
  for (let at = 0; at < whole.length; at += at < 3_000 ? Math.min(97, apart) : apart) {
    yield whole.subarray(0, at);
    const changed = Uint8Array.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0x41;
    yield changed;
    const zeroed = Uint8Array.from(whole);
    zeroed.fill(0, at - (at % 512), Math.min(whole.length, at - (at % 512) + 512));
    yield zeroed;
  }
}

async function explore(
  past: History,
  points: number,
  wrap = asItIs,
): Promise<{ counts: Map<string, number>; total: number }> {
  const counts = new Map<string, number>();
  let total = 0;
  const files = (await readdir(join(past.path, 'store'))).filter((name) => !name.startsWith('LO'));
  for (const name of [...files.map((file) => join('store', file)), 'boot-token']) {
    const whole = Uint8Array.from(await readFile(join(past.path, name)));
    for (const bytes of damaged(whole, points)) {
      const path = join(folder.path, 'image');
      await cp(past.path, path, { recursive: true });
      await writeFile(join(path, name), bytes);
      const outcome = await judge(path, past, wrap);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      total += 1;
      await rm(path, { recursive: true });
      if (outcome === 'an older grant') return { counts, total };
    }
  }
  return { counts, total };
}

const show = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([outcome, count]) => `${outcome} ${String(count)}`).join(', ');

describe('the store of the witness, damaged or cut at many points', () => {
  test.each([
    ['while all of it lies in one block of its log', 0, 20],
    ['when other groups have changed after the grant, over several blocks', 150, 20],
  ])(
    'gives what was answered for, or a doubt, or refuses: %s',
    { timeout: 120_000 },
    async (_when, after, points) => {
      const past = await history(after);
      const { counts, total } = await explore(past, points);
      process.stdout.write(`witness store: ${String(total)} images, ${show(counts)}\n`);
      expect(counts.get('an older grant') ?? 0).toBe(0);
      expect(total).toBeGreaterThan(250);
      for (const outcome of ['in doubt', 'refused']) expect(counts.get(outcome) ?? 0).toBeGreaterThan(5);
    },
  );

  test('would give an older grant if the proof counted changes alone', { timeout: 120_000 }, async () => {
    const { counts } = await explore(await history(150), 20, withoutSum);
    expect(counts.get('an older grant') ?? 0).toBeGreaterThan(0);
  });
});
