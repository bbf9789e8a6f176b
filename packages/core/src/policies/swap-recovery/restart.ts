import type { Millis } from '../../kernel/time.js';
import type { SwapRecoveryReason } from './reasons.js';
import { openAt, otherSite, wantedSwapRecord, within, type SwapRecoveryState } from './state.js';
import { withoutSwap } from './swap.js';
import type { SwapTurn } from './turn.js';
import type { SwapPhase } from './types.js';

const settling: readonly SwapPhase[] = ['waiting', 'stabilizing', 'approval'];

export function isSettling(state: SwapRecoveryState): boolean {
  return settling.includes(state.phase);
}

/** Why mirroring back may not start, apart from time, polls and approval; undefined when nothing speaks against it. */
export function restartBlockedBy(state: SwapRecoveryState): string | undefined {
  const site = otherSite(state.record.activeSite);
  const view = state.sites[site];
  const open = openAt(state, site).length;
  if (open > 0) return `${open} conditions are open at the ${site} site`;
  if (!view.reachable) return `the ${site} site cannot be reached`;
  if (view.inService) return `the ${site} site is in service mode`;
  if (!state.linkUp) return 'the link between the sites is down, and the change map grows';
  if (wantedSwapRecord(state).lock !== undefined)
    return `it is locked (${wantedSwapRecord(state).lock ?? ''})`;
  if (state.tuning.reEnableSwap === 'never' && !state.approved)
    return 'mirroring back is left to an operator';
  return undefined;
}

/** Nothing is open: that has to last, to be confirmed by the storage itself, and perhaps to be approved. */
export function followRecovery(turn: SwapTurn): void {
  if (!isSettling(turn.state)) return;
  const blocked = restartBlockedBy(turn.state);
  if (blocked !== undefined) {
    turn.patch({ stableSince: undefined });
    move(turn, 'waiting', blocked);
  } else {
    const { stableMs } = turn.state.tuning;
    if (turn.state.stableSince === undefined) turn.patch({ stableSince: turn.at });
    if (turn.state.phase === 'waiting')
      move(turn, 'stabilizing', `nothing is open, and that has to last ${stableMs} ms`);
    if (isConfirmed(turn.state)) proceed(turn);
  }
  pollIfDue(turn);
}

function move(turn: SwapTurn, phase: SwapPhase, detail: string): void {
  if (turn.state.phase === phase) return;
  turn.enter(phase);
  turn.report(phase === 'approval' ? 'alarm' : 'info', { kind: 'phase', phase, detail });
}

/** The list came back empty, was asked for after the time of stability, and is not old. */
function isConfirmed({ stableSince, cleanAskedAt, tuning, now }: SwapRecoveryState): boolean {
  if (stableSince === undefined || cleanAskedAt === undefined) return false;
  return cleanAskedAt >= stableSince + tuning.stableMs && now <= cleanAskedAt + tuning.pollMs;
}

function pollDueAt(state: SwapRecoveryState): Millis | undefined {
  const site = otherSite(state.record.activeSite);
  if (!isSettling(state) || state.polling !== undefined || !state.sites[site].reachable) return undefined;
  const { stableSince, tuning, pollAt, now } = state;
  // At the end of the time of stability a list is asked for at once, whatever the rhythm is.
  if (stableSince === undefined) return pollAt;
  const stableAt = stableSince + tuning.stableMs;
  return stableAt > now ? Math.min(pollAt, stableAt) : isLastBefore(state, stableAt) ? stableAt : pollAt;
}

function isLastBefore(state: SwapRecoveryState, stableAt: Millis): boolean {
  // A sum, as that of the last poll: a difference could miss it by a fraction, and ask for the same moment for ever.
  return state.pollAt < stableAt + state.tuning.pollMs;
}

function pollIfDue(turn: SwapTurn): void {
  const dueAt = pollDueAt(turn.state);
  if (dueAt === undefined || turn.at < dueAt) return;
  const { tuning, record } = turn.state;
  const site = otherSite(record.activeSite);
  const open = openAt(turn.state, site).length;
  const effect = turn.wish(
    { kind: 'list-health', site },
    { kind: 'poll', site, open, pollMs: tuning.pollMs },
  );
  turn.patch({ polling: { effect, askedAt: turn.at }, pollAt: turn.at + tuning.pollMs });
}

/** A list that never comes is asked for again. */
export function forgetSilentPoll(turn: SwapTurn): void {
  const { polling, tuning } = turn.state;
  if (polling !== undefined && turn.at >= polling.askedAt + tuning.pollMs) turn.patch({ polling: undefined });
}

export function recoveryDueAt(state: SwapRecoveryState): Millis | undefined {
  if (state.polling !== undefined) return state.polling.askedAt + state.tuning.pollMs;
  return pollDueAt(state);
}

function proceed(turn: SwapTurn): void {
  const { tuning, approved, restarts, now, stableSince, record } = turn.state;
  if (tuning.reEnableSwap === 'approve' && !approved) {
    move(turn, 'approval', 'everything is resolved and stable; an operator has to approve');
    return;
  }
  const recent = within(restarts, tuning.restartsWindowMs, now);
  if (recent.length >= tuning.maxRestarts) {
    lock(turn, recent.length);
    return;
  }
  const wanted = wantedSwapRecord(turn.state);
  turn.patch({ phase: 'remirroring', restarts: [...recent, now], mirror: undefined });
  turn.save({ ...withoutSwap(wanted), restarts: recent.length + 1 }, 'restart', {
    kind: 'restart',
    from: record.activeSite,
    to: otherSite(record.activeSite),
    stableForMs: now - (stableSince ?? now),
    full: wanted.fullCopy,
    errorTracks: wanted.errorTracks.length,
    restart: recent.length + 1,
    maxRestarts: tuning.maxRestarts,
  });
}

