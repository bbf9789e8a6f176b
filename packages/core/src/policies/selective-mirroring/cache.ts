import { blockIn } from './blocks.js';
import { emptyCache, evict, fit, keep, oldestBeyond, tellEvicted } from './evict.js';
import type { CacheBook, CachedBlock } from './state.js';
import { without, type Turn } from './turn.js';
import type { MirroringBlockVersion, MirroringMessage, MirroringPutBlock, MirroringSite } from './types.js';

type Message<Kind extends MirroringMessage['kind']> = Extract<MirroringMessage, { kind: Kind }>;

/** Batches remembered with their blocks; every older one counts as committed too, since it cannot be under way any more. */
const DONE_MAX = 64;

function isDone(cache: CacheBook, batch: number): boolean {
  const oldest = cache.done[0];
  if (oldest !== undefined && cache.done.length >= DONE_MAX && batch < oldest.batch) return true;
  return cache.done.some((done) => done.batch === batch);
}

/** What of a batch that was committed before is still there. */
function visible(cache: CacheBook, batch: number): readonly MirroringBlockVersion[] {
  const blocks = cache.done.find((done) => done.batch === batch)?.blocks ?? [];
  return blocks.flatMap((block) => {
    const copy = blockIn(cache.blocks, block);
    return copy === undefined ? [] : [{ block, version: copy.version }];
  });
}

export function sayHello(turn: Turn, to: MirroringSite): void {
  const { cache, self, state } = turn;
  const message = {
    kind: 'hello',
    epoch: state.epoch,
    capacityBytes: self.cacheBytes,
    usedBytes: 0,
    cachedBlocks: cache.blocks.count,
  } as const;
  const because = {
    kind: 'said-hello',
    capacityBytes: self.cacheBytes,
    cachedBlocks: cache.blocks.count,
  } as const;
  turn.send(to, message, because);
}

/** An owner begins to fill this cache. What was here belongs to a filling that nobody tells of writes any more. */
export function onOpen(turn: Turn, from: MirroringSite, message: Message<'open'>): void {
  const { epoch, generation } = message;
  const held = turn.cache.generation;
  if (held !== undefined && held !== generation && isOlder(generation, held)) {
    turn.absorb('open of an older generation');
    return;
  }
  if (held !== generation) {
    const forgotten = emptyCache(turn);
    turn.patchCache({ from, generation });
    turn.report('info', { kind: 'generation', site: from, generation, forgotten });
  }
  turn.patch({ epoch: Math.max(turn.state.epoch, epoch) });
  const because = { kind: 'generation', site: from, generation, forgotten: 0 } as const;
  turn.send(from, { kind: 'opened', epoch: turn.state.epoch, generation }, because);
}

