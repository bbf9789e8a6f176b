import { blockIn } from './blocks.js';
import { mirroringGuards, type ServeGuards } from './guards.js';
import type { MirroringState } from './state.js';

/** A client reads a block at the site that took over. */
export interface MirroringReadRequest {
  readonly block: number;
  /** The number of the last write to this block that stands in the slow copy here; 0 when it was never written. */
  readonly slowVersion: number;
  /** The cached bytes fit their checksum. */
  readonly intact: boolean;
}

/** Where a read is answered from, and why: a plain object, and a sentence in `explanation`. */
export type MirroringReadDecision = {
  readonly explanation: string;
} & (
  | { readonly from: 'cache'; readonly version: number }
  | { readonly from: 'slow-copy'; readonly version: number; readonly miss: MirroringMissCause }
  /** The slow copy lacks a write that was acknowledged: wait for `slow-copy-applied`, do not answer. */
  | { readonly from: 'nowhere-yet'; readonly neededVersion: number }
  | { readonly from: 'refused' }
);

export type MirroringMissCause =
  'not cached' | 'not trusted' | 'damaged' | 'older than the slow copy' | 'older than a told write';

/**
 * A copy is served only when it is proved current: it was committed, it is intact, the slow copy knows nothing newer, no newer write
 * was told, and either the slow copy has every acknowledged write or this cache was told of each. Everything else is read from
 * the slow copy, unless that is known to be behind.
 */
export function serveMirroredRead(
  state: MirroringState,
  request: MirroringReadRequest,
  guards: ServeGuards = mirroringGuards.serve,
): MirroringReadDecision {
  const { block, slowVersion, intact } = request;
  const isOwner = state.mode === 'tookOver' || state.mode === 'failingBack';
  if (!guards.servesHere(isOwner)) {
    return { from: 'refused', explanation: `This node is ${state.mode} and serves nothing from its cache.` };
  }
  const floor = state.cache.floors[String(block)] ?? 0;
  const miss = missCause(state, request, guards, floor);
  if (typeof miss === 'object') {
    const explanation = `Version ${miss.version} of block ${block} is served from the cache: it is intact, and neither the slow copy (${slowVersion}) nor any told write (${floor}) is newer.`;
    return { from: 'cache', version: miss.version, explanation };
  }
  if (!guards.slowCopyIsCurrent(slowVersion, floor)) {
    const explanation = `Write ${floor} of block ${block} was acknowledged, and the slow copy has only ${slowVersion}: the read waits.`;
    return { from: 'nowhere-yet', neededVersion: floor, explanation };
  }
  const detail = intact ? miss : 'damaged';
  const why = detail === 'not cached' ? 'there is no copy in the cache' : `the cached one is ${detail}`;
  const explanation = `Block ${block} is read from the slow copy at version ${slowVersion}: ${why}.`;
  return { from: 'slow-copy', version: slowVersion, miss, explanation };
}

function missCause(
  state: MirroringState,
  { block, slowVersion, intact }: MirroringReadRequest,
  guards: ServeGuards,
  floor: number,
): MirroringMissCause | { readonly version: number } {
  const copy = blockIn(state.cache.blocks, block);
  if (copy === undefined) return 'not cached';
  if (!guards.isTrusted(state.cache.trust)) return 'not trusted';
  if (!guards.isIntact(intact)) return 'damaged';
  if (!guards.isNotOlderThanSlowCopy(copy.version, slowVersion)) return 'older than the slow copy';
  if (!guards.isNotOlderThanTold(copy.version, floor)) return 'older than a told write';
  return { version: copy.version };
}
