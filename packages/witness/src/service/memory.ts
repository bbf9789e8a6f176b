import type { Random, Store, Telemetry, WitnessPort } from '@holdfast/core';
import { type Ask, unreachableBecause, witnessOperator, type WitnessOperator, witnessPort } from './port.js';
import type { Proof, ProofKeeper } from './proof.js';
import { WitnessService } from './witness-service.js';

export interface InMemoryWitnessOptions {
  /** Gives incarnations and boot tokens. A simulation gives a seeded one. */
  readonly random: Random;
  /** What is known. Default: memory that is gone with the witness. Closed by it. */
  readonly store?: Store;
  /** What vouches for the store. Give it together with a store that outlives the witness. Closed by it. */
  readonly proof?: ProofKeeper;
  readonly telemetry?: Telemetry;
  readonly groupsMax?: number;
}

/** The witness inside this process: the same decisions and durability rules, and no network. */
export interface InMemoryWitness extends WitnessPort {
  readonly incarnation: string;
  readonly operator: WitnessOperator;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A witness without HTTP, for tests and simulations. Deadlines are the store's; an abort before the call keeps it from being
 * made, a later one changes nothing.
 * @throws HoldfastError CORRUPT, NOT_SUPPORTED, IO_FAILED from reading the store.
 */
export async function createInMemoryWitness(options: InMemoryWitnessOptions): Promise<InMemoryWitness> {
  const service = await WitnessService.open({
    ...options,
    store: options.store ?? memoryStore(),
    proof: options.proof ?? memoryProof(),
  });
  const ask: Ask = async (request, { signal }) => {
    if (signal?.aborted === true) return { kind: 'unreachable', detail: 'The call was aborted.' };
    try {
      return await service.call(request);
    } catch (error) {
      return unreachableBecause(error);
    }
  };
  return {
    ...witnessPort(ask),
    incarnation: service.incarnation,
    operator: witnessOperator(ask),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

/** Entries that live as long as the returned object; closing it loses nothing, so that a next witness can go on with it. */
export function memoryStore(): Store {
  const entries = new Map<string, Uint8Array>();
  return {
    name: 'memory',
    load: async (key) => entries.get(key)?.slice(),
    save: async (key, value) => void entries.set(key, value.slice()),
    delete: async (key) => void entries.delete(key),
    keys: async () => [...entries.keys()].sort(),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

export function memoryProof(): ProofKeeper {
  let kept: Proof | undefined;
  return {
    load: async () => kept,
    save: async (proof) => void (kept = proof),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
