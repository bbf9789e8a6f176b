import { blockIn, blocksOf } from './blocks.js';
import { budgetOf } from './budget.js';
import type { MirroringState } from './state.js';
import type { MirroringMode, MirroringSite } from './types.js';

/** Whether a write to this block has to go through `step` before it is acknowledged: the question of a data path on every write. */
export function writeConcernsMirror(state: MirroringState, block: number): boolean {
  return (
    state.mode !== 'owner' ||
    blockIn(state.owner.blocks, block) !== undefined ||
    Object.values(state.owner.remotes).some((remote) => remote.untracked)
  );
}

/** Where the copy of a block is: the site whose acknowledgement came last, and what it has. */
export function retrieveMirroredFrom(
  state: MirroringState,
  block: number,
): { readonly site: MirroringSite; readonly version: number } | undefined {
  const entry = blockIn(state.owner.blocks, block);
  return entry?.phase === 'committed' && entry.site !== undefined
    ? { site: entry.site, version: entry.version }
    : undefined;
}

/** What would happen if the owner were lost this very moment. Asked of the owner. */
export interface MirroringForecast {
  readonly site: MirroringSite | undefined;
  /** Copies there that could be served, and the part of the reads that the whole set was chosen to serve. */
  readonly committedBlocks: number;
  readonly expectedWarmShare: number;
  readonly explanation: string;
}

export function whatIfOwnerIsLost(state: MirroringState): MirroringForecast {
  const counts = new Map<MirroringSite, number>();
  let all = 0;
  for (const [, entry] of blocksOf(state.owner.blocks)) {
    if (entry.phase !== 'dropping') all += 1;
    if (entry.phase === 'committed' && entry.site !== undefined) {
      counts.set(entry.site, (counts.get(entry.site) ?? 0) + 1);
    }
  }
  const [best] = [...counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  const committedBlocks = best?.[1] ?? 0;
  const expectedWarmShare = all === 0 ? 0 : (state.owner.expectedWarmShare * committedBlocks) / all;
  const isCold = best === undefined || state.mode !== 'owner';
  const site = isCold ? undefined : best[0];
  const explanation = isCold
    ? `Cold: this node is ${state.mode}, and no cache has a copy that could be served.`
    : `Site ${best[0]} would serve ${committedBlocks} of ${all} chosen blocks from its cache, about ${Math.round(expectedWarmShare * 100)} % of the reads, once the authority grants it epoch ${state.epoch + 1}.`;
  return {
    site,
    committedBlocks: isCold ? 0 : committedBlocks,
    expectedWarmShare: isCold ? 0 : expectedWarmShare,
    explanation,
  };
}

/** A status page, as plain JSON. */
export interface MirroringStatus {
  readonly nodeId: MirroringSite;
  readonly mode: MirroringMode;
  readonly epoch: number;
  readonly budgetBytes: number;
  readonly budgetLimit: string;
  readonly mirroredBytes: number;
  readonly queuedBlocks: number;
  readonly openBatches: number;
  readonly heldWrites: number;
  readonly cachedBlocks: number;
  readonly cachedBytes: number;
  readonly expectedWarmShare: number;
  readonly remotes: Readonly<Record<MirroringSite, string>>;
  readonly absorbed: Readonly<Record<string, number>>;
}

export function mirroringStatus(state: MirroringState): MirroringStatus {
  const { self, owner, cache } = state;
  const budget = budgetOf(state);
  return {
    nodeId: self.nodeId,
    mode: state.mode,
    epoch: state.epoch,
    budgetBytes: budget.bytes,
    budgetLimit: budget.limit,
    mirroredBytes: owner.mirroredBytes,
    queuedBlocks: owner.queue.length,
    openBatches: Object.keys(owner.batches).length,
    heldWrites: Object.keys(owner.writes).length,
    cachedBlocks: cache.blocks.count,
    cachedBytes: cache.bytes,
    expectedWarmShare: owner.expectedWarmShare,
    remotes: Object.fromEntries(Object.entries(owner.remotes).map(([site, { phase }]) => [site, phase])),
    absorbed: state.absorbed,
  };
}
