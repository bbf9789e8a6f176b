import type { Policy, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { openAloneIfDue, opensAloneAt } from './alone.js';
import { askAt, askIfDue, nextRoundAt, nextRoundIfDue, settleVerdict } from './arbitrate.js';
import { onCommand } from './commands.js';
import {
  fenceForPeer,
  giveUpHandoverIfDue,
  handoverDueAt,
  handoverGivenUpAt,
  offerIfSick,
  onAcceptWin,
  onCommitWin,
  onOffer,
  onPauseRequest,
  onWinAck,
  stopWithFailedLeg,
} from './handover.js';
import {
  healthDueAt,
  onPeerHealth,
  tellHealth,
  tellHealthIfDue,
  unreachedDueAt,
  updateUnreached,
} from './health.js';
import { introduce } from './introduce.js';
import { invariants } from './invariants.js';
import { leaseLostAt, onGrant, onRequest, requestDueAt, requestIfDue } from './lease.js';
import {
  loseSilentPeer,
  loseUndrainedTarget,
  onConnected,
  onEvidence,
  onSessionLost,
  onStalled,
  silentAt,
} from './loss.js';
import { commitMirror, drainGivenUpAt, onCaughtUp, onCommit, onPrepare, onPrepared } from './mirror.js';
import type { PolarizationOptions } from './options.js';
import { onPersistFailed, onPersisted, persistRetryAt, retryPersistIfDue } from './persisted.js';
import { nextRecord } from './record.js';
import { meet, proposalDueAt } from './reunion.js';
import { onAccept, onPropose, onRefuse } from './resync.js';
import { boot, initialState } from './start.js';
import type { PolarizationState } from './state.js';
import { ignores } from './table.js';
import { Turn } from './turn.js';
import type { PolarizationEffect, PolarizationEvent, PolarizationMessage } from './types.js';
import { claimGivenUpAt, doDutyIfDue, dutyDueAt, giveUpClaimIfDue, onWitnessAnswer } from './witness.js';

/** Handles one event: what it says, and then whatever has become due or possible by it. */
export function step(
  state: PolarizationState,
  event: PolarizationEvent,
): Step<PolarizationState, PolarizationEffect> {
  if (state.stopped || (state.booted && ignores(state, event))) return { state, effects: [] };
  const turn = new Turn(state, event);
  boot(turn);
  handle(turn, event);
  settle(turn);
  return turn.end();
}

function handle(turn: Turn, event: PolarizationEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'peer-connected':
      onConnected(turn, event);
      break;
    case 'peer-disconnected':
      if (turn.state.peer?.session === event.session) onSessionLost(turn, 'disconnected', event.cause, false);
      break;
    case 'peer-message':
      if (turn.state.peer?.session !== event.session) break;
      turn.patch({ peer: { ...turn.state.peer, heardAt: turn.at } });
      onMessage(turn, event.message);
      break;
    case 'replication-silent':
      if (turn.state.peer?.session === event.session) {
        onSessionLost(turn, 'replication-silent', `${String(Math.round(event.silentMs))} ms`, true);
      }
      break;
    case 'leg-failed': {
      const { operation, detail } = event;
      if (turn.state.legFailure !== undefined) break;
      turn.patch({ legFailure: { operation, detail } });
      turn.report('alarm', { kind: 'leg-failed', operation, detail });
      tellHealth(turn);
      break;
    }
    case 'health-changed': {
      const isSame = event.level === turn.state.health.level;
      const since = isSame ? turn.state.health.since : turn.at;
      turn.patch({ health: { level: event.level, reasons: event.reasons, since } });
      tellHealth(turn);
      break;
    }
    case 'initiators-changed':
      turn.patch({ initiators: event.initiators });
      tellHealth(turn);
      break;
    case 'persisted':
      onPersisted(turn, event.effect);
      break;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      break;
    case 'witness-answered':
      onWitnessAnswer(turn, event.effect, event.answer);
      break;
    case 'drained':
      onDrained(turn, event.effect);
      break;
    case 'resync-caught-up':
      onCaughtUp(turn, event.effect, event.movedBytes);
      break;
    case 'resync-failed':
      if (turn.state.resync?.effect === event.effect) onSessionLost(turn, 'disconnected', event.detail, true);
      break;
    case 'fencing-evidence':
      onEvidence(turn, event.evidence);
      break;
    case 'clock-stalled':
      onStalled(turn, event.stalledMs);
      break;
    case 'command':
      onCommand(turn, event.commandId, event.command);
      break;
  }
}