function lock(turn: SwapTurn, count: number): void {
  const { maxRestarts, restartsWindowMs } = turn.state.tuning;
  const because = {
    kind: 'locked',
    by: 'restarts',
    count,
    limit: maxRestarts,
    windowMs: restartsWindowMs,
  } as const;
  turn.patch({ phase: 'waiting', stableSince: undefined });
  turn.save({ ...wantedSwapRecord(turn.state), lock: 'restarts' }, 'nothing', because);
  turn.report('alarm', because);
}

/** The restart is counted durably: damaged tracks go into the change map first, then the copy begins. */
export function onRestartWritten(turn: SwapTurn): void {
  const { phase, record, mirror } = turn.state;
  if (phase !== 'remirroring' || mirror !== undefined) return;
  const { errorTracks } = record;
  const site = otherSite(record.activeSite);
  const effect = turn.wish(
    { kind: 'mark-tracks', extents: errorTracks },
    { kind: 'tracks-lost', site, extents: errorTracks.length },
  );
  turn.patch({ mirror: { effect, stage: 'mark' } });
}

export function onTracksMarked(turn: SwapTurn, effect: string): void {
  const { mirror, phase, record, restarts, tuning, stableSince, now } = turn.state;
  if (
    mirror === undefined ||
    mirror.effect !== effect ||
    mirror.stage !== 'mark' ||
    phase !== 'remirroring'
  ) {
    turn.absorb('answer-not-awaited');
    return;
  }
  const from = record.activeSite;
  const to = otherSite(from);
  const { fullCopy: full, epoch, errorTracks } = record;
  const started = turn.wish(
    { kind: 'start-mirror', from, to, full, epoch },
    {
      kind: 'restart',
      from,
      to,
      stableForMs: now - (stableSince ?? now),
      full,
      errorTracks: errorTracks.length,
      restart: restarts.length,
      maxRestarts: tuning.maxRestarts,
    },
  );
  turn.patch({ mirror: { effect: started, stage: 'copy' } });
}

export function onMirrorChanged(turn: SwapTurn, effect: string, is: 'copying' | 'duplex' | 'failed'): void {
  const { mirror, phase, record } = turn.state;
  if (
    mirror === undefined ||
    mirror.effect !== effect ||
    mirror.stage !== 'copy' ||
    phase !== 'remirroring'
  ) {
    turn.absorb('answer-not-awaited');
    return;
  }
  if (is === 'copying') return;
  if (is === 'failed') {
    suspendMirror(turn, { kind: 'phase', phase: 'waiting', detail: 'mirroring back has failed' });
    return;
  }
  const from = record.activeSite;
  const { epoch } = record;
  turn.save(
    { ...wantedSwapRecord(turn.state), protection: 'duplex', errorTracks: [], fullCopy: false },
    'duplex',
    { kind: 'duplex', from, to: otherSite(from), epoch },
  );
}

/** Full duplex is durable: the parts are changed, and a swap the other way is possible. */
export function onDuplexWritten(turn: SwapTurn): void {
  const { phase, record } = turn.state;
  if (phase !== 'remirroring') return;
  turn.patch({
    phase: 'duplex',
    mirror: undefined,
    stableSince: undefined,
    approved: false,
    cleanAskedAt: undefined,
  });
  enableSwap(turn);
  const from = record.activeSite;
  turn.report('info', { kind: 'duplex', from, to: otherSite(from), epoch: record.epoch });
}

export function enableSwap(turn: SwapTurn): void {
  const { record, members } = turn.state;
  const from = record.activeSite;
  const to = otherSite(from);
  const isWhole = members.volumes > 0 && members.mirrored === members.volumes;
  const sentence = `${members.mirrored} of ${members.volumes} volumes are mirrored, and a swap takes all or none`;
  const because: SwapRecoveryReason = isWhole
    ? { kind: 'duplex', from, to, epoch: record.epoch }
    : { kind: 'swap-disabled', sentence };
  turn.wish({ kind: 'set-swap', enabled: isWhole, from, to }, because);
  if (!isWhole) turn.report('warning', because);
}

/** The change map is kept: what has been copied need not be copied again. */
export function suspendMirror(turn: SwapTurn, because: SwapRecoveryReason): void {
  const { record, saving, queued } = turn.state;
  turn.wish({ kind: 'suspend-mirror' }, because);
  turn.patch({ phase: 'waiting', mirror: undefined, stableSince: undefined, cleanAskedAt: undefined });
  turn.report('warning', because);
  // "Equal" was on its way to the disk: it is not so any more.
  const isTold = saving?.record.protection === 'duplex' || queued?.record.protection === 'duplex';
  if (!isTold) return;
  const wanted = wantedSwapRecord(turn.state);
  const errorTracks = [...record.errorTracks, ...wanted.errorTracks];
  const fullCopy = record.fullCopy || wanted.fullCopy;
  turn.save({ ...wanted, protection: 'exposed', errorTracks, fullCopy }, 'nothing', because);
}
