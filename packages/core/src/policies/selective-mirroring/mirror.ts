import { affordableAt, budgetOf, spend } from './budget.js';
import { blockIn } from './blocks.js';
import { dropAgain, forget, place, queue } from './placing.js';
import { loseSite } from './remotes.js';
import type { MirroringGuards } from './guards.js';
import type { MirroredBlock, MirroringState, OpenBatch } from './state.js';
import { without, type Turn } from './turn.js';
import type { MirroringEvent, MirroringMessage, MirroringScope, MirroringSite } from './types.js';
import type { Millis } from '../../kernel/time.js';

type Message<Kind extends MirroringMessage['kind']> = Extract<MirroringMessage, { kind: Kind }>;

/** Asks for a new choice of blocks. One is under way at a time. */
export function select(turn: Turn, scope: MirroringScope): void {
  const { bytes, limit } = budgetOf(turn.state);
  const { reselectIntervalMs } = turn.self.tuning;
  const because = {
    kind: 'due-selection',
    intervalMs: reselectIntervalMs,
    budgetBytes: bytes,
    limit,
  } as const;
  const effect = turn.wish({ kind: 'select-blocks', budgetBytes: bytes, scope }, because);
  turn.patchOwner({ planning: { effect, scope }, selectAt: turn.at + reselectIntervalMs });
}

export function onSelected(turn: Turn, event: Extract<MirroringEvent, { kind: 'blocks-selected' }>): void {
  const { owner } = turn;
  const { planning } = owner;
  if (planning?.effect !== event.effect || event.heat.version < (owner.heat?.version ?? 0)) {
    turn.absorb('plan of another time');
    if (planning?.effect === event.effect) turn.patchOwner({ planning: undefined });
    return;
  }
  turn.patchOwner({ planning: undefined, heat: event.heat, expectedWarmShare: event.expectedWarmShare });
  const { add, drop, expectedWarmShare, candidates, chosen, left } = event;
  const because = {
    kind: 'selected',
    added: add.length,
    dropped: drop.length,
    chosen,
    candidates,
    expectedWarmShare,
    left,
  } as const;
  forget(turn, drop, because);
  const fresh = add.flatMap((block): (readonly [number, MirroredBlock])[] => {
    const { allowedLabels } = turn.self.tuning;
    if (!turn.guards.labelMayLeave(block.label, allowedLabels)) {
      turn.report('warning', { kind: 'label-forbidden', block: block.block, label: block.label });
      return [];
    }
    const known = blockIn(turn.owner.blocks, block.block);
    // On its way out and wanted again: it comes anew once it is gone.
    if (known !== undefined) return [];
    const { sizeBytes, tenant, first } = block;
    return [
      [
        block.block,
        { phase: 'queued', version: 0, atLeast: 0, sizeBytes, tenant, first, committedAt: turn.at },
      ],
    ];
  });
  queue(turn, fresh);
  turn.report('info', because);
  if (chosen < candidates && planning.scope.kind === 'volume') {
    turn.report('info', { kind: 'hot-set-too-large', chosen, candidates, expectedWarmShare });
  }
  if (planning.scope.kind === 'client' && owner.move !== undefined) {
    turn.patchOwner({ move: { ...owner.move, isChosen: left === 0 } });
    if (left > 0) select(turn, planning.scope);
  } else if (left > 0) {
    select(turn, { kind: 'volume' });
  }
  dropAgain(turn);
}

/** The site to which the next batch goes: of those that take batches, the one with the most room. */
function nextSite(
  state: MirroringState,
  guards: MirroringGuards,
  except?: MirroringSite,
): MirroringSite | undefined {
  const move = state.owner.move?.to;
  let best: { readonly site: MirroringSite; readonly freeBytes: number } | undefined;
  for (const [site, remote] of Object.entries(state.owner.remotes)) {
    const usable =
      remote.phase === 'ready' && site !== except && (remote.trusted || !guards.trustIsRecordedFirst);
    if (!usable) continue;
    if (site === move) return site;
    const freeBytes = remote.capacityBytes - remote.usedBytes - remote.mirroredBytes;
    if (best === undefined || freeBytes > best.freeBytes) best = { site, freeBytes };
  }
  return best !== undefined && best.freeBytes > 0 ? best.site : undefined;
}