/** Generations are epoch, start and count of the owner that made them. */
function isOlder(one: string, other: string): boolean {
  const [a, b] = [one, other].map((generation) => generation.split('.').map(Number));
  for (let part = 0; part < 3; part += 1) {
    const difference = (a?.[part] ?? 0) - (b?.[part] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

export function onPuts(turn: Turn, message: Message<'puts'>, damaged: readonly number[]): void {
  const { cache, guards, self } = turn;
  const name = String(message.batch);
  if (isDone(cache, message.batch)) {
    turn.absorb('puts of a committed batch');
    return;
  }
  if (!guards.needsCommit) show(turn, message.blocks);
  const { [name]: _again, ...others } = cache.staged;
  const names = Object.keys(others);
  // The owner never has more under way: the oldest was given up by it.
  const kept = names.length < self.tuning.stagedBatchesMax ? others : without(others, names[0] ?? '');
  turn.patchCache({ staged: { ...kept, [name]: { blocks: message.blocks, damaged: damaged.length > 0 } } });
}

export function onCommit(turn: Turn, from: MirroringSite, message: Message<'commit'>): void {
  const { batch, count, generation } = message;
  const staged = turn.cache.staged[String(batch)];
  const scope = { epoch: turn.state.epoch, generation, batch };
  if (isDone(turn.cache, batch)) {
    const blocks = visible(turn.cache, batch);
    const because = {
      kind: 'batch-answered',
      batch,
      accepted: blocks.length,
      refused: 0,
      why: 'it was committed before',
    } as const;
    turn.send(from, { ...scope, kind: 'commit-ack', blocks }, because);
    return;
  }
  if (staged === undefined || !turn.guards.batchIsWhole(staged.blocks.length, count, staged.damaged)) {
    const why = staged?.damaged === true ? 'checksum' : 'missing';
    turn.patchCache({ staged: without(turn.cache.staged, String(batch)) });
    const because = { kind: 'batch-answered', batch, accepted: 0, refused: count, why } as const;
    turn.send(from, { ...scope, kind: 'commit-nak', why }, because);
    return;
  }
  if (staged.blocks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > turn.self.cacheBytes) {
    turn.patchCache({ staged: without(turn.cache.staged, String(batch)) });
    const because = { kind: 'batch-answered', batch, accepted: 0, refused: count, why: 'no-room' } as const;
    turn.send(from, { ...scope, kind: 'commit-nak', why: 'no-room' }, because);
    return;
  }
  const accepted = staged.blocks.filter(({ block, version }) =>
    turn.guards.putIsCurrent(version, turn.cache.floors[String(block)] ?? 0),
  );
  turn.patchCache({
    staged: without(turn.cache.staged, String(batch)),
    done: [...turn.cache.done, { batch, blocks: accepted.map(({ block }) => block) }]
      .sort((a, b) => a.batch - b.batch)
      .slice(-DONE_MAX),
  });
  show(turn, accepted);
  const blocks = accepted
    .filter(({ block }) => blockIn(turn.cache.blocks, block) !== undefined)
    .map(versionOf);
  const refused = staged.blocks.length - blocks.length;
  const why = refused === 0 ? 'whole' : 'written since, or no room beside others';
  turn.send(
    from,
    { ...scope, kind: 'commit-ack', blocks },
    { kind: 'batch-answered', batch, accepted: blocks.length, refused, why },
  );
}

function versionOf({ block, version }: MirroringBlockVersion): MirroringBlockVersion {
  return { block, version };
}

/** Makes copies visible. */
function show(turn: Turn, puts: readonly MirroringPutBlock[]): void {
  keep(
    turn,
    puts.map(({ block, version, sizeBytes, tenant, first }): readonly [number, CachedBlock] => [
      block,
      { version, sizeBytes, tenant, first, usedAt: turn.at },
    ]),
  );
  fit(turn);
}

/** A write is about to be acknowledged: an older copy goes, or becomes as new. Later than the write, nothing older may appear. */
export function onWriteTold(
  turn: Turn,
  from: MirroringSite,
  message: Message<'invalidate' | 'update'>,
): void {
  const { block, version, generation } = message;
  const name = String(block);
  const floor = Math.max(turn.cache.floors[name] ?? 0, version);
  if (floor > turn.cache.appliedThrough) {
    turn.patchCache({ floors: { ...turn.cache.floors, [name]: floor } });
  }
  const copy = blockIn(turn.cache.blocks, block);
  if (copy !== undefined && copy.version < version) {
    keep(turn, [[block, message.kind === 'update' ? { ...copy, version } : undefined]]);
  }
  if (Object.keys(turn.cache.floors).length > turn.self.tuning.floorsMax) {
    // Too much to remember: whoever remembers nothing may serve nothing, and begins anew.
    emptyCache(turn);
    sayHello(turn, from);
    return;
  }
  const cached = blockIn(turn.cache.blocks, block) !== undefined;
  const because = { kind: 'told', block, version, cached } as const;
  turn.send(from, { kind: 'told', epoch: turn.state.epoch, generation, block, version }, because);
}

export function onDrop(turn: Turn, message: Message<'drop'>): void {
  const there = message.blocks.filter((block) => blockIn(turn.cache.blocks, block) !== undefined);
  evict(turn, there, 'place lost');
  const rest = message.blocks.filter((block) => !there.includes(block));
  if (rest.length > 0)
    tellEvicted(turn, rest, { kind: 'evicted', blocks: 0, sizeBytes: 0, cause: 'place lost' });
}

export function onPressure(turn: Turn, keepBytes: number): void {
  evict(turn, oldestBeyond(turn.cache, keepBytes), 'pressure');
}

export function onUsed(turn: Turn, blocks: readonly number[]): void {
  keep(
    turn,
    blocks.flatMap((block): (readonly [number, CachedBlock])[] => {
      const copy = blockIn(turn.cache.blocks, block);
      return copy === undefined ? [] : [[block, { ...copy, usedAt: turn.at }]];
    }),
  );
}

/** What the slow copy has, it can answer for: nobody needs to remember it here. */
export function onApplied(turn: Turn, throughVersion: number): void {
  if (throughVersion <= turn.cache.appliedThrough) return;
  const floors = Object.entries(turn.cache.floors).filter(([, version]) => version > throughVersion);
  turn.patchCache({ appliedThrough: throughVersion, floors: Object.fromEntries(floors) });
}
