import type { Policy, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { onCommand } from './commands.js';
import { onHealthListed, onHealthReported } from './conditions.js';
import {
  boot,
  initialState,
  onEpochKnown,
  onPersisted,
  onPersistFailed,
  retryPersistIfDue,
} from './durable.js';
import { swapInvariants } from './invariants.js';
import { checkSwapVersion, type SwapRecoveryOptions } from './options.js';
import { explainSwap } from './reasons.js';
import {
  enableSwap,
  followRecovery,
  forgetSilentPoll,
  onMirrorChanged,
  onTracksMarked,
  recoveryDueAt,
} from './restart.js';
import { suspendIfApart, serveOrClose, onSiteChanged, onTracksLost, onChangeMapLost } from './sites.js';
import type { SwapRecoveryState } from './state.js';
import { onFenced, onFrozen, onSwapAnswerFailed, onSwapGranted, onSwitched, undo } from './swap.js';
import { SwapTurn } from './turn.js';
import type { SwapRecoveryEffect, SwapRecoveryEvent } from './types.js';

/** Handles one event: what it says, and then whatever has become due or possible by it. O(open conditions). */
export function step(
  state: SwapRecoveryState,
  event: SwapRecoveryEvent,
): Step<SwapRecoveryState, SwapRecoveryEffect> {
  checkSwapVersion('state', state.version);
  const turn = new SwapTurn(state, event);
  boot(turn);
  handle(turn, event);
  settle(turn);
  return turn.end();
}

function settle(turn: SwapTurn): void {
  retryPersistIfDue(turn);
  const { attempt } = turn.state;
  if (attempt !== undefined && attempt.stage !== 'commit' && turn.at >= attempt.deadlineAt)
    undo(turn, `it took longer than ${turn.state.tuning.freezeTimeoutMs} ms`);
  serveOrClose(turn);
  suspendIfApart(turn);
  forgetSilentPoll(turn);
  followRecovery(turn);
}

function handle(turn: SwapTurn, event: SwapRecoveryEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'epoch-known':
      onEpochKnown(turn, event);
      break;
    case 'health-reported':
      onHealthReported(turn, event);
      break;
    case 'health-listed':
      onHealthListed(turn, event);
      break;
    case 'health-list-failed':
      if (turn.state.polling?.effect === event.effect) turn.patch({ polling: undefined });
      else turn.absorb('answer-not-awaited');
      break;
    case 'site-changed':
      onSiteChanged(turn, event);
      break;
    case 'link-changed':
      turn.patch({ linkUp: event.up });
      break;
    case 'members-changed':
      turn.patch({ members: { volumes: event.volumes, mirrored: event.mirrored } });
      if (turn.state.phase === 'duplex') enableSwap(turn);
      break;
    case 'losses-counted':
      if (event.lostShare >= 0 && event.lostShare <= 1) turn.patch({ lostShare: event.lostShare });
      else turn.absorb('not-a-number');
      break;
    case 'tracks-lost':
      onTracksLost(turn, event.site, event.extents);
      break;
    case 'change-map-lost':
      onChangeMapLost(turn, 'the change map is lost');
      break;
    case 'command':
      onCommand(turn, event.commandId, event.command);
      break;
    default:
      handleAnswer(turn, event);
  }
}

type Answer = Extract<SwapRecoveryEvent, { readonly effect: string }>;

function handleAnswer(turn: SwapTurn, event: Exclude<Answer, { kind: `health-${string}` }>): void {
  switch (event.kind) {
    case 'operation-granted':
      onSwapGranted(turn, event.effect);
      break;
    case 'operation-refused':
      onSwapAnswerFailed(turn, 'operation', event.effect, `${event.by} has the group`);
      break;
    case 'io-frozen':
      onFrozen(turn, event.effect);
      break;
    case 'freeze-failed':
      onSwapAnswerFailed(turn, 'freeze', event.effect, event.detail);
      break;
    case 'hosts-switched':
      onSwitched(turn, event.effect, event.failedHosts);
      break;
    case 'switch-failed':
      onSwapAnswerFailed(turn, 'switch', event.effect, event.detail);
      break;
    case 'hosts-fenced':
      onFenced(turn, event.effect);
      break;
    case 'fence-failed':
      onSwapAnswerFailed(turn, 'fence', event.effect, event.detail);
      break;
    case 'tracks-marked':
      onTracksMarked(turn, event.effect);
      break;
    case 'mirror-changed':
      onMirrorChanged(turn, event.effect, event.mirror);
      break;
    case 'persisted':
      onPersisted(turn, event.effect);
      break;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      break;
  }
}

function wakeAt(state: SwapRecoveryState): Millis | undefined {
  const { attempt, saving } = state;
  const deadlineAt = attempt === undefined || attempt.stage === 'commit' ? undefined : attempt.deadlineAt;
  const times = [deadlineAt, saving?.retryAt, recoveryDueAt(state)].filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Whether a health event swaps I/O to the other storage, and when mirroring back may start again. */
export const swapRecovery: Policy<
  SwapRecoveryOptions,
  SwapRecoveryState,
  SwapRecoveryEvent,
  SwapRecoveryEffect
> = {
  name: 'swap-recovery',
  stateVersion: 1,
  init: initialState,
  step,
  wakeAt,
  explain: (effect) => explainSwap(effect.because),
  invariants: swapInvariants,
};
