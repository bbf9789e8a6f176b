import { HoldfastError, Prng, type Random, type Store, type TelemetryEvent } from '@holdfast/core';
import { describe, expect, test } from 'vitest';
import { createInMemoryWitness, type InMemoryWitness, memoryProof, memoryStore } from './memory.js';
import type { ProofKeeper } from './proof.js';

const members = ['P', 'N'];

function seeded(seed: number): Random {
  const prng = new Prng(seed);
  const id = (): string =>
    Array.from({ length: 4 }, () => prng.uint32().toString(16).padStart(8, '0')).join('');
  return { bytes: (into) => prng.bytes(into), id };
}

function start(parts: { store?: Store; proof?: ProofKeeper; seed?: number } = {}): Promise<InMemoryWitness> {
  const { seed = 1, ...rest } = parts;
  return createInMemoryWitness({ random: seeded(seed), ...rest });
}

function claim(witness: InMemoryWitness, nodeId: string, epoch: number, groupId = 'g') {
  const { incarnation } = witness;
  return {
    groupId,
    nodeId,
    claimId: `${nodeId}-${epoch}`,
    incarnation,
    epoch,
    lineageId: `${nodeId}${epoch}`,
  };
}

async function registerBoth(witness: InMemoryWitness, groupId = 'g'): Promise<void> {
  for (const nodeId of members) {
    const word = { ...claim(witness, nodeId, 1, groupId), lineageId: 'a' };
    expect((await witness.register({ ...word, members })).kind).toBe('granted');
  }
}

/** A copy of everything in a store, to be put back later. */
async function copyOf(store: Store): Promise<Store> {
  const copy = memoryStore();
  for (const key of await store.keys()) await copy.save(key, (await store.load(key))!);
  return copy;
}