interface NextBatch {
  readonly site: MirroringSite;
  readonly blocks: readonly number[];
  readonly sizeBytes: number;
}

function gather(state: MirroringState, guards: MirroringGuards): NextBatch | undefined {
  const { owner, self } = state;
  const { batchBlocksMax, batchBytesMax, batchesInFlightMax } = self.tuning;
  if (owner.queue.length === 0 || Object.keys(owner.batches).length >= batchesInFlightMax) return undefined;
  const site = nextSite(state, guards);
  if (site === undefined) return undefined;
  const blocks: number[] = [];
  let sizeBytes = 0;
  for (const block of owner.queue) {
    const next = blockIn(owner.blocks, block)?.sizeBytes ?? 0;
    if (blocks.length >= batchBlocksMax || (blocks.length > 0 && sizeBytes + next > batchBytesMax)) break;
    blocks.push(block);
    sizeBytes += next;
  }
  return { site, blocks, sizeBytes };
}

/** When the next batch leaves: when it is full or its first block has waited, and the link has room. */
export function batchDueAt(state: MirroringState, guards: MirroringGuards): Millis | undefined {
  const next = gather(state, guards);
  if (next === undefined) return undefined;
  const { batchBlocksMax, batchDelayMs } = state.self.tuning;
  const isFull = next.blocks.length >= batchBlocksMax || next.blocks.length < state.owner.queue.length;
  return Math.max(
    isFull ? state.now : state.owner.queuedAt + batchDelayMs,
    affordableAt(state, next.sizeBytes),
  );
}

export function sendDueBatches(turn: Turn): void {
  for (;;) {
    const dueAt = batchDueAt(turn.state, turn.guards);
    const next = gather(turn.state, turn.guards);
    if (dueAt === undefined || next === undefined || dueAt > turn.at) return;
    const batch = turn.owner.batchesSent + 1;
    turn.patchOwner({
      batchesSent: batch,
      queue: turn.owner.queue.slice(next.blocks.length),
      queuedAt: turn.at,
    });
    copy(turn, batch, { ...next, sentAt: turn.at, attempt: 1 }, 'the blocks were chosen');
  }
}

/** Sends a batch, for the first time or again; the cache takes it once, however often it comes. */
function copy(turn: Turn, batch: number, open: OpenBatch, cause: string): void {
  const generation = turn.owner.remotes[open.site]?.generation ?? '';
  const blocks = open.blocks.map((block) => ({
    block,
    atLeast: blockIn(turn.owner.blocks, block)?.atLeast ?? 0,
  }));
  place(
    turn,
    open.blocks.flatMap((block): (readonly [number, MirroredBlock])[] => {
      const entry = blockIn(turn.owner.blocks, block);
      return entry === undefined || entry.phase === 'dropping'
        ? []
        : [[block, { ...entry, phase: 'sent', site: open.site, batch }]];
    }),
  );
  spend(turn, open.sizeBytes);
  turn.patchOwner({ batches: { ...turn.owner.batches, [String(batch)]: { ...open, sentAt: turn.at } } });
  const { epoch } = turn.state;
  const because = {
    kind: 'batch',
    batch,
    blocks: blocks.length,
    sizeBytes: open.sizeBytes,
    attempt: open.attempt,
    tries: turn.self.tuning.commitTries,
    cause,
  } as const;
  turn.wish({ kind: 'copy-batch', to: open.site, epoch, generation, batch, blocks }, because);
}

