import type { Policy, Step } from '../../kernel/policy.js';
import { requireVersionOne } from '../../kernel/version.js';
import { onCommand } from './commands.js';
import { fenceForPeer } from './handover.js';
import { onPeersLostTogether, tellHealth } from './health.js';
import { invariants } from './invariants.js';
import { onConnected, onEvidence, onSessionLost, onStalled } from './loss.js';
import { commitMirror, onCaughtUp } from './mirror.js';
import type { PolarizationOptions } from './options.js';
import { onPersistFailed, onPersisted } from './persisted.js';
import { explain } from './reasons.js';
import { nextRecord, openFullResync } from './record.js';
import { boot, initialState } from './start.js';
import type { PolarizationState } from './state.js';
import { ignores } from './table.js';
import { Turn } from './turn.js';
import type { PolarizationEffect, PolarizationEvent } from './types.js';
import { onWitnessAnswer } from './witness.js';
import { onMessage } from './messages.js';
import { settle, wakeAt } from './settle.js';

/** Handles one event: what it says, and then whatever has become due or possible by it. */
export function step(
  state: PolarizationState,
  event: PolarizationEvent,
): Step<PolarizationState, PolarizationEffect> {
  requireVersionOne('state of ttl-polarization', state);
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
      const since = event.level === turn.state.health.level ? turn.state.health.since : turn.at;
      turn.patch({ health: { level: event.level, reasons: event.reasons, since } });
      tellHealth(turn);
      break;
    }
    case 'peers-lost-together':
      onPeersLostTogether(turn, event);
      break;
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

function onDrained(turn: Turn, effect: string): void {
  const { state } = turn;
  const { operation } = state;
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
  } else {
    // Something else is being written down: the last record has to come after it.
    const because = {
      kind: 'command',
      command: 'shut-down',
      detail: 'a record is still being written',
    } as const;
    turn.begin({ ...operation, effect: turn.wish({ kind: 'drain', flush: true }, because) });
  }
}

/** An orderly stop changes nothing but the word that it was orderly. */
function carried(state: PolarizationState) {
  const { prepared } = state.record;
  return {
    ...(prepared === undefined ? {} : { prepared }),
    ...openFullResync(state.record),
  };
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
  explain: (effect) => explain(effect.because),
  invariants,
};