describe('a witness in this process', () => {
  test('a first register needs no incarnation: the port asks for it', async () => {
    await using witness = await start();
    const { incarnation: _incarnation, ...word } = claim(witness, 'P', 1);
    expect((await witness.register({ ...word, members })).kind).toBe('granted');
    expect((await witness.promote({ ...word, epoch: 2, fromEpoch: 1 })).kind).toBe('unknown-incarnation');
  });

  test('two ask at once: exactly one is granted, in 1,000 rounds', async () => {
    await using witness = await start();
    for (let round = 0; round < 1000; round += 1) {
      const groupId = `g${round}`;
      await registerBoth(witness, groupId);
      const order = round % 2 === 0 ? members : [...members].reverse();
      const answers = await Promise.all(
        order.map((nodeId) => witness.promote({ ...claim(witness, nodeId, 2, groupId), fromEpoch: 1 })),
      );
      expect(answers.map((answer) => answer.kind).sort()).toEqual(['denied', 'granted']);
    }
  });

  test('goes on after a restart: same incarnation, same owner, same answer', async () => {
    const [store, proof] = [memoryStore(), memoryProof()];
    const first = await start({ store, proof });
    await registerBoth(first);
    const wish = { ...claim(first, 'P', 2), fromEpoch: 1 };
    expect((await first.promote(wish)).kind).toBe('granted');
    await first[Symbol.asyncDispose]();
    await using second = await start({ store, proof, seed: 2 });
    expect(second.incarnation).toBe(first.incarnation);
    expect((await second.promote(wish)).kind).toBe('granted');
    expect((await second.promote({ ...claim(second, 'N', 2), fromEpoch: 1 })).kind).toBe('denied');
  });

  test('a store put back to an old copy is in quarantine, and stays so after another start', async () => {
    const [store, proof] = [memoryStore(), memoryProof()];
    const first = await start({ store, proof });
    await registerBoth(first);
    const old = await copyOf(store);
    expect((await first.promote({ ...claim(first, 'P', 2), fromEpoch: 1 })).kind).toBe('granted');
    await first[Symbol.asyncDispose]();

    for (const seed of [2, 3]) {
      await using witness = await start({ store: old, proof, seed });
      expect(witness.incarnation).not.toBe(first.incarnation);
      expect((await witness.status('g')).kind).toBe('quarantined');
      expect((await witness.promote({ ...claim(first, 'N', 2), fromEpoch: 1 })).kind).toBe(
        'unknown-incarnation',
      );
      expect((await witness.promote({ ...claim(witness, 'N', 2), fromEpoch: 1 })).kind).toBe('quarantined');
    }
    await using last = await start({ store: old, proof, seed: 4 });
    expect((await last.reassert(claim(last, 'P', 2))).kind).toBe('granted');
    expect((await last.status('g')).kind).toBe('granted');
  });

  test.each([
    ['without its proof', async (store: Store) => ({ store, proof: memoryProof() })],
    [
      'with the proof of another start',
      async (store: Store) => {
        const proof = memoryProof();
        await proof.save({ bootToken: 'another', sequence: 0 });
        return { store, proof };
      },
    ],
  ])('a store %s is in quarantine', async (_name, parts) => {
    const store = memoryStore();
    const first = await start({ store, proof: memoryProof() });
    await registerBoth(first);
    await using second = await start({ ...(await parts(store)), seed: 2 });
    expect((await second.status('g')).kind).toBe('quarantined');
  });

  test('an emptied store is a new memory: nobody is registered', async () => {
    const proof = memoryProof();
    const first = await start({ proof });
    await registerBoth(first);
    await using second = await start({ proof, seed: 2 });
    expect((await second.status('g')).kind).toBe('not-registered');
    expect((await second.promote({ ...claim(first, 'P', 2), fromEpoch: 1 })).kind).toBe(
      'unknown-incarnation',
    );
    expect((await second.promote({ ...claim(second, 'P', 2), fromEpoch: 1 })).kind).toBe('not-registered');
  });

  test('a start that dies between its two writes raises no doubt', async () => {
    const [store, proof] = [memoryStore(), memoryProof()];
    await (await start({ store, proof }))[Symbol.asyncDispose]();
    const dying: Store = { ...store, save: () => Promise.reject(new Error('power lost')) };
    await expect(start({ store: dying, proof, seed: 2 })).rejects.toThrow('power lost');
    const events: TelemetryEvent[] = [];
    const telemetry = { emit: (event: TelemetryEvent) => void events.push(event) };
    await using witness = await createInMemoryWitness({ random: seeded(3), store, proof, telemetry });
    expect(events[0]).toMatchObject({
      kind: 'witness-started',
      memory: 'continued',
      incarnation: witness.incarnation,
    });
  });

  test('after a failed write it answers nothing more', async () => {
    const store = memoryStore();
    let broken = false;
    const failing: Store = {
      ...store,
      save: (key, value) =>
        broken ? Promise.reject(new HoldfastError('IO_FAILED', 'The disk is gone.')) : store.save(key, value),
    };
    await using witness = await start({ store: failing });
    await registerBoth(witness);
    broken = true;
    const wish = { ...claim(witness, 'P', 2), fromEpoch: 1 };
    expect(await witness.promote(wish)).toEqual({ kind: 'unreachable', detail: 'The disk is gone.' });
    broken = false;
    expect(await witness.promote(wish)).toEqual({ kind: 'unreachable', detail: 'The disk is gone.' });
    expect((await witness.status('g')).kind).toBe('unreachable');
  });

  test('no answer leaves before store and proof have it', async () => {
    const steps: string[] = [];
    const [store, proof] = [memoryStore(), memoryProof()];
    const noted = <Result>(what: string, done: Promise<Result>): Promise<Result> =>
      done.then((result) => {
        steps.push(what);
        return result;
      });
    await using witness = await start({
      store: { ...store, save: (key, value) => noted('stored', store.save(key, value)) },
      proof: { ...proof, save: (kept) => noted('proven', proof.save(kept)) },
    });
    await registerBoth(witness);
    steps.length = 0;
    await witness.promote({ ...claim(witness, 'P', 2), fromEpoch: 1 }).then(() => steps.push('answered'));
    expect(steps).toEqual(['stored', 'proven', 'answered']);
  });

  test('knows no more groups than it was told to', async () => {
    await using witness = await createInMemoryWitness({ random: seeded(1), groupsMax: 1 });
    await registerBoth(witness);
    const answer = await witness.register({ ...claim(witness, 'P', 1, 'other'), members });
    expect(answer).toMatchObject({
      kind: 'unreachable',
      detail: expect.stringContaining('groupsMax') as string,
    });
    expect((await witness.status('g')).kind).toBe('granted');
  });

  test('a damaged entry stops the start and says what to do', async () => {
    const store = memoryStore();
    await using witness = await start({ store });
    await registerBoth(witness);
    await store.save(
      'group/g',
      new TextEncoder().encode('{"version":1,"sequence":1,"record":{"state":"ODD"}}'),
    );
    const failure = await start({ store }).catch((error: unknown) => error);
    expect(HoldfastError.is(failure, 'CORRUPT')).toBe(true);
    await store.save('group/g', new TextEncoder().encode('{"version":2}'));
    const newer = await start({ store }).catch((error: unknown) => error);
    expect(HoldfastError.is(newer, 'NOT_SUPPORTED')).toBe(true);
  });
});
