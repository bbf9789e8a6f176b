import { takeSurvivorship } from './alone.js';
import { handoverBlockedBy, offer } from './handover.js';
import { nextRecord, ownedBySelf } from './record.js';
import type { Turn } from './turn.js';
import type { OperatorCommand } from './types.js';
import { reattachBlockedBy } from './way-out.js';

/** Every command is answered: at once when it is refused, else when it is done. */
export function onCommand(turn: Turn, commandId: string, command: OperatorCommand): void {
  const refusal = refuse(turn, command);
  if (refusal !== undefined) {
    turn.answer(commandId, command.kind, false, refusal);
    return;
  }
  switch (command.kind) {
    case 'force-survivor':
      forceSurvivor(turn, commandId, command.kind);
      break;
    case 'reattach':
      forceSurvivor(turn, commandId, command.kind);
      break;
    case 'resolve-split-brain':
      giveWay(turn, commandId);
      break;
    case 'pause':
      pause(turn, commandId);
      break;
    case 'resume':
      resume(turn, commandId);
      break;
    case 'handover':
      offer(turn, commandId);
      break;
    case 'shut-down':
      shutDown(turn, commandId);
      break;
  }
}

/** Why the command is not carried out; undefined when it is. */
function refuse(turn: Turn, command: OperatorCommand): string | undefined {
  const { state } = turn;
  if (state.saving !== undefined) return 'a record is being written; repeat the command';
  if (state.stopped || state.operation?.kind === 'stopping') return 'this node is stopping';
  switch (command.kind) {
    case 'force-survivor':
      return refuseForce(turn, command.expectedEpoch);
    case 'reattach':
      return refuseEpoch(turn, command.expectedEpoch) ?? reattachBlockedBy(state);
    case 'resolve-split-brain':
      if (command.victim !== state.self.nodeId)
        return `give this command to node ${command.victim}, whose copy is to give way`;
      return state.mode === 'splitBrain'
        ? undefined
        : `this node is ${state.mode}: there is nothing to resolve`;
    case 'pause':
      if (state.record.sequencer !== state.self.nodeId)
        return `give this command to node ${state.record.sequencer}, which orders the writes`;
      return pauseBlockedBy(turn);
    case 'resume':
      if (state.mode !== 'paused') return `this node is ${state.mode}, not paused`;
      return ownedBySelf(state.record)
        ? undefined
        : `give this command to node ${state.self.peerId}, which serves alone`;
    case 'handover':
      return handoverBlockedBy(state);
    case 'shut-down':
      return undefined;
  }
}

function pauseBlockedBy(turn: Turn): string | undefined {
  const { peer, operation, mode, legFailure } = turn.state;
  if (mode !== 'mirrored') return `this node is ${mode}, not mirrored`;
  if (peer === undefined) return 'the peer is not connected';
  if (legFailure !== undefined) return 'the own leg has failed';
  return operation === undefined ? undefined : 'another change is under way';
}

function refuseEpoch(turn: Turn, expectedEpoch: number): string | undefined {
  const { epoch } = turn.state.record;
  return expectedEpoch === epoch
    ? undefined
    : `the epoch here is ${String(epoch)}, not ${String(expectedEpoch)}`;
}

function refuseForce(turn: Turn, expectedEpoch: number): string | undefined {
  const { mode, peer, legFailure } = turn.state;
  const refusal = refuseEpoch(turn, expectedEpoch);
  if (refusal !== undefined) return refusal;
  if (legFailure !== undefined) return `the own leg has failed a ${legFailure.operation}`;
  const waits =
    mode === 'unknown' ||
    mode === 'suspended' ||
    mode === 'arbitrating' ||
    mode === 'fenced' ||
    mode === 'syncTarget';
  if (!waits) return `this node is ${mode}`;
  const theirs = peer?.introduction;
  if (theirs !== undefined && ownedBySelf(theirs.record) && theirs.record.dataState === 'upToDate') {
    return `node ${theirs.nodeId} is connected and holds survivorship of epoch ${String(theirs.record.epoch)}`;
  }
  return undefined;
}

/** An operator's word stands above both nodes and the witness, but not above time: the peer's lease is waited for all the same. */
function forceSurvivor(turn: Turn, commandId: string, command: 'force-survivor' | 'reattach'): void {
  const { state } = turn;
  const { record, resync, mode, peer } = state;
  // One above every claim that may have been granted and forgotten.
  const epoch = Math.max(record.epoch, peer?.introduction.record.epoch ?? 0) + 2;
  if (resync !== undefined)
    turn.wish({ kind: 'stop-resync' }, { kind: 'command', command, detail: 'the resync ends' });
  turn.patch({
    mode: mode === 'syncTarget' ? 'fenced' : mode,
    resync: undefined,
    asked: undefined,
    claim: undefined,
    grant: undefined,
    denied: undefined,
  });
  takeSurvivorship(turn, { epoch, lineageId: turn.drawLineage(epoch) }, 'operator');
  turn.report('alarm', {
    kind: 'command',
    command,
    detail: `epoch ${String(epoch)} on a copy that was ${record.dataState}`,
  });
  turn.answer(
    commandId,
    command,
    true,
    `serving alone in epoch ${String(epoch)} as soon as the record is written and the peer has stopped for certain`,
  );
}

/** The victim's copy is given up by an operator's word: all of it is copied from the other. */
function giveWay(turn: Turn, commandId: string): void {
  const { state } = turn;
  const { record, peer, self } = state;
  const because = {
    kind: 'command',
    command: 'resolve-split-brain',
    detail: `the copy of node ${self.nodeId} gives way`,
  } as const;
  turn.patch({ mode: 'fenced', entitledBy: undefined, operation: undefined });
  turn.setGate(because, true);
  turn.report('alarm', because);
  turn.save(
    nextRecord(state, {
      mode: 'fenced',
      owner: self.peerId,
      epoch: Math.max(record.epoch, peer?.introduction.record.epoch ?? 0),
      dataState: 'outdated',
      fullResync: true,
    }),
    { kind: 'victim', commandId },
    because,
  );
}

function pause(turn: Turn, commandId: string): void {
  const { peer, record } = turn.state;
  if (peer === undefined) return;
  const epoch = record.epoch + 1;
  const lineageId = turn.drawLineage(epoch);
  turn.begin({ kind: 'pausing', session: peer.session, epoch, lineageId, since: turn.at, commandId });
  turn.send(
    { kind: 'pause-request', epoch, lineageId },
    { kind: 'command', command: 'pause', detail: 'the peer is asked to step back' },
  );
}

function resume(turn: Turn, commandId: string): void {
  const { state } = turn;
  turn.save(
    nextRecord(state, { owner: state.self.nodeId, mode: 'standalone' }),
    { kind: 'resume', commandId },
    { kind: 'command', command: 'resume', detail: 'the peer may be copied to again' },
  );
}

function shutDown(turn: Turn, commandId: string): void {
  const because = {
    kind: 'command',
    command: 'shut-down',
    detail: 'host I/O is held and flushed for the last time',
  } as const;
  const effect = turn.wish({ kind: 'drain', flush: true }, because);
  turn.begin({ kind: 'stopping', effect, commandId });
  turn.report('info', because);
}
