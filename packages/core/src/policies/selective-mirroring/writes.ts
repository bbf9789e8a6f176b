import { blockIn } from './blocks.js';
import { place, queue } from './placing.js';
import type { HeldWrite } from './state.js';
import { without, type Turn } from './turn.js';
import type { MirroringEvent, MirroringMessage, MirroringSite } from './types.js';
import { overwriteCopy } from './evict.js';

type Message<Kind extends MirroringMessage['kind']> = Extract<MirroringMessage, { kind: Kind }>;
type Write = Extract<MirroringEvent, { kind: 'write-received' }>;

/** Before a write is acknowledged, no cache may be able to serve what was there before. */
export function onWrite(turn: Turn, write: Write): void {
  const { mode, service } = turn.state;
  const { writeId, block, version } = write;
  const held = Object.keys(turn.owner.writes).length;
  if (Object.hasOwn(turn.owner.writes, writeId)) {
    turn.absorb('write that waits already');
  } else if (service !== 'open' || held >= turn.self.tuning.heldWritesMax) {
    turn.wish({ kind: 'refuse-write', writeId }, { kind: 'write-refused', mode, held });
  } else if (mode === 'owner') {
    holdOrRelease(turn, write);
  } else {
    // After a takeover the slow copy takes the write, and the own copy of what was there before goes.
    overwriteCopy(turn, block, version);
    turn.wish({ kind: 'release-write', writeId }, { kind: 'write-free', block, version });
  }
}

function holdOrRelease(turn: Turn, { writeId, block, version }: Write): void {
  const { owner, guards, self } = turn;
  const entry = blockIn(owner.blocks, block);
  const waits = new Set<MirroringSite>();
  if (entry?.site !== undefined) {
    tell(turn, entry.site, block, version);
    if (guards.writeWaitsForCopy) waits.add(entry.site);
  }
  if (entry !== undefined) place(turn, [[block, { ...entry, atLeast: Math.max(entry.atLeast, version) }]]);
  if (self.slowCopy === 'async' && guards.writeWaitsForUntracked) {
    for (const [site, remote] of Object.entries(owner.remotes)) if (remote.untracked) waits.add(site);
  }
  if (waits.size === 0) {
    turn.wish({ kind: 'release-write', writeId }, { kind: 'write-free', block, version });
    return;
  }
  const write: HeldWrite = { block, version, since: turn.at, waits: [...waits] };
  turn.patchOwner({ writes: { ...turn.owner.writes, [writeId]: write } });
}

function tell(turn: Turn, site: MirroringSite, block: number, version: number): void {
  const generation = turn.owner.remotes[site]?.generation;
  if (generation === undefined) return;
  const { epoch } = turn.state;
  const because = { kind: 'write-holds', block, version, sites: [site] } as const;
  turn.send(site, { kind: turn.self.tuning.onWrite, epoch, generation, block, version }, because);
}

/** The cache knows of the write: it holds the block as new, or not at all. */
export function onTold(turn: Turn, from: MirroringSite, message: Message<'told'>): void {
  const { owner, self } = turn;
  if (owner.remotes[from]?.generation !== message.generation) {
    turn.absorb('word of another generation');
    return;
  }
  const { block, version } = message;
  const entry = blockIn(owner.blocks, block);
  if (entry?.site === from && entry.phase === 'committed' && entry.version < version) {
    if (self.tuning.onWrite === 'update') {
      place(turn, [[block, { ...entry, version, committedAt: turn.at }]]);
    } else {
      queue(turn, [[block, entry]]);
    }
  }
  settleWrites(turn, (write) => write.block === block && write.version <= version, from);
}

/** This site cannot serve anything old any more: it has forgotten, or the authority does not trust it. */
export function clearSite(turn: Turn, site: MirroringSite): void {
  turn.patchRemote(site, { untracked: false });
  settleWrites(turn, () => true, site);
}

function settleWrites(turn: Turn, concerns: (write: HeldWrite) => boolean, site: MirroringSite): void {
  let { writes } = turn.owner;
  for (const [writeId, write] of Object.entries(writes)) {
    if (!concerns(write) || !write.waits.includes(site)) continue;
    const waits = write.waits.filter((other) => other !== site);
    if (waits.length > 0) {
      writes = { ...writes, [writeId]: { ...write, waits } };
      continue;
    }
    writes = without(writes, writeId);
    const { block, version } = write;
    const because = { kind: 'write-told', block, version, waitedMs: turn.at - write.since } as const;
    turn.wish({ kind: 'release-write', writeId }, because);
  }
  turn.patchOwner({ writes });
}

/** This node is not the owner any more, or not for certain: whoever waits is told so. */
export function refuseWrites(turn: Turn): void {
  const { writes } = turn.owner;
  const held = Object.keys(writes).length;
  for (const writeId of Object.keys(writes)) {
    turn.wish({ kind: 'refuse-write', writeId }, { kind: 'write-refused', mode: turn.state.mode, held });
  }
  turn.patchOwner({ writes: {} });
}
