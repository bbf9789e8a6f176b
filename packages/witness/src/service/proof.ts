import type { StoredMeta } from './codec.js';

/** How far the store had come, written down outside the store. */
export interface Proof {
  /** The token of the last start that wrote to the store. */
  readonly bootToken: string;
  /** The token of the start before it: what the store still says if that last start died between its two writes. */
  readonly previousBootToken?: string;
  /** The newest change that was ever answered for. */
  readonly sequence: number;
  /** The newest change of every group, added up: one group that has gone back makes it smaller, however new the others are. */
  readonly groupsSum?: number;
}

/**
 * Where the proof is kept: outside the store, so that no copy of the store brings its proof back with it.
 * Guarantee: when `save` has returned, `load` gives that proof or a later one, also after the loss of power; undefined when there
 * is none or it cannot be read.
 */
export interface ProofKeeper {
  load(): Promise<Proof | undefined>;
  save(proof: Proof): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Why a memory is trusted or not: `continued` is the only one that keeps its incarnation. */
export type MemoryVerdict = 'new' | 'continued' | 'proof-missing' | 'other-start' | 'older-than-proof';

/** How far a store has come, by what stands in it. */
export interface Found {
  /** The newest change. */
  readonly sequence: number;
  /** As in the proof. */
  readonly groupsSum: number;
}

/** Whether a store is the one that the last start left, with everything in it that was ever answered for. */
export function judgeMemory(
  meta: StoredMeta | undefined,
  found: Found,
  proof: Proof | undefined,
): MemoryVerdict {
  // Without a store there is nothing to doubt: every group is unknown, and grants wait for the members' own words.
  if (meta === undefined) return 'new';
  if (proof === undefined) return 'proof-missing';
  if (meta.bootToken !== proof.bootToken && meta.bootToken !== proof.previousBootToken) return 'other-start';
  const isWhole = found.sequence >= proof.sequence && found.groupsSum >= (proof.groupsSum ?? 0);
  return isWhole ? 'continued' : 'older-than-proof';
}
