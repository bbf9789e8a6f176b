import { askAgain } from './ask.js';
import { batchDueAt, retryLateBatches, select, sendDueBatches } from './mirror.js';
import { mirroringGuards } from './guards.js';
import { loseSite, openAgain } from './remotes.js';
import type { MirroringState } from './state.js';
import type { Turn } from './turn.js';
import type { Millis } from '../../kernel/time.js';

/** Whatever has become due or possible. */
export function settle(turn: Turn): void {
  retryPersist(turn);
  askAgain(turn);
  if (turn.state.mode !== 'owner') return;
  giveUpSilentCaches(turn);
  openAgain(turn);
  retryLateBatches(turn);
  const { owner, self } = turn;
  if (owner.heat !== undefined && turn.at >= owner.selectAt)
    select(turn, owner.planning?.scope ?? { kind: 'volume' });
  if (owner.heat !== undefined && turn.at >= owner.dumpAt) {
    const { heatDumpIntervalMs } = self.tuning;
    if (owner.heat.version > owner.dumpedVersion) {
      const because = {
        kind: 'heat-dump',
        version: owner.heat.version,
        intervalMs: heatDumpIntervalMs,
      } as const;
      turn.wish({ kind: 'dump-heat', heat: owner.heat }, because);
    }
    turn.patchOwner({ dumpAt: turn.at + heatDumpIntervalMs, dumpedVersion: owner.heat.version });
  }
  sendDueBatches(turn);
  finishMove(turn);
}

/** A client waits for its write: a cache that does not answer in time is given up. */
function giveUpSilentCaches(turn: Turn): void {
  const { invalidateTimeoutMs } = turn.self.tuning;
  const silent = new Set<string>();
  for (const write of Object.values(turn.owner.writes)) {
    if (turn.at >= write.since + invalidateTimeoutMs) write.waits.forEach((site) => silent.add(site));
  }
  for (const site of silent) {
    if (turn.owner.remotes[site]?.phase !== 'lost') {
      loseSite(turn, site, `it did not answer a write in ${String(invalidateTimeoutMs)} ms`);
    }
  }
}

/** The last copy of a client's blocks has been acknowledged. */
function finishMove(turn: Turn): void {
  const { move, queue, batches, blocks, remotes } = turn.owner;
  if (move?.isChosen !== true || queue.length > 0 || Object.keys(batches).length > 0) return;
  if (remotes[move.to]?.phase !== 'ready') return;
  const because = { kind: 'moved', client: move.client, to: move.to, blocks: blocks.count } as const;
  turn.wish({ kind: 'switch-client', client: move.client, to: move.to }, because);
  turn.answer(move.commandId, 'move-client', true, `client ${move.client} may go to ${move.to}`);
  turn.patchOwner({ move: undefined });
}

function retryPersist(turn: Turn): void {
  const { saving } = turn.state;
  if (saving?.retryAt === undefined || turn.at < saving.retryAt) return;
  const because = { kind: 'persist-failed', detail: 'written again', retryMs: 0 } as const;
  turn.save(saving.record, saving.then, because);
}

export function wakeAt(state: MirroringState): Millis | undefined {
  if (!state.booted) return state.now;
  const { owner, self, asking, saving } = state;
  const { tuning } = self;
  const due: (Millis | undefined)[] = [
    saving?.retryAt,
    asking === undefined ? undefined : (asking.retryAt ?? asking.askedAt + tuning.authorityTimeoutMs),
  ];
  if (state.mode === 'owner') {
    if (owner.heat !== undefined) due.push(owner.selectAt, owner.dumpAt);
    for (const batch of Object.values(owner.batches)) due.push(batch.sentAt + tuning.commitTimeoutMs);
    for (const remote of Object.values(owner.remotes)) {
      if (remote.phase === 'opening') due.push(remote.openSentAt + tuning.commitTimeoutMs);
    }
    for (const write of Object.values(owner.writes)) {
      if (write.waits.some((site) => owner.remotes[site]?.phase !== 'lost')) {
        due.push(write.since + tuning.invalidateTimeoutMs);
      }
    }
    due.push(batchDueAt(state, mirroringGuards));
  }
  const times = due.filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.max(state.now, Math.min(...times));
}
