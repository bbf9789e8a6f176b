import { ask } from './ask.js';
import { blocksOf } from './blocks.js';
import type { FailoverWatch } from './state.js';
import type { Turn } from './turn.js';
import type { MirroringEvent, MirroringSite } from './types.js';

type Failed = Extract<MirroringEvent, { kind: 'attempt-failed' }>;

/** Clients fail at the owner. That alone proves nothing: the authority is asked, and it alone can say that the owner is out. */
export function onAttemptFailed(turn: Turn, event: Failed): void {
  const { mode, watch, epoch } = turn.state;
  if (mode !== 'standby' && mode !== 'suspect') {
    turn.absorb('attempt while nobody watches');
    return;
  }
  const { attemptsUntilClaim, refusedUntilClaimMs } = turn.self.tuning;
  const next: FailoverWatch = {
    attempts: (watch?.attempts ?? 0) + 1,
    firstFailedAt: watch?.firstFailedAt ?? turn.at,
    how: event.how,
  };
  turn.patch({ mode: 'suspect', watch: next });
  const refusedMs = turn.at - next.firstFailedAt;
  const because = {
    kind: 'attempt-failed',
    how: event.how,
    attempts: next.attempts,
    needed: attemptsUntilClaim,
    refusedMs,
  } as const;
  const isLong = event.how === 'refused' && refusedMs >= refusedUntilClaimMs;
  // A reset says that nobody is there any more; silence may be the network's.
  if (event.how !== 'reset' && next.attempts < attemptsUntilClaim && !isLong) {
    turn.report('info', because);
    return;
  }
  turn.report('warning', because);
  turn.patch({ mode: 'claiming' });
  if (turn.guards.takeoverNeedsGrant) ask(turn, { kind: 'claim', epoch: epoch + 1, fromEpoch: epoch });
  else granted(turn, epoch + 1, turn.cache.generation);
}

export function onAttemptSucceeded(turn: Turn, client: string): void {
  if (turn.state.mode !== 'suspect') {
    turn.absorb('attempt while nobody watches');
    return;
  }
  turn.patch({ mode: 'standby', watch: undefined });
  turn.report('info', { kind: 'owner-answers', client });
}

/** The former owner can acknowledge nothing any more, and this is the last generation that was told of every write, if any. */
export function granted(turn: Turn, epoch: number, trusted: string | undefined): void {
  const { cache, self, state } = turn;
  const isTold = trusted !== undefined && trusted === cache.generation;
  const trust = self.slowCopy === 'sync' ? 'compared' : isTold ? 'told' : 'none';
  turn.patchCache({ trust, staged: {} });
  turn.patch({ epoch });
  const { groupId, nodeId } = state.record;
  const because = { kind: 'took-over', epoch, cached: cache.blocks.count, trust } as const;
  turn.save(
    { version: 1, groupId, nodeId, role: 'owner', epoch, takenOver: { aboveVersion: cache.appliedThrough } },
    'took-over',
    because,
  );
  if (!turn.guards.recordIsDurableFirst) tookOver(turn);
}

/** Durable: now this node is the owner, also after a crash. */
export function tookOver(turn: Turn): void {
  const { cache, epoch } = turn.state;
  const because = { kind: 'took-over', epoch, cached: cache.blocks.count, trust: cache.trust } as const;
  turn.patch({ mode: 'tookOver', watch: undefined });
  turn.setService('open', because);
  turn.report('alarm', because);
  const first = [...blocksOf(cache.blocks)].filter(([, copy]) => copy.first).map(([block]) => block);
  if (first.length > 0 && cache.trust !== 'none') turn.wish({ kind: 'fetch-first', blocks: first }, because);
}

/** The authority knows an owner: the trouble is the clients' way to it, not the owner's. */
export function notGranted(turn: Turn, owner: MirroringSite, epoch: number): void {
  if (owner === turn.self.nodeId) {
    // It was handed over to this node, and the word of it was lost.
    turn.patch({ mode: 'starting', epoch, watch: undefined });
    ask(turn, { kind: 'confirm', epoch });
    return;
  }
  turn.patch({ mode: 'standby', epoch: Math.max(epoch, turn.state.epoch), watch: undefined });
  turn.report('warning', { kind: 'owned-elsewhere', owner, epoch });
}
