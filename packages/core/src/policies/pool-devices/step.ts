import type { Policy, Step } from '../../kernel/policy.js';
import { requireVersionOne } from '../../kernel/version.js';
import type { Millis } from '../../kernel/time.js';
import {
  onCommandAnswer,
  onInspection,
  onPersisted,
  onPersistFailed,
  onRehearsed,
  onReleased,
} from './answers.js';
import { onClaimAnswer } from './claims.js';
import { doWhatIsDue, wakeAt } from './due.js';
import { invariants } from './invariants.js';
import { poolDevicesSettings, validatePoolDevicesOptions, type PoolDevicesOptions } from './options.js';
import { explainPoolDevices } from './reasons.js';
import { onCancelled, onRequested } from './requests.js';
import type { PoolDevicesJob, PoolDevicesState } from './state.js';
import { Turn } from './turn.js';
import type { PoolDevicesEffect, PoolDevicesEvent, PoolDevicesJobRecord } from './types.js';
import { resume } from './work.js';

/** @throws OptionsError, HoldfastError: see `validatePoolDevicesOptions`. */
function initialState(options: PoolDevicesOptions, at: Millis): PoolDevicesState {
  validatePoolDevicesOptions(options);
  const { groupId, nodeId, incarnation, record } = options;
  return {
    version: 1,
    self: { groupId, nodeId, incarnation },
    settings: poolDevicesSettings(options),
    now: at,
    booted: false,
    jobs: record.jobs.map((job) => restored(job, at)),
    absorbed: 0,
  };
}

/** A job of a former life: ended, or to be gone on with at the first event. */
function restored(record: PoolDevicesJobRecord, at: Millis): PoolDevicesJob {
  const isOver = record.ended !== undefined && record.released;
  const detail = 'the controller has just started';
  return {
    record,
    stage: isOver
      ? { kind: 'ended' }
      : { kind: 'waiting', until: at, because: { kind: 'wait-claim', detail } },
    rehearsed: false,
    unsaved: false,
    told: '',
  };
}

function boot(turn: Turn): void {
  turn.state = { ...turn.state, booted: true };
  for (const job of turn.state.jobs) {
    if (job.stage.kind === 'ended') continue;
    const { jobId, begun, direction } = job.record;
    turn.report(job, 'info', { kind: 'recovered', jobId, begun, direction });
    resume(turn, job, 'after a start');
  }
}

/** Handles one event: what it says, then whatever has become due. A kind that this release does not know is ignored. */
export function step(
  state: PoolDevicesState,
  event: PoolDevicesEvent,
): Step<PoolDevicesState, PoolDevicesEffect> {
  requireVersionOne('state of pool-devices', state);
  const turn = new Turn(state, event);
  if (!state.booted) boot(turn);
  handle(turn, event);
  doWhatIsDue(turn);
  return turn.end();
}

function handle(turn: Turn, event: PoolDevicesEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'requested':
      onRequested(turn, event.requestId, event.request);
      break;
    case 'cancelled':
      onCancelled(turn, event.requestId);
      break;
    case 'persisted':
      onPersisted(turn, event.effect);
      break;
    case 'persist-failed':
      onPersistFailed(turn, event.effect, event.detail);
      break;
    case 'inspected':
      onInspection(turn, event.effect, event.view);
      break;
    case 'inspect-failed':
      onInspection(turn, event.effect, undefined);
      break;
    case 'claim-granted':
    case 'claim-refused':
    case 'claim-failed':
      onClaimAnswer(turn, event);
      break;
    case 'released':
    case 'release-failed':
      onReleased(turn, event);
      break;
    case 'rehearsed':
      onRehearsed(turn, event);
      break;
    case 'command-done':
    case 'command-progress':
    case 'command-refused':
    case 'command-unknown':
      onCommandAnswer(turn, event);
      break;
  }
}

/** Moving log and cache devices between storage pools and appliances, by data profile. */
export const poolDevices: Policy<PoolDevicesOptions, PoolDevicesState, PoolDevicesEvent, PoolDevicesEffect> =
  {
    name: 'pool-devices',
    stateVersion: 1,
    init: initialState,
    step,
    wakeAt,
    explain: (effect) => explainPoolDevices(effect.because),
    invariants,
  };
