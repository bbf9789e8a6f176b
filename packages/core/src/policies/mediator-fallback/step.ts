import type { Policy, Step } from '../../kernel/policy.js';
import {
  onAbort,
  onAck,
  onCommit,
  onConfirmed,
  onEnrolled,
  onPropose,
  onRefuse,
  sayCommitTo,
} from './agree.js';
import { onFault, onFaultMediated } from './fault.js';
import { invariants } from './invariants.js';
import { checkFallbackVersion, MEDIATOR_FALLBACK_VERSION, type MediatorFallbackOptions } from './options.js';
import { onPersistFailed, onPersisted } from './persisted.js';
import { onProbed, tellReport } from './probes.js';
import { explainMediatorFallback } from './reasons.js';
import {
  onEnrolmentAnswer,
  onFaultOver,
  onReadmit,
  onReadmittedThere,
  onReturnMediated,
  onSynced,
} from './rejoin.js';
import { settle, wakeAt } from './settle.js';
import { boot, initialState } from './start.js';
import type { MediatorFallbackState } from './state.js';
import { Turn } from './turn.js';
import type {
  MediationAnswer,
  MediatorFallbackCommand,
  MediatorFallbackEffect,
  MediatorFallbackEvent,
  MediatorFallbackMessage,
} from './types.js';

/** Handles one event: what it says, and then whatever has become due or possible by it. */
export function step(
  state: MediatorFallbackState,
  event: MediatorFallbackEvent,
): Step<MediatorFallbackState, MediatorFallbackEffect> {
  checkFallbackVersion(state, 'The state');
  const turn = new Turn(state, event);
  boot(turn);
  handle(turn, event);
  settle(turn);
  return turn.end();
}

function handle(turn: Turn, event: MediatorFallbackEvent): void {
  const { connected, self } = turn.state;
  switch (event.kind) {
    case 'tick':
      return;
    case 'peer-connected':
      if (connected.includes(event.nodeId) || !self.members.includes(event.nodeId)) return;
      turn.patch({ connected: [...connected, event.nodeId] });
      tellReport(turn);
      return;
    case 'peer-disconnected':
      onDisconnected(turn, event.nodeId);
      return;
    case 'peer-message':
      if (connected.includes(event.nodeId)) onMessage(turn, event.nodeId, event.message);
      else turn.absorb(`message ${event.message.kind}`, `${event.nodeId} is not connected`);
      return;
    case 'facts-changed':
      turn.patch({ facts: event.facts });
      tellReport(turn);
      return;
    case 'in-sync-changed':
      turn.patch({ inSync: event.inSync });
      return;
    case 'probed':
      onProbed(turn, event.effect, event.answer);
      return;
    case 'mediated':
      onMediated(turn, event.effect, event.answer);
      return;
    case 'fault':
      onFault(turn, event.side);
      return;
    case 'fault-over':
      onFaultOver(turn, event.asked);
      return;
    case 'member-synced':
      onSynced(turn, event.nodeId);
      return;
    case 'persisted':
      onPersisted(turn, event.effect);
      return;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      return;
    case 'command':
      onCommand(turn, event.commandId, event.command);
      return;
    default:
      // A kind of a newer release: noted, never a reason to stop.
      turn.absorb(`event ${(event as { kind: string }).kind}`, 'this release does not know it');
  }
}

function onDisconnected(turn: Turn, nodeId: string): void {
  const { [nodeId]: _gone, ...reports } = turn.state.reports;
  turn.patch({ connected: turn.state.connected.filter((node) => node !== nodeId), reports });
  if (turn.state.synced === nodeId) turn.patch({ synced: undefined });
}

type Report = Extract<MediatorFallbackMessage, { kind: 'report' }>;

function onReport(turn: Turn, from: string, { sights, facts, generation, version }: Report): void {
  turn.patch({ reports: { ...turn.state.reports, [from]: { at: turn.at, sights, facts, generation } } });
  // It missed a commit whose sender has died meanwhile: until it hears so, a fault there needs both models.
  if (version < turn.state.record.current.version) sayCommitTo(turn, from);
  if (turn.state.synced !== from) return;
  turn.patch({ synced: undefined });
  onSynced(turn, from);
}

function onMessage(turn: Turn, from: string, message: MediatorFallbackMessage): void {
  switch (message.kind) {
    case 'report':
      onReport(turn, from, message);
      return;
    case 'propose':
      onPropose(turn, from, message);
      return;
    case 'ack':
      onAck(turn, from, message);
      return;
    case 'refuse':
      onRefuse(turn, message);
      return;
    case 'commit':
      onCommit(turn, from, message);
      return;
    case 'committed':
      onConfirmed(turn, from, message);
      return;
    case 'abort':
      onAbort(turn, from, message);
      return;
    case 'readmit':
      onReadmit(turn, from, message);
      return;
    case 'readmitted':
      onReadmittedThere(turn, from, message);
      return;
    default:
      turn.absorb(`message ${(message as { kind: string }).kind}`, 'this release does not know it');
  }
}

/** The answer belongs to whichever wish is open under this id. */
function onMediated(turn: Turn, effect: string, answer: MediationAnswer): void {
  const { fault, returning, proposal, enrolment } = turn.state;
  if (fault?.call?.effect === effect) onFaultMediated(turn, answer);
  else if (returning?.call === effect) onReturnMediated(turn, answer);
  else if (proposal?.enrol === effect) onEnrolled(turn, answer.kind === 'granted');
  else if (enrolment?.effect === effect) onEnrolmentAnswer(turn, answer);
  else turn.absorb('mediated', 'that call is over');
}

function onCommand(turn: Turn, commandId: string, command: MediatorFallbackCommand): void {
  const { self, record, saving } = turn.state;
  if (command.kind === 'prefer') {
    const isMember = command.node === undefined || self.members.includes(command.node);
    if (isMember) turn.patch({ preference: command.node });
    const detail = isMember ? `${command.node ?? 'the best'} is elected first` : 'no such member';
    turn.answer(commandId, 'prefer', isMember, detail);
    return;
  }
  const { generation } = record.partition;
  const refusal =
    record.standing === 'survivor'
      ? 'this member goes on already'
      : turn.state.fault === undefined && record.standing === 'member'
        ? 'no fault is open here'
        : command.expectedGeneration !== generation
          ? `the generation is ${String(generation)}, not ${String(command.expectedGeneration)}`
          : saving !== undefined
            ? 'a record is being written; try again'
            : undefined;
  if (refusal !== undefined) {
    turn.answer(commandId, 'force-survivor', false, refusal);
    return;
  }
  // Above anything that a mediator can have given to others from the same generation.
  const partition = { generation: generation + 2, members: [self.nodeId] };
  turn.patch({ forcing: commandId });
  turn.save(
    { partition, standing: 'survivor', dataLossAcceptedAt: partition.generation },
    { kind: 'forced', generation: partition.generation },
  );
}

/** Which fault response model counts, agreed while everybody is in contact. */
export const mediatorFallback: Policy<
  MediatorFallbackOptions,
  MediatorFallbackState,
  MediatorFallbackEvent,
  MediatorFallbackEffect
> = {
  name: 'mediator-fallback',
  stateVersion: MEDIATOR_FALLBACK_VERSION,
  init: initialState,
  step,
  wakeAt,
  explain: (effect) => explainMediatorFallback(effect.because),
  invariants,
};
