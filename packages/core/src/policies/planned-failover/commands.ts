import { cancel } from './source.js';
import { isBeforeCommit, withOperation } from './record.js';
import type { PlannedFailoverState } from './state.js';
import type { Turn } from './turn.js';
import type { PlannedFailoverCommand, PlannedFailoverObstacle, PlannedFailoverOutcome } from './types.js';
import { emptySourceWork } from './work.js';

export function onCommand(turn: Turn, commandId: string, command: PlannedFailoverCommand): void {
  switch (command.kind) {
    case 'start':
      start(turn, commandId, command);
      return;
    case 'abort':
      abort(turn, commandId, command.operationId);
      return;
    case 'status': {
      const detail = statusOf(turn.state);
      turn.answer(commandId, true, detail, { kind: 'command', command: 'status', detail });
      return;
    }
  }
}

function start(
  turn: Turn,
  commandId: string,
  command: Extract<PlannedFailoverCommand, { kind: 'start' }>,
): void {
  const { record, self, saving } = turn.state;
  const { operationId } = command;
  const running = saving?.record.operation ?? record.operation;
  if (running?.operationId === operationId) {
    const detail = statusOf(turn.state);
    turn.answer(commandId, true, detail, { kind: 'command', command: 'start', detail });
    return;
  }
  if (record.last?.operationId === operationId) {
    answerAgain(turn, commandId, record.last);
    return;
  }
  const rollbackMs = command.rollbackMs ?? self.timing.rollbackTimeoutMs;
  const obstacles = obstaclesToStart(turn.state);
  if (!(rollbackMs > 0)) obstacles.push({ detail: `rollbackMs is ${String(rollbackMs)}, not above zero` });
  if (obstacles.length > 0) {
    const detail = obstacles.map((obstacle) => obstacle.detail).join('; ');
    turn.answer(commandId, false, detail, { kind: 'start-refused', obstacles });
    return;
  }
  const { epoch } = record.roles;
  const operation = {
    operationId,
    from: self.nodeId,
    to: self.peerId,
    fromEpoch: epoch,
    phase: 'started',
    members: self.members,
  } as const;
  const because = {
    kind: 'start-accepted',
    operationId,
    from: self.nodeId,
    to: self.peerId,
    epoch,
    rollbackMs,
  } as const;
  turn.patch({ source: { ...emptySourceWork(turn.at, rollbackMs), commandIds: [commandId] } });
  turn.save(withOperation(turn.state, operation), because);
}

function answerAgain(turn: Turn, commandId: string, last: PlannedFailoverOutcome): void {
  const detail = `operation ${last.operationId}: ${last.outcome}`;
  turn.answer(commandId, last.outcome !== 'failed', detail, last.because);
}

/** Everything that this node itself knows to stand in the way. Empty: a start would be accepted. */
export function obstaclesToStart(state: PlannedFailoverState): PlannedFailoverObstacle[] {
  const { record, standing, self, session, saving } = state;
  const obstacles: PlannedFailoverObstacle[] = [];
  const say = (isObstacle: boolean, detail: string): void => {
    if (isObstacle) obstacles.push({ detail });
  };
  const { operation, preparation, grant, roles } = record;
  const other = operation ?? preparation ?? grant;
  say(other !== undefined, `operation ${other?.operationId ?? ''} is not over`);
  say(other === undefined && saving !== undefined, 'a record is being written; try again');
  say(
    roles.sequencer !== self.nodeId,
    `give this command to node ${roles.sequencer}, which orders the writes`,
  );
  say(standing.service !== 'mirrored', `the group is ${standing.service}, not mirrored`);
  say(!standing.inSync, 'the copies are not in sync');
  say(session === undefined, 'the peer is out of reach');
  say(!standing.peerHealthy, 'the peer is not healthy');
  say(standing.busyWith !== undefined, `${standing.busyWith ?? ''} holds the group`);
  say(self.requireMediator && !standing.mediatorReachable, 'the mediator is out of reach');
  return obstacles;
}

function abort(turn: Turn, commandId: string, operationId: string): void {
  const { record, saving, source } = turn.state;
  const operation = saving?.record.operation ?? record.operation;
  const refuse = (detail: string): void =>
    turn.answer(commandId, false, detail, { kind: 'command', command: 'abort', detail });
  if (operation?.operationId !== operationId || source === undefined) {
    if (record.last?.operationId === operationId) answerAborted(turn, commandId, record.last);
    else refuse(`no operation ${operationId} is known here`);
    return;
  }
  if (!isBeforeCommit(operation.phase)) {
    refuse(`operation ${operationId} is past the point of no return`);
    return;
  }
  cancel(turn, 'aborted', '');
  const detail = `operation ${operationId} is being rolled back`;
  turn.answer(commandId, true, detail, { kind: 'command', command: 'abort', detail });
}

/** To have failed is what an abort wanted. */
function answerAborted(turn: Turn, commandId: string, last: PlannedFailoverOutcome): void {
  const detail = `operation ${last.operationId}: ${last.outcome}`;
  turn.answer(commandId, last.outcome === 'failed', detail, last.because);
}

export function statusOf({ record, saving, source }: PlannedFailoverState): string {
  const { operation, preparation, grant, last } = record;
  const running = operation ?? saving?.record.operation;
  if (running !== undefined) {
    const back = source?.cancel === undefined ? '' : ', being rolled back';
    return `operation ${running.operationId} from ${running.from} to ${running.to}: ${running.phase}${back}`;
  }
  if (grant !== undefined) return `operation ${grant.operationId}: this node has taken the roles`;
  if (preparation !== undefined)
    return `operation ${preparation.operationId}: this node is ready for the roles${preparation.discarded ? ', discarded' : ''}`;
  return last === undefined ? 'no operation' : `operation ${last.operationId}: ${last.outcome}`;
}
