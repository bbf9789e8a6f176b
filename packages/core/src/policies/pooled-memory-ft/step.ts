import type { Policy, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { checkpointFailed, checkpointIfDue, onSealed } from './checkpoint.js';
import {
  fence,
  onEpochRaised,
  onEpochRefused,
  onHostHeard,
  onPromoted,
  onPromoteFailed,
  promote,
  proveIfDue,
} from './failover.js';
import { pooledMemoryGuards, type PooledMemoryGuards } from './guards.js';
import { pooledMemoryInvariants } from './invariants.js';
import {
  checkPooledMemoryVersion,
  validatePooledMemoryOptions,
  type PooledMemoryOptions,
} from './options.js';
import { failedToAttach, onAttached, onSecondaryLost, seekSecondary } from './protect.js';
import { explainPooledMemory } from './reasons.js';
import type { PooledMemoryState } from './state.js';
import { Turn } from './turn.js';
import { wakeAt } from './wake.js';
import type { PooledMemoryCommand, PooledMemoryEffect, PooledMemoryEvent } from './types.js';

function initialState(options: PooledMemoryOptions, at: Millis): PooledMemoryState {
  validatePooledMemoryOptions(options);
  const { record, ...self } = options;
  const { tuning } = options;
  return {
    version: 1,
    self,
    now: at,
    booted: false,
    mode:
      record.mode === 'notConfigured'
        ? 'notConfigured'
        : record.promoting === undefined
          ? 'needSecondary'
          : 'promoting',
    record,
    hosts: [],
    checkpointAt: at,
    intervalMs: tuning.checkpointIntervalMs,
    pauseMs: 0,
    failures: 0,
    secondaryAt: at,
    retryMs: tuning.secondaryRetryMs,
    absorbed: {},
  };
}

/** The step with these guards; the shipped policy has all of them. */
export function stepWith(guards: PooledMemoryGuards) {
  return (
    state: PooledMemoryState,
    event: PooledMemoryEvent,
  ): Step<PooledMemoryState, PooledMemoryEffect> => {
    checkPooledMemoryVersion(state.version);
    const turn = new Turn(state, event, guards);
    if (!turn.state.booted) boot(turn);
    handle(turn, event);
    settle(turn);
    return turn.end();
  };
}

/** A takeover that was written down goes on; anything else begins with a look for a secondary. */
function boot(turn: Turn): void {
  const { machineId, epoch, mode } = turn.record;
  turn.patch({ booted: true });
  turn.report('info', { kind: 'started', machine: machineId, epoch, mode });
  promote(turn);
}

function handle(turn: Turn, event: PooledMemoryEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'hosts-reported':
      turn.patch({ hosts: event.hosts });
      if (turn.state.mode === 'needSecondary')
        turn.patch({ secondaryAt: Math.min(turn.state.secondaryAt, turn.at) });
      break;
    case 'moved-to-pool':
      if (turn.answers(event.effect) && turn.state.mode === 'moving') configure(turn, true);
      break;
    case 'move-failed':
      if (turn.answers(event.effect)) {
        turn.patch({ mode: 'notConfigured' });
        turn.report('warning', { kind: 'command', command: 'enable', detail: event.detail });
      }
      break;
    case 'secondary-attached':
      onAttached(turn, event);
      break;
    case 'secondary-failed':
      if (turn.answers(event.effect)) failedToAttach(turn, event.detail);
      break;
    case 'secondary-lost':
      onSecondaryLost(turn, event.host, event.detail);
      break;
    case 'generation-sealed':
      onSealed(turn, event);
      break;
    case 'checkpoint-failed':
      if (turn.state.checkpoint?.effect === event.effect) checkpointFailed(turn, event.detail);
      else turn.absorb('answer to an older wish');
      break;
    case 'host-heard':
      onHostHeard(turn, event);
      break;
    case 'writer-ended':
    case 'writer-seen':
      onWriter(turn, event);
      break;
    case 'pool-lock-taken':
      if (turn.answers(event.effect) && turn.state.mode === 'fencing')
        fence(turn, 'the pool gave its lock away');
      break;
    case 'epoch-raised':
      onEpochRaised(turn, event.effect);
      break;
    case 'epoch-refused':
      onEpochRefused(turn, event);
      break;
    case 'persisted':
      onPersisted(turn, event.effect);
      break;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      break;
    case 'promoted':
      onPromoted(turn, event);
      break;
    case 'promote-failed':
      onPromoteFailed(turn, event);
      break;
    case 'command':
      onCommand(turn, event.commandId, event.command);
      break;
  }
}

function configure(turn: Turn, memoryInPool: boolean): void {
  const { primary, epoch } = turn.record;
  const because = { kind: 'enabled', host: primary, memoryInPool } as const;
  turn.save({ mode: 'configured', epoch: Math.max(epoch, 1) }, because);
  turn.patch({ mode: 'starting', secondaryAt: turn.at, checkpointAt: turn.at });
}

