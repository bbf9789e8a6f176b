import type { WitnessPort } from '@holdfast/core';
import {
  conformanceTests,
  seededRandom,
  storeSuite,
  witnessSuite,
  type WitnessFixture,
} from '@holdfast/testkit';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import {
  createInMemoryWitness,
  createWitnessClient,
  type InMemoryWitness,
  memoryProof,
  memoryStore,
  openLevelStore,
  type WitnessClient,
} from '../src/index.js';
import { scratch, type Started, startWitness } from './support/witness.js';

const runner = { describe, it };

/** In this process. Nothing can come between it and its caller, so it cannot be silent. */
async function inMemory(): Promise<WitnessFixture> {
  const random = seededRandom(1);
  let [store, proof] = [memoryStore(), memoryProof()];
  let witness: InMemoryWitness;
  const start = async (): Promise<void> => {
    witness = await createInMemoryWitness({ random, store, proof });
  };
  await start();
  return {
    open: async (): Promise<WitnessPort> => witness,
    restart: start,
    loseMemory: async () => {
      [store, proof] = [memoryStore(), memoryProof()];
      await start();
    },
  };
}

/** The server with its database in a folder, and clients over its socket. */
async function overHttp(): Promise<WitnessFixture> {
  const folder = await scratch();
  let witness: Started | undefined = await startWitness(folder.path);
  const clients: WitnessClient[] = [];
  const stop = async (): Promise<void> => {
    await witness?.[Symbol.asyncDispose]();
    witness = undefined;
  };
  return {
    open: async () => {
      const client = createWitnessClient({ address: `unix:${join(folder.path, 'w.sock')}` });
      clients.push(client);
      return client;
    },
    restart: async () => {
      await stop();
      witness = await startWitness(folder.path);
    },
    loseMemory: async () => {
      await stop();
      await rm(join(folder.path, 'store'), { recursive: true });
      witness = await startWitness(folder.path);
    },
    silence: stop,
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) await client[Symbol.asyncDispose]();
      await stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

conformanceTests(runner, witnessSuite, { name: 'createInMemoryWitness', fixture: inMemory });
conformanceTests(runner, witnessSuite, { name: 'createWitness and createWitnessClient', fixture: overHttp });
conformanceTests(runner, storeSuite, {
  name: 'openLevelStore',
  fixture: async () => {
    const folder = await scratch();
    return {
      open: () => openLevelStore(join(folder.path, 'store')),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  },
});
