import { blockIn, blocksOf, noBlocks, withBlocks } from './blocks.js';
import type { MirroringReason } from './reasons.js';
import type { CacheBook, CachedBlock } from './state.js';
import type { Turn } from './turn.js';

type Cause = Extract<MirroringReason, { kind: 'evicted' }>['cause'];

/** Changes copies in the cache, and every sum that depends on them. */
export function keep(turn: Turn, changes: readonly (readonly [number, CachedBlock | undefined])[]): void {
  const { cache } = turn;
  let { bytes } = cache;
  const tenantBytes: Record<string, number> = { ...cache.tenantBytes };
  const count = (copy: CachedBlock | undefined, sign: 1 | -1): void => {
    if (copy === undefined) return;
    bytes += sign * copy.sizeBytes;
    const left = (tenantBytes[copy.tenant] ?? 0) + sign * copy.sizeBytes;
    if (left === 0) Reflect.deleteProperty(tenantBytes, copy.tenant);
    else tenantBytes[copy.tenant] = left;
  };
  for (const [block, copy] of changes) {
    count(blockIn(cache.blocks, block), -1);
    count(copy, 1);
  }
  turn.patchCache({ blocks: withBlocks(cache.blocks, changes), bytes, tenantBytes });
}

/** Gives up copies and tells the owner, who would otherwise count on them. */
export function evict(turn: Turn, blocks: readonly number[], cause: Cause): void {
  const there = blocks.filter((block) => blockIn(turn.cache.blocks, block) !== undefined);
  if (there.length === 0) return;
  const before = turn.cache.bytes;
  keep(
    turn,
    there.map((block) => [block, undefined]),
  );
  const because = {
    kind: 'evicted',
    blocks: there.length,
    sizeBytes: before - turn.cache.bytes,
    cause,
  } as const;
  turn.wish({ kind: 'evict', blocks: there }, because);
  tellEvicted(turn, there, because);
}

/** Also for copies that were gone already: whoever asked wants to know. */
export function tellEvicted(turn: Turn, blocks: readonly number[], because: MirroringReason): void {
  const { from, generation } = turn.cache;
  const { mode, epoch } = turn.state;
  if (from === undefined || generation === undefined || mode === 'tookOver' || mode === 'failingBack') return;
  turn.send(from, { kind: 'evicted', epoch, generation, blocks }, because);
}

/** The copies that were used longest ago, until the rest fits. Essential ones go last. O(n log n). */
export function oldestBeyond(cache: CacheBook, keepBytes: number, tenant?: string): readonly number[] {
  let bytes = tenant === undefined ? cache.bytes : (cache.tenantBytes[tenant] ?? 0);
  if (bytes <= keepBytes) return [];
  const copies = [...blocksOf(cache.blocks)]
    .filter(([, copy]) => tenant === undefined || copy.tenant === tenant)
    .sort(([, a], [, b]) => Number(a.first) - Number(b.first) || a.usedAt - b.usedAt);
  const gone: number[] = [];
  for (const [block, copy] of copies) {
    if (bytes <= keepBytes) break;
    bytes -= copy.sizeBytes;
    gone.push(block);
  }
  return gone;
}

/** First no tenant above its quota, then the cache within its capacity: nobody is starved by a neighbour. */
export function fit(turn: Turn): void {
  const { cacheBytes, tuning } = turn.self;
  for (const tenant of Object.keys(turn.cache.tenantBytes)) {
    evict(turn, oldestBeyond(turn.cache, cacheBytes * tuning.tenantShare, tenant), 'tenant quota');
  }
  evict(turn, oldestBeyond(turn.cache, cacheBytes), 'capacity');
}

/** After a takeover this node writes itself. */
export function overwriteCopy(turn: Turn, block: number, version: number): void {
  const copy = blockIn(turn.cache.blocks, block);
  if (copy !== undefined && copy.version < version) evict(turn, [block], 'overwritten');
}

/** Nothing that is held counts any more. */
export function emptyCache(turn: Turn): number {
  const blocks = [...blocksOf(turn.cache.blocks)].map(([block]) => block);
  turn.patchCache({
    from: undefined,
    generation: undefined,
    blocks: noBlocks(),
    bytes: 0,
    tenantBytes: {},
    staged: {},
    done: [],
    floors: {},
    trust: 'none',
  });
  return blocks.length;
}
