import { blockIn, blocksOf, withBlocks } from './blocks.js';
import type { MirroringReason } from './reasons.js';
import type { MirroredBlock } from './state.js';
import type { Turn } from './turn.js';
import type { MirroringSite } from './types.js';

/** Changes entries of the mirror set, and every sum that depends on them. */
export function place(turn: Turn, changes: readonly (readonly [number, MirroredBlock | undefined])[]): void {
  const { owner } = turn;
  let { mirroredBytes } = owner;
  const moved = new Map<MirroringSite, number>();
  const count = (entry: MirroredBlock | undefined, sign: 1 | -1): void => {
    if (entry === undefined) return;
    if (entry.phase !== 'dropping') mirroredBytes += sign * entry.sizeBytes;
    if (entry.site !== undefined) {
      moved.set(entry.site, (moved.get(entry.site) ?? 0) + sign * entry.sizeBytes);
    }
  };
  for (const [block, entry] of changes) {
    count(blockIn(owner.blocks, block), -1);
    count(entry, 1);
  }
  turn.patchOwner({ blocks: withBlocks(owner.blocks, changes), mirroredBytes });
  for (const [site, bytes] of moved) {
    const remote = turn.owner.remotes[site];
    if (remote !== undefined) turn.patchRemote(site, { mirroredBytes: remote.mirroredBytes + bytes });
  }
}

/** Puts blocks in the queue, behind those that wait there already. */
export function queue(turn: Turn, blocks: readonly (readonly [number, MirroredBlock])[]): void {
  if (blocks.length === 0) return;
  place(
    turn,
    blocks.map(([block, entry]) => [block, queued(entry)]),
  );
  const queuedAt = turn.owner.queue.length === 0 ? turn.at : turn.owner.queuedAt;
  turn.patchOwner({ queue: [...turn.owner.queue, ...blocks.map(([block]) => block)], queuedAt });
}

function queued(entry: MirroredBlock): MirroredBlock {
  const { site: _site, batch: _batch, ...rest } = entry;
  return { ...rest, phase: 'queued', version: 0 };
}

/**
 * Blocks lose their place. One that no cache has is gone at once. One that a cache has is asked back, and writes are still told of
 * it until the cache says that it is gone. One that is on its way stays until that is over.
 */
export function forget(turn: Turn, blocks: readonly number[], because: MirroringReason): void {
  const gone = new Set<number>();
  const asked = new Map<MirroringSite, number[]>();
  const changes: (readonly [number, MirroredBlock | undefined])[] = [];
  for (const block of blocks) {
    const entry = blockIn(turn.owner.blocks, block);
    if (entry?.phase === 'queued') {
      gone.add(block);
      changes.push([block, undefined]);
    } else if ((entry?.phase === 'committed' || entry?.phase === 'dropping') && entry.site !== undefined) {
      changes.push([block, { ...entry, phase: 'dropping' }]);
      asked.set(entry.site, [...(asked.get(entry.site) ?? []), block]);
    }
  }
  place(turn, changes);
  if (gone.size > 0) turn.patchOwner({ queue: turn.owner.queue.filter((block) => !gone.has(block)) });
  for (const [site, dropped] of asked) sendDrop(turn, site, dropped, because);
}

function sendDrop(
  turn: Turn,
  site: MirroringSite,
  blocks: readonly number[],
  because: MirroringReason,
): void {
  const generation = turn.owner.remotes[site]?.generation;
  if (generation === undefined) return;
  const { epoch } = turn.state;
  turn.send(site, { kind: 'drop', epoch, generation, blocks }, because);
}

/** Drops that were never confirmed are asked for again. */
export function dropAgain(turn: Turn): void {
  const waiting: number[] = [];
  for (const [block, entry] of blocksOf(turn.owner.blocks)) {
    if (entry.phase === 'dropping') waiting.push(block);
  }
  if (waiting.length > 0) {
    const because = { kind: 'evicted', blocks: waiting.length, sizeBytes: 0, cause: 'place lost' } as const;
    forget(turn, waiting, because);
  }
}

/** Everything that a site holds or is being sent counts for nothing any more: to be mirrored again, wherever there is room. */
export function requeueAll(turn: Turn, site: MirroringSite): number {
  const again: (readonly [number, MirroredBlock])[] = [];
  const gone: (readonly [number, undefined])[] = [];
  for (const [block, entry] of blocksOf(turn.owner.blocks)) {
    if (entry.site !== site) continue;
    if (entry.phase === 'dropping') gone.push([block, undefined]);
    else again.push([block, entry]);
  }
  place(turn, gone);
  queue(turn, again);
  const batches = Object.entries(turn.owner.batches).filter(([, batch]) => batch.site !== site);
  turn.patchOwner({ batches: Object.fromEntries(batches) });
  return again.length;
}
