import type { Millis } from '../../kernel/time.js';
import { closedRecord, committedRecord, isBeforeCommit, withOperation } from './record.js';
import { askToPrepare, cancel, sayBarrier } from './source.js';
import type { PlannedFailoverState } from './state.js';
import type { Turn } from './turn.js';
import type { PlannedFailoverOperation } from './types.js';

/** The next record of the operation, if the state asks for one. Nothing else decides about the operation's life. */
export function advanceSource(turn: Turn): void {
  const { state } = turn;
  const { record, source } = state;
  const { operation } = record;
  if (operation === undefined || source === undefined) return;
  if (isBeforeCommit(operation.phase) && source.cancel !== undefined) {
    turn.save(closedRecord(state, operation, 'failed', source.cancel), source.cancel);
    return;
  }
  const sinceStart = turn.at - source.startedAt;
  switch (operation.phase) {
    case 'started':
      if (!source.checked || source.next === undefined) return;
      turn.save(withOperation(state, { ...operation, phase: 'prepared', next: source.next }), {
        kind: 'both-ready',
        epoch: source.next.epoch,
        afterMs: sinceStart,
      });
      return;
    case 'prepared':
      turn.save(withOperation(state, { ...operation, phase: 'fenced' }), {
        kind: 'both-ready',
        epoch: operation.next?.epoch ?? operation.fromEpoch + 1,
        afterMs: sinceStart,
      });
      return;
    case 'fenced':
      commitIfAsked(turn);
      return;
    case 'committed':
      if (!source.applied) return;
      turn.save(withOperation(state, { ...operation, phase: 'demoting' }), {
        kind: 'role-seen',
        to: operation.to,
        epoch: record.roles.epoch,
        by: 'target',
      });
      return;
    case 'demoting':
      completeIfSwitched(turn);
      return;
  }
}

function commitIfAsked(turn: Turn): void {
  const { source } = turn.state;
  if (source?.asked !== true) return;
  const committed = committedRecord(turn.state);
  if (committed === undefined) return;
  turn.save(committed, {
    kind: 'committed',
    to: committed.roles.sequencer,
    epoch: committed.roles.epoch,
    barrierSequence: source.barrierSequence ?? 0,
    heldMs: turn.at - (source.fencedAt ?? source.startedAt),
  });
}

function completeIfSwitched(turn: Turn): void {
  const { state } = turn;
  const { source, record } = state;
  const { operation } = record;
  if (operation === undefined || source?.pathsSwitched !== true) return;
  const { warnings } = source;
  const because = {
    kind: 'completed',
    operationId: operation.operationId,
    to: operation.to,
    epoch: record.roles.epoch,
    warnings,
  } as const;
  const outcome = warnings.length === 0 ? 'completed' : 'completed-with-warnings';
  turn.save(closedRecord(state, operation, outcome, because), because);
}

/** Times at which the source acts without another event. */
export function sourceDueAt(state: PlannedFailoverState): Millis | undefined {
  const { source, self, session } = state;
  const operation = runningOperation(state);
  if (operation === undefined || source === undefined || !isBeforeCommit(operation.phase)) return undefined;
  if (source.cancel !== undefined || isCommitting(state)) return undefined;
  const { timing } = self;
  const due: Millis[] = [source.startedAt + source.rollbackMs];
  if (operation.phase !== 'fenced') due.push(source.startedAt + timing.prepareTimeoutMs);
  if (source.fencedAt !== undefined) {
    due.push(source.fencedAt + timing.fenceLimitMs);
    if (!source.warned) due.push(source.fencedAt + timing.fenceWarnMs);
  }
  if (session !== undefined && saysAgain(state)) due.push(source.saidAt + timing.pollIntervalMs);
  return Math.min(...due);
}

/** Also while the context is still on its way to the disk. */
function runningOperation({ record, saving }: PlannedFailoverState): PlannedFailoverOperation | undefined {
  return record.operation ?? saving?.record.operation;
}

/** The commit has been handed to the disk. From this moment on no timer, no loss and no command can take it back. */
function isCommitting({ saving }: PlannedFailoverState): boolean {
  return saving?.record.operation?.phase === 'committed';
}

function saysAgain({ record, source }: PlannedFailoverState): boolean {
  const phase = record.operation?.phase;
  if (phase === 'started') return source !== undefined && source.next === undefined;
  return phase === 'fenced' && source?.barrierSequence !== undefined && !source.barrierReached;
}

/** Timers of the source: repeat, warn, give up. */
export function tickSource(turn: Turn): void {
  const { source, self } = turn.state;
  const operation = runningOperation(turn.state);
  if (operation === undefined || source === undefined || !isBeforeCommit(operation.phase)) return;
  if (source.cancel !== undefined || isCommitting(turn.state)) return;
  const { timing } = self;
  const { fencedAt } = source;
  if (turn.at >= source.startedAt + source.rollbackMs) {
    cancel(turn, 'rollback-timer', '', source.rollbackMs);
  } else if (operation.phase !== 'fenced' && turn.at >= source.startedAt + timing.prepareTimeoutMs) {
    cancel(turn, 'prepare-timeout', '', timing.prepareTimeoutMs);
  } else if (fencedAt !== undefined && turn.at >= fencedAt + timing.fenceLimitMs) {
    cancel(turn, 'fence-limit', '', timing.fenceLimitMs);
  } else if (fencedAt !== undefined && !source.warned && turn.at >= fencedAt + timing.fenceWarnMs) {
    turn.patchSource({ warned: true });
    turn.report('warning', {
      kind: 'fence-slow',
      heldMs: turn.at - fencedAt,
      limitMs: timing.fenceLimitMs,
    });
  }
  if (turn.at < source.saidAt + timing.pollIntervalMs || !saysAgain(turn.state)) return;
  if (operation.phase === 'started') askToPrepare(turn);
  else sayBarrier(turn);
}
