/**
 * The rules on which "a copy that is served is current" rests, each a question with a name. The policy asks them and nothing else at
 * the places that matter, so that a test can turn one off and see what breaks.
 */
export interface MirroringGuards {
  /** A message of an epoch that is over changes nothing. */
  readonly epochCounts: (messageEpoch: number, ownEpoch: number) => boolean;
  /** Batches and invalidations belong to the generation that the cache has opened. */
  readonly generationCounts: (messageGeneration: string, opened: string | undefined) => boolean;
  /** A batch becomes visible whole, undamaged, and only by its commit. */
  readonly batchIsWhole: (staged: number, count: number, damaged: boolean) => boolean;
  readonly needsCommit: boolean;
  /** A put may have been overtaken by the invalidation of a newer write. */
  readonly putIsCurrent: (version: number, floor: number) => boolean;
  /** A write waits for every cache that may hold an older copy of its block. */
  readonly writeWaitsForCopy: boolean;
  /** With an asynchronous slow copy a write also waits for caches of which this node has lost track. */
  readonly writeWaitsForUntracked: boolean;
  /** A cache takes copies only when the authority knows that it is told of every write. */
  readonly trustIsRecordedFirst: boolean;
  /** After a restart the authority is asked, and trusts no cache, before the first write is released. */
  readonly ownerIsConfirmedFirst: boolean;
  /** Taking over needs the authority's grant, not only the clients' trouble. */
  readonly takeoverNeedsGrant: boolean;
  /** Ownership counts once it is durable here. */
  readonly recordIsDurableFirst: boolean;
  /** Only data whose label allows it leaves the site. */
  readonly labelMayLeave: (label: string, allowed: readonly string[]) => boolean;
  /** The last write before handing over is copied back too. */
  readonly copiedBackCompletely: (throughVersion: number, lastVersion: number) => boolean;
  /** A copy-back counts only when both sides were compared. */
  readonly copyBackIsVerified: (verified: boolean) => boolean;
  /** What may be served from the cache. */
  readonly serve: ServeGuards;
}

export interface ServeGuards {
  readonly servesHere: (isOwner: boolean) => boolean;
  readonly isTrusted: (trust: 'compared' | 'told' | 'none') => boolean;
  readonly isIntact: (intact: boolean) => boolean;
  /** Nothing newer stands in the slow copy. */
  readonly isNotOlderThanSlowCopy: (version: number, slowVersion: number) => boolean;
  /** Nothing newer was acknowledged after telling this cache. */
  readonly isNotOlderThanTold: (version: number, floor: number) => boolean;
  /** The slow copy itself may be behind what this cache was told of. */
  readonly slowCopyIsCurrent: (slowVersion: number, floor: number) => boolean;
}

export const mirroringGuards: MirroringGuards = {
  epochCounts: (messageEpoch, ownEpoch) => messageEpoch >= ownEpoch,
  generationCounts: (messageGeneration, opened) => messageGeneration === opened,
  batchIsWhole: (staged, count, damaged) => staged === count && !damaged,
  needsCommit: true,
  putIsCurrent: (version, floor) => version >= floor,
  writeWaitsForCopy: true,
  writeWaitsForUntracked: true,
  trustIsRecordedFirst: true,
  ownerIsConfirmedFirst: true,
  takeoverNeedsGrant: true,
  recordIsDurableFirst: true,
  labelMayLeave: (label, allowed) => allowed.includes(label),
  copiedBackCompletely: (throughVersion, lastVersion) => throughVersion >= lastVersion,
  copyBackIsVerified: (verified) => verified,
  serve: {
    servesHere: (isOwner) => isOwner,
    isTrusted: (trust) => trust !== 'none',
    isIntact: (intact) => intact,
    isNotOlderThanSlowCopy: (version, slowVersion) => version >= slowVersion,
    isNotOlderThanTold: (version, floor) => version >= floor,
    slowCopyIsCurrent: (slowVersion, floor) => slowVersion >= floor,
  },
};
