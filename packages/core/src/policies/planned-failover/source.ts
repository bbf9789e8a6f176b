import type { PlannedFailoverCancelCause, PlannedFailoverReason } from './reasons.js';
import { isBeforeCommit } from './record.js';
import type { Turn } from './turn.js';
import type { PlannedFailoverMessage } from './types.js';

type Message<Kind extends PlannedFailoverMessage['kind']> = Extract<PlannedFailoverMessage, { kind: Kind }>;

/** Asks for a rollback. The first reason counts; once the commit has been handed to the disk, none does. */
export function cancel(turn: Turn, cause: PlannedFailoverCancelCause, detail: string, limitMs = 0): void {
  const { record, saving, source } = turn.state;
  const operation = saving?.record.operation ?? record.operation;
  if (operation === undefined || source === undefined || source.cancel !== undefined) return;
  if (!isBeforeCommit(operation.phase)) {
    // Said once, while the outcome is open; a commit that stands on the disk needs no such word.
    if (record.operation?.phase === 'fenced')
      turn.report('warning', { kind: 'cancel-waits', phase: 'fenced', detail: detail || cause });
    return;
  }
  const phase = record.operation?.phase ?? 'started';
  const since = cause === 'fence-limit' ? (source.fencedAt ?? source.startedAt) : source.startedAt;
  turn.patchSource({
    cancel: { kind: 'cancelled', cause, phase, sinceMs: turn.at - since, limitMs, detail },
  });
}

/** The context is durable: check here, and ask the target to get ready. Hosts notice nothing of it. */
export function onStarted(turn: Turn): void {
  const { self } = turn.state;
  const because = askReason(turn);
  turn.patchSource({ check: turn.wish({ kind: 'check', members: self.members }, because) });
  askToPrepare(turn);
}

function askReason(turn: Turn): PlannedFailoverReason {
  const { self, source } = turn.state;
  const sinceMs = turn.at - (source?.startedAt ?? turn.at);
  return { kind: 'prepare-asked', to: self.peerId, members: self.members.length, sinceMs };
}

export function askToPrepare(turn: Turn): void {
  const { operation } = turn.state.record;
  if (operation === undefined) return;
  const { operationId, fromEpoch, members } = operation;
  turn.send({ kind: 'prepare', operationId, fromEpoch, members }, askReason(turn));
  turn.patchSource({ saidAt: turn.at });
}

export function onPrepared(turn: Turn, message: Message<'prepared'>): void {
  const { record, source } = turn.state;
  const { operation } = record;
  if (operation?.operationId !== message.operationId || source === undefined) {
    endAtTarget(turn, message.operationId);
    return;
  }
  if (operation.phase !== 'started' || source.next !== undefined) {
    turn.absorb('message prepared', 'the target has said so before');
    return;
  }
  if (message.next.epoch !== operation.fromEpoch + 1) {
    cancel(turn, 'target-refused', `it is ready for epoch ${String(message.next.epoch)}`);
    return;
  }
  turn.patchSource({ next: message.next });
}

/** The target holds on to something that is over here: say so, that its hosts are not held for nothing. */
export function endAtTarget(turn: Turn, operationId: string): void {
  const { operation } = turn.state.record;
  turn.send(
    { kind: 'denied', operationId, underWay: false },
    { kind: 'denied', phase: operation?.phase ?? 'none', operationId },
  );
}

/** The fence is durable: only now is a host held, and only then drained. */
export function onFenced(turn: Turn): void {
  const because = { kind: 'fence-set', limitMs: turn.state.self.timing.fenceLimitMs } as const;
  turn.patchSource({ fencedAt: turn.at });
  const gate = turn.setGate(because);
  if (turn.state.source?.cancel !== undefined) return;
  turn.patchSource({ drain: turn.wish({ kind: 'drain' }, because, gate === undefined ? [] : [gate]) });
}

export function onDrained(turn: Turn, effect: string, barrierSequence: number): void {
  const { source, record } = turn.state;
  if (source?.drain !== effect || record.operation?.phase !== 'fenced') {
    turn.absorb('drained', 'no drain of this operation is under way');
    return;
  }
  const { drain: _drain, ...rest } = source;
  turn.patch({ source: { ...rest, barrierSequence } });
  sayBarrier(turn);
}

