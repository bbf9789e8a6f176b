import { ask } from './ask.js';
import { shrinkToBudget } from './budget.js';
import { requeueAll } from './placing.js';
import type { Turn } from './turn.js';
import type { MirroringMessage, MirroringSite } from './types.js';
import { clearSite } from './writes.js';

/**
 * A cache says who it is: it has started, or the connection is new. Either way nobody knows any more which messages have arrived, so
 * it begins a generation of its own, empty.
 */
export function onHello(
  turn: Turn,
  from: MirroringSite,
  message: Extract<MirroringMessage, { kind: 'hello' }>,
): void {
  const blocks = requeueAll(turn, from);
  const count = turn.owner.generations + 1;
  const generation = `${String(turn.state.epoch)}.${String(turn.self.incarnation)}.${String(count)}`;
  const isAsync = turn.self.slowCopy === 'async';
  const before = turn.owner.remotes[from];
  const remote = {
    generation,
    phase: 'opening',
    capacityBytes: message.capacityBytes,
    usedBytes: message.usedBytes,
    mirroredBytes: 0,
    openSentAt: turn.at,
    // What it held before may be trusted still, until it has opened this generation or the authority knows of it.
    untracked: isAsync && (before !== undefined || message.cachedBlocks > 0),
    trusted: !isAsync,
  } as const;
  turn.patchOwner({ generations: count, remotes: { ...turn.owner.remotes, [from]: remote } });
  turn.report('info', { kind: 'cache-opened', site: from, generation, blocks });
  sendOpen(turn, from);
  if (isAsync) ask(turn, { kind: 'trust', epoch: turn.state.epoch, site: from, generation });
  if (!remote.untracked) clearSite(turn, from);
  shrinkToBudget(turn);
}

/** The first word of an owner to the caches that have waited for one. */
export function greetAll(turn: Turn): void {
  const { greetings } = turn.owner;
  turn.patchOwner({ greetings: {} });
  for (const [site, message] of Object.entries(greetings)) onHello(turn, site, message);
}

function sendOpen(turn: Turn, site: MirroringSite): void {
  const remote = turn.owner.remotes[site];
  if (remote === undefined) return;
  const { generation } = remote;
  const because = { kind: 'cache-opened', site, generation, blocks: 0 } as const;
  turn.send(site, { kind: 'open', epoch: turn.state.epoch, generation }, because);
}

export function openAgain(turn: Turn): void {
  for (const [site, remote] of Object.entries(turn.owner.remotes)) {
    if (remote.phase !== 'opening' || turn.at < remote.openSentAt + turn.self.tuning.commitTimeoutMs)
      continue;
    turn.patchRemote(site, { openSentAt: turn.at });
    sendOpen(turn, site);
  }
}

export function onOpened(turn: Turn, from: MirroringSite, generation: string): void {
  const remote = turn.owner.remotes[from];
  if (remote?.generation !== generation || remote.phase !== 'opening') {
    turn.absorb('opened a generation of another time');
    return;
  }
  turn.patchRemote(from, { phase: 'ready' });
  // There is room now that the last choice knew nothing of.
  turn.patchOwner({ selectAt: turn.at });
  clearSite(turn, from);
}

/** A cache is out of reach: nothing there counts any more, and writes go on as soon as it cannot serve what it may hold. */
export function loseSite(turn: Turn, site: MirroringSite, detail: string): void {
  const remote = turn.owner.remotes[site];
  if (remote === undefined || remote.phase === 'lost') {
    turn.absorb('loss of a site that is not there');
    return;
  }
  const blocks = requeueAll(turn, site);
  const isAsync = turn.self.slowCopy === 'async';
  turn.patchRemote(site, { phase: 'lost', trusted: false, untracked: isAsync });
  turn.report('warning', { kind: 'cache-lost', site, blocks, detail });
  if (isAsync) ask(turn, { kind: 'distrust', epoch: turn.state.epoch, site });
  else clearSite(turn, site);
  const { move } = turn.owner;
  if (move?.to === site) {
    turn.answer(move.commandId, 'move-client', false, `the cache at ${site} is out of reach`);
    turn.patchOwner({ move: undefined });
  }
}
