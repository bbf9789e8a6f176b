import type { Millis } from '../../kernel/time.js';
import { blocksOf } from './blocks.js';
import type { Budget, MirroringState, OwnerBook } from './state.js';
import type { Turn } from './turn.js';
import { forget } from './placing.js';

/** Bytes that may be mirrored now, and which of the three limits says so. */
export function budgetOf(state: MirroringState): Budget {
  const { self, owner } = state;
  const { volumeShare, cacheShare, linkShare, linkWindowMs } = self.tuning;
  let freeBytes = 0;
  for (const remote of Object.values(owner.remotes)) {
    if (remote.phase !== 'lost') freeBytes += Math.max(0, remote.capacityBytes - remote.usedBytes);
  }
  const limits: readonly Budget[] = [
    { limit: 'volume', bytes: Math.floor(self.volumeBytes * volumeShare) },
    { limit: 'cache', bytes: Math.floor(freeBytes * cacheShare) },
    { limit: 'link', bytes: Math.floor(owner.link.bytesPerMs * linkShare * linkWindowMs) },
  ];
  return limits.reduce((least, next) => (next.bytes < least.bytes ? next : least));
}

/** The link carries less now, or a cache has shrunk: the oldest copies go first, pinned and essential ones last. O(n log n). */
export function shrinkToBudget(turn: Turn): void {
  const { owner } = turn;
  const { bytes } = budgetOf(turn.state);
  if (owner.mirroredBytes <= bytes) return;
  const oldest = [...blocksOf(owner.blocks)]
    .filter(([, entry]) => entry.phase !== 'dropping')
    .sort(([, a], [, b]) => Number(a.first) - Number(b.first) || a.committedAt - b.committedAt);
  const gone: number[] = [];
  let left = owner.mirroredBytes;
  for (const [block, entry] of oldest) {
    if (left <= bytes) break;
    left -= entry.sizeBytes;
    gone.push(block);
  }
  const because = {
    kind: 'budget-shrunk',
    budgetBytes: bytes,
    mirroredBytes: owner.mirroredBytes,
    dropped: gone.length,
  } as const;
  forget(turn, gone, because);
  turn.report('warning', because);
}

/** Mirroring may use `linkShare` of the link: a bucket of bytes that fills with time, and holds one second or one batch. */
export function tokensAt(owner: OwnerBook, linkShare: number, batchBytesMax: number, at: Millis): number {
  const { bytesPerMs, tokens, at: since } = owner.link;
  const perMs = bytesPerMs * linkShare;
  return Math.min(tokens + Math.max(0, at - since) * perMs, bucketBytes(owner, linkShare, batchBytesMax));
}

function bucketBytes(owner: OwnerBook, linkShare: number, batchBytesMax: number): number {
  return Math.max(batchBytesMax, owner.link.bytesPerMs * linkShare * 1_000);
}

/** When a batch of this size may be sent: a bucket is never larger than it needs to be for one batch. */
export function affordableAt(state: MirroringState, sizeBytes: number): Millis {
  const { linkShare, batchBytesMax } = state.self.tuning;
  const needed = Math.min(sizeBytes, bucketBytes(state.owner, linkShare, batchBytesMax));
  const missing = needed - tokensAt(state.owner, linkShare, batchBytesMax, state.now);
  return missing <= 0
    ? state.now
    : state.now + Math.ceil(missing / (state.owner.link.bytesPerMs * linkShare));
}

export function spend(turn: Turn, sizeBytes: number): void {
  const { linkShare, batchBytesMax } = turn.self.tuning;
  const tokens = tokensAt(turn.owner, linkShare, batchBytesMax, turn.at);
  turn.patchOwner({
    link: { ...turn.owner.link, tokens: Math.max(0, tokens - sizeBytes), at: turn.at },
  });
}
