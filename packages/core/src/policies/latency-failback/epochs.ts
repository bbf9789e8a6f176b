import { recentMoves } from './guards.js';
import { over } from './redirect.js';
import { stopRecovery } from './recovery.js';
import { withoutRedirect } from './record.js';
import { wantedRecord, type LatencyFailbackState } from './state.js';
import type { FailbackTurn } from './turn.js';
import type { FailbackPhase, FailbackRecord, LatencyFailbackFact } from './types.js';
import { forgetSamples } from './windows.js';

type EpochKnown = Extract<LatencyFailbackFact, { kind: 'epoch-known' }>;

/** Somebody says which epoch is the highest: a higher one counts from now on, and any other one confirms the record. */
export function onEpochKnown(turn: FailbackTurn, fact: EpochKnown): void {
  const own = wantedRecord(turn.state).epoch;
  if (!Number.isSafeInteger(fact.epoch) || fact.epoch < 0) turn.absorb('not-a-number');
  else if (isAbsurd(fact)) turn.absorb('contradiction');
  else if (fact.epoch > own) adopt(turn, fact);
  else confirm(turn, fact);
}

/** A primary may serve beside a complete secondary, by reading through it; never the other way round. */
function isAbsurd({ activeSite, completeCopy }: EpochKnown): boolean {
  return activeSite === 'secondary' && completeCopy === 'primary';
}

/** The group has moved on by other means: a fault, a handover, an operator. Whatever was under way here is over. */
function adopt(turn: FailbackTurn, fact: EpochKnown): void {
  const { state } = turn;
  const { epoch, activeSite, completeCopy, from } = fact;
  const wanted = wantedRecord(state);
  const { attempt, saving } = state;
  const hasMoved = activeSite !== wanted.activeSite;
  const because = {
    kind: 'epoch-adopted',
    epoch,
    ownEpoch: wanted.epoch,
    activeSite,
    completeCopy,
    from,
  } as const;
  const moves = hasMoved ? [...recentMoves(state), turn.at] : recentMoves(state);
  turn.patch({
    phase: 'unknown',
    attempt: undefined,
    watch: undefined,
    withheldBy: undefined,
    recoveriesFailed: 0,
    moves,
    // The record that is on its way has been overtaken: that it is durable leads to nothing any more.
    ...(saving === undefined ? {} : { saving: { ...saving, then: 'nothing' as const } }),
    ...(hasMoved ? { activeSince: turn.at } : {}),
    // What is out of sync belongs to the epoch before, until the next recovery tells it anew.
    map: { ...state.map, state: state.map.state === 'lost' ? 'lost' : 'unknown' },
  });
  stopRecovery(turn, `epoch ${epoch} has begun`);
  forgetSamples(turn);
  turn.setGate(because);
  turn.save(
    { ...withoutRedirect(wanted), epoch, activeSite, completeCopy, moves: moves.length },
    'adopted',
    because,
  );
  turn.report('info', because);
  if (attempt === undefined) return;
  over(turn, attempt.operationId, 'aborted');
  if (attempt.commandId !== undefined)
    turn.answer(attempt.commandId, 'redirect', false, `epoch ${epoch} has begun`);
}

function confirm(turn: FailbackTurn, fact: EpochKnown): void {
  const { state } = turn;
  const { phase, saving, record } = state;
  const { epoch, from } = fact;
  const mayResume = (phase === 'unknown' || phase === 'awaiting') && saving === undefined;
  if (mayResume) {
    resume(turn, from);
    return;
  }
  if (epoch < record.epoch || fact.activeSite !== record.activeSite) {
    turn.absorb('old-epoch');
    turn.report('info', { kind: 'epoch-old', epoch, ownEpoch: wantedRecord(state).epoch, from });
  }
}

/** Nobody knows anything newer than the record. */
function resume(turn: FailbackTurn, from: EpochKnown['from']): void {
  const { state } = turn;
  const { record } = state;
  const next = resumedPhase(state, from);
  if (next === state.phase) return;
  const because = { kind: 'epoch-confirmed', epoch: record.epoch, phase: next } as const;
  enterResumed(turn, next);
  turn.setGate(because);
  turn.report('info', because);
  closeOldRedirect(turn, record);
}

function enterResumed(turn: FailbackTurn, next: FailbackPhase): void {
  const { state } = turn;
  turn.enter(next);
  const { epoch, completeCopy } = state.record;
  if (next === 'partial') {
    const inSyncOnly = state.tuning.partialService === 'reads' && state.map.state === 'known';
    turn.report('alarm', { kind: 'secondary-ended', how: 'proved', inSyncOnly });
  }
  if (next === 'awaiting') wishFailOver(turn);
  // An earlier life may have ended between the record and this wish. Wished twice it does no harm.
  if (next === 'primary' && completeCopy === 'both')
    turn.wish({ kind: 'unpin-survivor', epoch }, { kind: 'complete', epoch });
}

/** The primary has stopped. The secondary has everything; that it takes over is decided where faults are handled. */
export function stopPrimary(turn: FailbackTurn): void {
  turn.enter('awaiting');
  wishFailOver(turn);
}

function wishFailOver(turn: FailbackTurn): void {
  const { primary, map, record, link, secondaryEnded } = turn.state;
  const { outOfSyncBytes } = map;
  const why = secondaryEnded ? 'it has ended' : link.up ? 'it has failed' : 'the link is down';
  const because =
    primary === 'failed'
      ? ({ kind: 'primary-failed', detail: 'by its health', outOfSyncBytes } as const)
      : ({ kind: 'secondary-unreached', detail: why, outOfSyncBytes } as const);
  turn.wish({ kind: 'fail-over', to: 'secondary', fromEpoch: record.epoch }, because);
  turn.report('alarm', because);
}

/**
 * A primary with blocks out of sync goes on only beside the secondary. When that one has ended, it is not enough to know it: it may
 * have served alone before. So the witness's word that nobody has taken over must come after the evidence.
 */
function resumedPhase(state: LatencyFailbackState, from: EpochKnown['from']): FailbackPhase {
  const { record, secondary, link, primary, secondaryEnded } = state;
  if (record.activeSite === 'secondary') return 'onSecondary';
  if (record.completeCopy !== 'secondary') return 'primary';
  if (primary === 'failed') return 'awaiting';
  if (secondary === 'ok' && link.up && !secondaryEnded) return 'readThrough';
  return secondaryEnded && from === 'witness' ? 'partial' : 'awaiting';
}

/** A redirect that an earlier life began: what became of it stands in the record, and its lock is given back. */
function closeOldRedirect(turn: FailbackTurn, record: FailbackRecord): void {
  const { redirect, epoch } = record;
  if (redirect === undefined) return;
  const outcome = redirect.toEpoch <= epoch ? 'committed' : 'aborted';
  over(turn, redirect.operationId, outcome);
  const { operationId } = redirect;
  turn.save(withoutRedirect(record), 'nothing', { kind: 'operation-over', operationId, outcome });
}

/** An adopted epoch is durable: its record counts, and whoever told it is the confirmation. */
export function onAdopted(turn: FailbackTurn): void {
  enterResumed(turn, resumedPhase(turn.state, 'group'));
}