export function onCommitAck(turn: Turn, from: MirroringSite, message: Message<'commit-ack'>): void {
  const open = openBatch(turn, from, message);
  if (open === undefined) return;
  const versions = new Map(message.blocks.map(({ block, version }) => [block, version]));
  const again: (readonly [number, MirroredBlock])[] = [];
  const committed: (readonly [number, MirroredBlock])[] = [];
  for (const block of open.blocks) {
    const entry = blockIn(turn.owner.blocks, block);
    if (entry?.phase !== 'sent' || entry.batch !== message.batch) continue;
    const version = versions.get(block);
    const { batch: _batch, ...rest } = entry;
    // Written since, or refused by the cache: what stands there is worth nothing, so it goes again.
    if (version === undefined || version < entry.atLeast) again.push([block, entry]);
    else
      committed.push([
        block,
        { ...rest, phase: 'committed', version, atLeast: version, committedAt: turn.at },
      ]);
  }
  turn.patchOwner({ batches: without(turn.owner.batches, String(message.batch)) });
  place(turn, committed);
  queue(turn, again);
  turn.report('info', { kind: 'committed', batch: message.batch, blocks: committed.length });
}

export function onCommitNak(turn: Turn, from: MirroringSite, message: Message<'commit-nak'>): void {
  const open = openBatch(turn, from, message);
  if (open === undefined) return;
  if (message.why === 'no-room') leaveOut(turn, message.batch, open);
  else
    retry(
      turn,
      message.batch,
      open,
      message.why === 'checksum' ? 'a checksum did not fit' : 'a part was missing',
    );
}

function openBatch(
  turn: Turn,
  from: MirroringSite,
  message: Message<'commit-ack' | 'commit-nak'>,
): OpenBatch | undefined {
  const open = turn.owner.batches[String(message.batch)];
  const generation = turn.owner.remotes[from]?.generation;
  if (open?.site === from && generation === message.generation) return open;
  turn.absorb('answer to no batch');
  return undefined;
}

/** No acknowledgement in time: the same again, and after some tries to another site. */
export function retryLateBatches(turn: Turn): void {
  const { commitTimeoutMs } = turn.self.tuning;
  for (const [batch, open] of Object.entries(turn.owner.batches)) {
    if (turn.at >= open.sentAt + commitTimeoutMs) {
      retry(turn, Number(batch), open, `no acknowledgement in ${String(commitTimeoutMs)} ms`);
    }
  }
}

function retry(turn: Turn, batch: number, open: OpenBatch, cause: string): void {
  if (open.attempt >= turn.self.tuning.commitTries) giveUpBatch(turn, batch, open, cause);
  else copy(turn, batch, { ...open, attempt: open.attempt + 1 }, cause);
}

/**
 * The batch may be visible there or not: the generation ends there, so that no copy of it can be served, and everything goes where
 * there is room.
 */
function giveUpBatch(turn: Turn, batch: number, open: OpenBatch, cause: string): void {
  const to = nextSite(turn.state, turn.guards, open.site);
  turn.report('warning', { kind: 'rerouted', from: open.site, to, blocks: open.blocks.length, cause });
  turn.patchOwner({ batches: without(turn.owner.batches, String(batch)) });
  loseSite(turn, open.site, cause);
}

/** The cache has no room for these at all: they lose their place until the next choice. */
function leaveOut(turn: Turn, batch: number, open: OpenBatch): void {
  place(
    turn,
    open.blocks
      .filter((block) => blockIn(turn.owner.blocks, block)?.batch === batch)
      .map((block) => [block, undefined]),
  );
  turn.patchOwner({ batches: without(turn.owner.batches, String(batch)) });
  const { site, blocks } = open;
  turn.report('warning', {
    kind: 'rerouted',
    from: site,
    to: undefined,
    blocks: blocks.length,
    cause: 'there is no room',
  });
}

export function onSelectionFailed(
  turn: Turn,
  { effect, detail }: Extract<MirroringEvent, { kind: 'selection-failed' }>,
): void {
  if (turn.owner.planning?.effect !== effect) {
    turn.absorb('plan of another time');
    return;
  }
  turn.patchOwner({ planning: undefined });
  turn.report('warning', { kind: 'not-selected', detail });
}
