import type { Millis } from '../../kernel/time.js';
import { swapDefaults, validateSwapOptions, type SwapRecoveryOptions } from './options.js';
import { enableSwap, onDuplexWritten, onRestartWritten } from './restart.js';
import { openAt, wantedSwapRecord, type SwapRecoveryState } from './state.js';
import { onCommitWritten, onIntentWritten, swapIsOver, withoutSwap } from './swap.js';
import type { SwapTurn } from './turn.js';
import type { SwapRecoveryFact } from './types.js';

/** @throws what `validateSwapOptions` throws. */
export function initialState(options: SwapRecoveryOptions, at: Millis): SwapRecoveryState {
  validateSwapOptions(options);
  const { groupId, nodeId, incarnation, record } = options;
  const { swaps, restarts, conditions } = record;
  return {
    version: 1,
    self: { groupId, nodeId, incarnation },
    tuning: { ...swapDefaults, ...options.tuning },
    now: at,
    booted: false,
    phase: 'unknown',
    record,
    sites: { first: { reachable: true, inService: false }, second: { reachable: true, inService: false } },
    linkUp: true,
    members: { volumes: 0, mirrored: 0 },
    lostShare: 0,
    conditions,
    pollAt: at,
    approved: false,
    operationsBegun: 0,
    // When they were is not known any more: as late as it can have been.
    restarts: Array.from({ length: restarts }, () => at),
    swaps: Array.from({ length: swaps }, () => at),
    ...(swaps > 0 ? { swappedAt: at } : {}),
    absorbed: {},
  };
}

export function boot(turn: SwapTurn): void {
  if (turn.state.booted) return;
  const { epoch, activeSite, conditions } = turn.state.record;
  turn.patch({ booted: true });
  turn.report('info', { kind: 'started', epoch, activeSite, open: conditions.length });
}

type EpochKnown = Extract<SwapRecoveryFact, { kind: 'epoch-known' }>;

/** A higher epoch counts from now on; an equal or lower one confirms the record. */
export function onEpochKnown(turn: SwapTurn, fact: EpochKnown): void {
  const { state } = turn;
  const own = wantedSwapRecord(state).epoch;
  if (!Number.isSafeInteger(fact.epoch) || fact.epoch < 0) turn.absorb('not-a-number');
  else if (fact.epoch > own) adopt(turn, fact, own);
  else if (state.phase === 'unknown') resumeOnceWritten(turn, own);
  else if (fact.epoch < own) turn.absorb('old-epoch');
}

function adopt(turn: SwapTurn, fact: EpochKnown, ownEpoch: number): void {
  const { attempt, phase, saving } = turn.state;
  const { epoch, activeSite, duplex } = fact;
  const because = { kind: 'epoch', epoch, ownEpoch, phase: 'unknown' } as const;
  const wanted = withoutSwap(wantedSwapRecord(turn.state));
  const hasMoved = activeSite !== wanted.activeSite;
  if (attempt !== undefined) swapIsOver(turn, attempt.operationId, 'aborted');
  if (phase === 'remirroring') turn.wish({ kind: 'suspend-mirror' }, because);
  turn.patch({
    phase: 'unknown',
    attempt: undefined,
    mirror: undefined,
    polling: undefined,
    stableSince: undefined,
    cleanAskedAt: undefined,
    approved: false,
    ...(hasMoved ? { swappedAt: turn.at } : {}),
    // The record that is on its way has been overtaken: that it is durable leads to nothing any more.
    ...(saving === undefined ? {} : { saving: { ...saving, then: 'nothing' as const } }),
  });
  // Others have moved the group: what changed meanwhile is theirs to know, and here it is not known.
  const fullCopy = !duplex && (hasMoved || wanted.fullCopy || wanted.protection === 'duplex');
  const errorTracks = duplex ? [] : wanted.errorTracks;
  const protection = duplex ? ('duplex' as const) : ('exposed' as const);
  turn.save({ ...wanted, epoch, activeSite, protection, fullCopy, errorTracks }, 'adopted', because);
}

/** What is being written may say that the copies are not equal any more: the record counts when it is on the disk. */
function resumeOnceWritten(turn: SwapTurn, ownEpoch: number): void {
  const { saving, queued } = turn.state;
  if (queued !== undefined) turn.patch({ queued: { ...queued, then: 'adopted' } });
  else if (saving !== undefined) turn.patch({ saving: { ...saving, then: 'adopted' } });
  else resume(turn, ownEpoch);
}

/** By the record: equal copies may swap, an old one waits; a swap that was not committed never was. */
function resume(turn: SwapTurn, ownEpoch: number): void {
  const { record } = turn.state;
  const { epoch, activeSite, protection, swap } = record;
  const phase = protection === 'duplex' ? 'duplex' : 'waiting';
  const because = { kind: 'epoch', epoch, ownEpoch, phase } as const;
  turn.patch({ phase, pollAt: turn.at });
  turn.wish({ kind: 'release-io', site: activeSite, epoch }, because);
  turn.report('info', { ...because });
  if (swap !== undefined) {
    swapIsOver(turn, swap.operationId, swap.toEpoch <= epoch ? 'committed' : 'aborted');
    turn.save(withoutSwap(record), 'nothing', because);
  }
  if (phase === 'duplex') enableSwap(turn);
  for (const { token } of openAt(turn.state, activeSite)) {
    if (phase === 'waiting') turn.report('alarm', { kind: 'bad-second', site: activeSite, token, open: 1 });
  }
}

export function onPersisted(turn: SwapTurn, effect: string): void {
  const { saving, queued } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('answer-not-awaited');
    return;
  }
  turn.patch({ record: saving.record, saving: undefined, queued: undefined });
  if (queued !== undefined) turn.save(queued.record, queued.then, queued.because);
  switch (saving.then) {
    case 'nothing':
      break;
    case 'adopted':
      resume(turn, saving.record.epoch);
      break;
    case 'intent':
      onIntentWritten(turn);
      break;
    case 'commit':
      onCommitWritten(turn, effect);
      break;
    case 'restart':
      onRestartWritten(turn);
      break;
    case 'duplex':
      onDuplexWritten(turn);
      break;
  }
}

/** The disk did not take the record. What needed it does not happen, and the same is written again: its outcome is not known. */
export function onPersistFailed(turn: SwapTurn, effect: string, detail: string): void {
  const { saving, tuning } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('answer-not-awaited');
    return;
  }
  const retryMs = tuning.persistRetryMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

export function retryPersistIfDue(turn: SwapTurn): void {
  const { saving } = turn.state;
  if (saving?.retryAt === undefined || turn.at < saving.retryAt) return;
  const { record, then } = saving;
  const because = { kind: 'persist-failed', detail: 'written again', retryMs: 0 } as const;
  const effect = turn.wish({ kind: 'persist', record }, because);
  turn.patch({ saving: { effect, record, then } });
}