function onMessage(turn: Turn, message: PolarizationMessage): void {
  switch (message.kind) {
    case 'ttl-request':
      onRequest(turn, message);
      break;
    case 'ttl-grant':
      onGrant(turn, message);
      break;
    case 'health':
      onPeerHealth(turn, message);
      break;
    case 'peer-lost':
      if (turn.state.mode === 'mirrored' && message.epoch === turn.state.record.epoch) {
        onSessionLost(turn, 'peer-says-lost', `in epoch ${String(message.epoch)}`, true);
      }
      break;
    case 'mode-changed': {
      const { peer } = turn.state;
      if (peer === undefined) break;
      turn.patch({
        peer: { ...peer, introduction: message.introduction, healthAt: turn.at, proposeAt: turn.at },
      });
      break;
    }
    case 'offer-win':
      onOffer(turn, message);
      break;
    case 'accept-win':
      onAcceptWin(turn, message);
      break;
    case 'commit-win':
      onCommitWin(turn, message);
      break;
    case 'win-ack':
      onWinAck(turn, message.epoch);
      break;
    case 'pause-request':
      onPauseRequest(turn, message);
      break;
    case 'sync-propose':
      onPropose(turn, message);
      break;
    case 'sync-accept':
      onAccept(turn, message);
      break;
    case 'sync-refuse':
      onRefuse(turn, message);
      break;
    case 'mirror-prepare':
      onPrepare(turn, message);
      break;
    case 'mirror-prepared':
      onPrepared(turn, message);
      break;
    case 'mirror-commit':
      onCommit(turn, message);
      break;
  }
}

function onDrained(turn: Turn, effect: string): void {
  const { operation, state } = { operation: turn.state.operation, state: turn.state };
  if (operation === undefined || !('effect' in operation) || operation.effect !== effect) return;
  if (operation.kind === 'draining') commitMirror(turn, operation);
  else if (operation.kind === 'fencing') fenceForPeer(turn, operation);
  else if (state.saving === undefined) {
    const because = { kind: 'command', command: 'shut-down', detail: 'everything is flushed' } as const;
    turn.setGate(because, true);
    turn.save(
      nextRecord(state, { owner: state.record.owner, ...carried(state), clean: true }),
      { kind: 'stopped', commandId: operation.commandId },
      because,
    );
  }
}

/** An orderly stop changes nothing but the word that it was orderly. */
function carried(state: PolarizationState) {
  const { prepared, fullResync } = state.record;
  return {
    ...(prepared === undefined ? {} : { prepared }),
    ...(fullResync === undefined ? {} : { fullResync }),
  };
}

/** Everything that follows from the state and the time alone, in the order in which it matters. */
function settle(turn: Turn): void {
  const lost = leaseLostAt(turn.state);
  if (lost !== undefined && turn.at >= lost) onSessionLost(turn, 'lease-silent', 'no answer in time', true);
  loseSilentPeer(turn);
  loseUndrainedTarget(turn);
  giveUpClaimIfDue(turn);
  retryPersistIfDue(turn);
  updateUnreached(turn);
  stopWithFailedLeg(turn);
  settleVerdict(turn);
  tellMode(turn);
  meet(turn);
  openAloneIfDue(turn);
  askIfDue(turn);
  nextRoundIfDue(turn);
  settleVerdict(turn);
  offerIfSick(turn);
  stopWithFailedLeg(turn);
  giveUpHandoverIfDue(turn);
  meet(turn);
  requestIfDue(turn);
  doDutyIfDue(turn);
  tellHealthIfDue(turn);
  tellMode(turn);
}

/** The peer decides by what this node says of itself: tell it every change, and once after every introduction. */
function tellMode(turn: Turn): void {
  const { peer } = turn.state;
  if (peer === undefined) return;
  const introduction = introduce(turn.state);
  const { mode, record, asked } = introduction;
  const told = JSON.stringify([mode, asked, record]);
  if (peer.told === told) return;
  turn.patch({ peer: { ...peer, told } });
  turn.send({ kind: 'mode-changed', introduction }, { kind: 'mode', mode, epoch: record.epoch });
}

/** Every time at which `settle` would do something without another event. */
const due: readonly ((state: PolarizationState) => Millis | undefined)[] = [
  (state) => (state.booted ? undefined : state.startedAt),
  leaseLostAt,
  silentAt,
  drainGivenUpAt,
  requestDueAt,
  claimGivenUpAt,
  persistRetryAt,
  unreachedDueAt,
  opensAloneAt,
  askAt,
  nextRoundAt,
  handoverDueAt,
  handoverGivenUpAt,
  proposalDueAt,
  dutyDueAt,
  healthDueAt,
];

export function wakeAt(state: PolarizationState): Millis | undefined {
  if (state.stopped) return undefined;
  let earliest: Millis | undefined;
  for (const dueAt of due) {
    const at = dueAt(state);
    if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
  }
  return earliest;
}

/** Who keeps serving a stretched volume when its two nodes lose each other. */
export const ttlPolarization: Policy<
  PolarizationOptions,
  PolarizationState,
  PolarizationEvent,
  PolarizationEffect
> = {
  name: 'ttl-polarization',
  stateVersion: 1,
  init: initialState,
  step,
  wakeAt,
  invariants,
};
