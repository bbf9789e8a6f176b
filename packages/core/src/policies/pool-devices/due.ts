import type { Millis } from '../../kernel/time.js';
import { renew } from './claims.js';
import type { PoolDevicesTiming } from './options.js';
import type { PoolDevicesJob, PoolDevicesState } from './state.js';
import type { Turn } from './turn.js';
import { look, wait } from './moves.js';
import { consider, resume } from './work.js';

/** When something of this job becomes due by time alone. */
function dueAt(job: PoolDevicesJob, timing: PoolDevicesTiming): Millis | undefined {
  const { stage } = job;
  switch (stage.kind) {
    case 'saving':
      return stage.retryAt;
    case 'looking':
    case 'claiming':
    case 'rehearsing':
    case 'releasing':
      return stage.since + timing.callTimeoutMs;
    case 'commanding':
      return stage.since + (stage.toldSlow ? timing.commandHardMs : timing.commandSoftMs);
    case 'waiting':
      return stage.until;
    case 'ended':
      return undefined;
  }
}

/** A claim is renewed while its job may still send a command. */
function renewAt({ claim, stage }: PoolDevicesJob): Millis | undefined {
  return stage.kind === 'ended' || stage.kind === 'saving' ? undefined : claim?.renewAt;
}

export function wakeAt(state: PoolDevicesState): Millis | undefined {
  if (!state.booted) return state.now;
  let earliest: Millis | undefined;
  for (const job of state.jobs) {
    for (const at of [dueAt(job, state.settings.timing), renewAt(job)]) {
      if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
    }
  }
  return earliest;
}

export function doWhatIsDue(turn: Turn): void {
  const { timing } = turn.state.settings;
  for (const { record } of turn.state.jobs) {
    const before = turn.job(record.jobId);
    const due = before === undefined ? undefined : dueAt(before, timing);
    if (before !== undefined && due !== undefined && due <= turn.at) onDue(turn, before);
    const job = turn.job(record.jobId);
    const renewal = job === undefined ? undefined : renewAt(job);
    if (job !== undefined && renewal !== undefined && renewal <= turn.at) renew(turn, job);
  }
}

function onDue(turn: Turn, job: PoolDevicesJob): void {
  const { timing } = turn.state.settings;
  const { stage } = job;
  const detail = `no answer in ${String(timing.callTimeoutMs)} ms`;
  switch (stage.kind) {
    case 'saving': {
      const { retryAt: _over, ...again } = stage;
      const { jobId, ended } = job.record;
      const outcome = ended?.outcome ?? 'unchanged';
      const effect = turn.save({ kind: 'give-up-claims', jobId, outcome });
      turn.stage(job, { ...again, effect });
      break;
    }
    case 'looking':
      consider(turn, job, stage.views);
      break;
    case 'rehearsing':
      look(turn, job, 'because the dry run gave no answer');
      break;
    case 'claiming':
    case 'releasing':
      wait(turn, job, { kind: 'wait-claim', detail }, timing.retryIntervalMs);
      break;
    case 'waiting':
      resume(turn, job, 'again');
      break;
    case 'commanding':
      onSlow(turn, job);
      break;
    case 'ended':
      break;
  }
}

function onSlow(turn: Turn, job: PoolDevicesJob): void {
  const { stage } = job;
  if (stage.kind !== 'commanding') return;
  const { what, donePercent } = stage;
  const forMs = turn.at - stage.since;
  if (!stage.toldSlow && forMs < turn.state.settings.timing.commandHardMs) {
    turn.stage(job, { ...stage, toldSlow: true });
    turn.report(job, 'warning', { kind: 'slow', what, forMs, donePercent });
    return;
  }
  turn.report(job, 'alarm', { kind: 'overdue', what, forMs });
  look(turn, job, `because ${what} has no outcome`);
}
