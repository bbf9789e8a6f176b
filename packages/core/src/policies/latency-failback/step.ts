import type { Policy, Step } from '../../kernel/policy.js';
import { onCommand } from './commands.js';
import { onEpochKnown } from './epochs.js';
import { invariants } from './invariants.js';
import { checkFailbackVersion, type LatencyFailbackOptions } from './options.js';
import { onPersisted, onPersistFailed } from './persisted.js';
import { explainFailback } from './reasons.js';
import { onMapLost, onRecoveryFailed, onRecoveryProgress, onRecoveryStarted } from './recovery.js';
import {
  onDrained,
  onHandoverFailed,
  onMapHandedOver,
  onOperationGranted,
  onOperationRefused,
  onPinFailed,
  onPinned,
  onRevoked,
} from './redirect.js';
import { settle, wakeAt } from './settle.js';
import { boot, initialState } from './start.js';
import type { LatencyFailbackState } from './state.js';
import { FailbackTurn } from './turn.js';
import type { LatencyFailbackEffect, LatencyFailbackEvent } from './types.js';
import { closeWindows, onHostLost, onIoSampled, onProbeAnswered, onProbeFailed } from './windows.js';

/**
 * Handles one event: what it says, and then whatever has become due or possible by it. O(decisionWindows) at most, and O(1) for
 * samples within a window.
 */
export function step(
  state: LatencyFailbackState,
  event: LatencyFailbackEvent,
): Step<LatencyFailbackState, LatencyFailbackEffect> {
  checkFailbackVersion('state', state.version);
  const turn = new FailbackTurn(state, event);
  boot(turn);
  // What a window saw counts for that window, also when its end is noticed late.
  closeWindows(turn);
  handle(turn, event);
  settle(turn);
  return turn.end();
}

function handle(turn: FailbackTurn, event: LatencyFailbackEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'epoch-known':
      onEpochKnown(turn, event);
      break;
    case 'health-changed':
      onHealth(turn, event.site, event.ok);
      break;
    case 'link-changed':
      if (turn.state.link.up !== event.up) turn.patch({ link: { up: event.up, since: turn.at } });
      break;
    case 'secondary-ended':
      turn.patch({ secondary: 'failed', secondaryEnded: true });
      break;
    case 'recovery-started':
      onRecoveryStarted(turn, event);
      break;
    case 'recovery-failed':
      onRecoveryFailed(turn, event.effect, event.detail);
      break;
    case 'recovery-progress':
      onRecoveryProgress(turn, event);
      break;
    case 'map-lost':
      onMapLost(turn, event.site);
      break;
    case 'io-sampled':
      onIoSampled(turn, event);
      break;
    case 'host-lost':
      onHostLost(turn);
      break;
    case 'probe-answered':
      onProbeAnswered(turn, event);
      break;
    case 'probe-failed':
      onProbeFailed(turn, event.effect);
      break;
    case 'persisted':
      onPersisted(turn, event.effect);
      break;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      break;
    case 'command':
      onCommand(turn, event.commandId, event.command);
      break;
    default:
      handleRedirect(turn, event);
  }
}

type OfRedirect = Extract<
  LatencyFailbackEvent,
  {
    kind: `operation-${string}` | 'survivor-pinned' | 'pin-failed' | 'drained' | `map-hand${string}`;
  }
>;

/** The answers that a redirect waits for, in their order. */
function handleRedirect(turn: FailbackTurn, event: OfRedirect): void {
  switch (event.kind) {
    case 'operation-granted':
      onOperationGranted(turn, event.effect);
      break;
    case 'operation-refused':
      onOperationRefused(turn, event.effect, event.by);
      break;
    case 'operation-revoked':
      onRevoked(turn, event.by);
      break;
    case 'survivor-pinned':
      onPinned(turn, event.effect);
      break;
    case 'pin-failed':
      onPinFailed(turn, event.effect, event.detail);
      break;
    case 'drained':
      onDrained(turn, event.effect);
      break;
    case 'map-handed-over':
      onMapHandedOver(turn, event);
      break;
    case 'map-handover-failed':
      onHandoverFailed(turn, event.effect, event.detail);
      break;
  }
}

/** A site's health as its watcher says it. A secondary that is back has not ended. */
function onHealth(turn: FailbackTurn, site: 'primary' | 'secondary', ok: boolean): void {
  const health = ok ? 'ok' : 'failed';
  const { record, map, phase, secondary } = turn.state;
  if (site === 'primary') {
    turn.patch({ primary: health });
    return;
  }
  turn.patch({ secondary: health, ...(ok ? { secondaryEnded: false } : {}) });
  const isOnlyCopy = record.activeSite === 'secondary' && record.completeCopy === 'secondary';
  if (!ok && secondary !== 'failed' && isOnlyCopy && phase !== 'unknown')
    turn.report('alarm', { kind: 'no-complete-copy', outOfSyncBytes: map.outOfSyncBytes });
}

/** When to send I/O home during resync: expected against recorded latency. */
export const latencyFailback: Policy<
  LatencyFailbackOptions,
  LatencyFailbackState,
  LatencyFailbackEvent,
  LatencyFailbackEffect
> = {
  name: 'latency-failback',
  stateVersion: 1,
  init: initialState,
  step,
  wakeAt,
  explain: (effect) => explainFailback(effect.because),
  invariants,
};