function onWriter(
  turn: Turn,
  event: Extract<PooledMemoryEvent, { kind: 'writer-ended' | 'writer-seen' }>,
): void {
  const { record, state } = turn;
  const { host, epoch } = event;
  if (event.kind === 'writer-seen') {
    if (epoch >= record.epoch) turn.absorb('writer of this epoch');
    else
      turn.wish(
        { kind: 'kill-writer', host, belowEpoch: record.epoch },
        { kind: 'old-writer', host, epoch, current: record.epoch },
      );
    return;
  }
  if (record.formerWriters?.includes(host) === true && epoch < record.epoch) {
    const formerWriters = record.formerWriters.filter((other) => other !== host);
    turn.save({ formerWriters }, { kind: 'old-writer', host, epoch, current: record.epoch });
    return;
  }
  const isPrimary = host === record.primary && epoch === record.epoch && state.proof === undefined;
  if (isPrimary && ['protected', 'starting', 'needSecondary', 'fencing'].includes(state.mode))
    fence(turn, 'its end was observed');
  else turn.absorb('end of no writer');
}

function onPersisted(turn: Turn, effect: string): void {
  const { saving } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('record of another time');
    return;
  }
  turn.patch({ record: saving.record, saving: undefined });
  if (turn.state.mode === 'promoting' && turn.state.call === undefined) promote(turn);
}

function onPersistFailed(turn: Turn, effect: string, detail: string): void {
  const { saving, self } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('record of another time');
    return;
  }
  const retryMs = self.tuning.callTimeoutMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

function onCommand(turn: Turn, commandId: string, command: PooledMemoryCommand): void {
  const { mode, secondary } = turn.state;
  const { primary } = turn.record;
  const refuse = (detail: string): void => turn.answer(commandId, command.kind, false, detail);
  if (command.kind === 'continue-standby') {
    refuse('a standby has no memory that it may write; a second writer would destroy the machine');
  } else if (command.kind === 'enable') {
    if (mode !== 'notConfigured') refuse(`the machine is ${mode}`);
    else if (command.memoryInPool) configure(turn, true);
    else {
      turn.call(
        { kind: 'move-to-pool', host: primary },
        { kind: 'enabled', host: primary, memoryInPool: false },
      );
      turn.patch({ mode: 'moving' });
    }
  } else if (command.kind === 'switch-over') {
    if (mode !== 'protected' || turn.state.switchOver !== undefined) refuse(`the machine is ${mode}`);
    else turn.patch({ switchOver: commandId });
  } else if (mode === 'fencing' || mode === 'promoting' || mode === 'superseded') {
    refuse(`the machine is ${mode}`);
  } else {
    const because = { kind: 'disabled', host: primary } as const;
    if (secondary !== undefined) turn.wish({ kind: 'drop-secondary', host: secondary.host }, because);
    turn.patch({
      mode: 'notConfigured',
      secondary: undefined,
      checkpoint: undefined,
      call: undefined,
      cause: undefined,
      switchOver: undefined,
    });
    turn.save({ mode: 'notConfigured' }, because, ['previous', 'promoting']);
    turn.answer(commandId, 'disable', true, `host ${primary} keeps the machine`);
  }
}

/** Whatever has become due or possible. */
function settle(turn: Turn): void {
  const { saving, call, self } = turn.state;
  if (saving?.retryAt !== undefined && turn.at >= saving.retryAt) {
    turn.save({}, { kind: 'again', what: 'the record', afterMs: self.tuning.callTimeoutMs });
  }
  if (call !== undefined && turn.at >= call.since + self.tuning.callTimeoutMs) callAgain(turn, call.what);
  proveIfDue(turn);
  seekSecondary(turn);
  checkpointIfDue(turn);
}

/** An unknown outcome: what can be asked twice is asked again, the rest counts as failed. */
function callAgain(turn: Turn, what: NonNullable<PooledMemoryState['call']>['what']): void {
  const { callTimeoutMs } = turn.state.self.tuning;
  turn.patch({ call: undefined });
  turn.report('warning', { kind: 'again', what, afterMs: callTimeoutMs });
  if (what === 'raise-epoch' && turn.state.proof !== undefined) fence(turn, turn.state.proof);
  else if (what === 'promote') promote(turn);
  else if (what === 'attach-secondary') failedToAttach(turn, 'no answer in time');
  else if (what === 'move-to-pool')
    turn.call(
      { kind: 'move-to-pool', host: turn.record.primary },
      { kind: 'again', what, afterMs: callTimeoutMs },
    );
}

/** A fault-tolerant machine whose memory lives in a pool: who may write, when to promote, where the next secondary goes. */
export const pooledMemoryFt: Policy<
  PooledMemoryOptions,
  PooledMemoryState,
  PooledMemoryEvent,
  PooledMemoryEffect
> = {
  name: 'pooled-memory-ft',
  stateVersion: 1,
  init: initialState,
  step: stepWith(pooledMemoryGuards),
  wakeAt,
  explain: (effect) => explainPooledMemory(effect.because),
  invariants: pooledMemoryInvariants,
};