export function sayBarrier(turn: Turn): void {
  const { source, record } = turn.state;
  const { operation } = record;
  if (operation === undefined || source?.barrierSequence === undefined) return;
  const { barrierSequence, fencedAt = turn.at } = source;
  turn.send(
    { kind: 'barrier', operationId: operation.operationId, barrierSequence },
    { kind: 'barrier-set', barrierSequence, heldMs: turn.at - fencedAt },
  );
  turn.patchSource({ saidAt: turn.at });
}

export function onBarrierReached(turn: Turn, message: Message<'barrier-reached'>): void {
  const { record, source } = turn.state;
  const fits =
    record.operation?.operationId === message.operationId &&
    record.operation.phase === 'fenced' &&
    source?.barrierSequence === message.barrierSequence;
  if (fits) turn.patchSource({ barrierReached: true });
  else turn.absorb('message barrier-reached', 'no such barrier stands');
}

/** The target asks for the roles. Repeated until answered; the same question always gets the same answer. */
export function onTestAndSet(turn: Turn, message: Message<'test-and-set'>): void {
  const { record, source } = turn.state;
  const { operation, last, roles } = record;
  const { operationId } = message;
  if (operation?.operationId !== operationId) {
    const isGiven = last?.operationId === operationId && last.outcome !== 'failed';
    if (isGiven && last.epoch === roles.epoch) sayGranted(turn, operationId);
    else endAtTarget(turn, operationId);
    return;
  }
  if (!isBeforeCommit(operation.phase)) {
    sayGranted(turn, operationId);
    return;
  }
  if (source?.cancel === undefined && source?.barrierReached === true) {
    // The answer follows once it is durable; what asks again meanwhile has not been forgotten.
    turn.patchSource({ asked: true });
    return;
  }
  turn.send(
    { kind: 'denied', operationId, underWay: true },
    { kind: 'denied', phase: operation.phase, operationId },
  );
}

function sayGranted(turn: Turn, operationId: string): void {
  const { epoch, lineageId, sequencer } = turn.state.record.roles;
  turn.send(
    { kind: 'granted', operationId, next: { epoch, lineageId } },
    { kind: 'granted', to: sequencer, epoch },
  );
}

/** The commit is durable: from here on there is only forward. */
export function onCommitted(turn: Turn): void {
  const { record, source } = turn.state;
  const { operation, roles } = record;
  if (operation === undefined) return;
  turn.report('warning', {
    kind: 'committed',
    to: operation.to,
    epoch: roles.epoch,
    barrierSequence: source?.barrierSequence ?? 0,
    heldMs: turn.at - (source?.fencedAt ?? turn.at),
  });
  sayGranted(turn, operation.operationId);
}

export function onRoleApplied(turn: Turn, message: Message<'role-applied'>): void {
  const { record, standing } = turn.state;
  const { operation, last, roles } = record;
  const { operationId } = message;
  if (operation?.operationId !== operationId || isBeforeCommit(operation.phase)) {
    if (last?.operationId === operationId) sayDone(turn, operationId);
    else turn.absorb('message role-applied', 'this node has given no such roles');
    return;
  }
  if (standing.service === 'mirrored' && standing.epoch === operation.fromEpoch)
    turn.patch({ standing: { ...standing, ...roles } });
  seeRole(turn, 'target');
}

/** The target has the roles for certain: hosts here go on at once, through the new sequencer. */
export function seeRole(turn: Turn, by: 'target' | 'fault-handling'): void {
  const { record, source } = turn.state;
  const { operation, roles } = record;
  if (operation === undefined || source === undefined || source.applied) return;
  const because = { kind: 'role-seen', to: operation.to, epoch: roles.epoch, by } as const;
  turn.patchSource({ applied: true });
  turn.setGate(because);
  wishPaths(turn, because);
}

export function wishPaths(turn: Turn, because: PlannedFailoverReason): void {
  const { record, self } = turn.state;
  const paths = turn.wish(
    { kind: 'switch-paths', sequencer: record.roles.sequencer, heldRequests: self.heldRequests },
    because,
  );
  turn.patchSource({ paths });
}

export function onSourcePaths(turn: Turn, warnings: readonly string[]): void {
  turn.patchSource({ pathsSwitched: true, warnings });
}

export function sayDone(turn: Turn, operationId: string): void {
  const { epoch, sequencer } = turn.state.record.roles;
  turn.send(
    { kind: 'demote-done', operationId },
    { kind: 'completed', operationId, to: sequencer, epoch, warnings: [] },
  );
}
