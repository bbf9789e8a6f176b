import { claimHoldsMs } from './options.js';
import { withoutClaim, type PoolDevicesJob, type PoolDevicesState } from './state.js';
import type { Turn } from './turn.js';
import type { PoolDevicesEvent, PoolDevicesPlan } from './types.js';
import { end } from './ending.js';
import { look, wait } from './moves.js';

/** Enough of the claim is left for a command to start. */
export function mayCommand(state: PoolDevicesState, { claim: held }: PoolDevicesJob): boolean {
  return held !== undefined && held.until - state.now >= state.settings.timing.commandStartMs;
}

/** The plan is durable before anybody else learns of it: a claim whose job is forgotten could not be ended. */
export function claim(turn: Turn, job: PoolDevicesJob, plan: PoolDevicesPlan): void {
  const { claimTtlMs: ttlMs } = turn.state.settings.timing;
  const { resources } = plan;
  const because = { kind: 'claim', resources: resources.length, ttlMs } as const;
  const after = job.unsaved ? turn.save(because) : undefined;
  const { jobId } = job.record;
  const effect = turn.wish(
    { kind: 'claim', jobId, resources, ttlMs },
    because,
    after === undefined ? [] : [after],
  );
  const stage = { kind: 'claiming', effect, since: turn.at } as const;
  turn.put({ ...withoutClaim(job), stage: after === undefined ? stage : { ...stage, after } });
}

/** Keeps the claim of a job that runs. */
export function renew(turn: Turn, job: PoolDevicesJob): void {
  const { claim: held, record } = job;
  if (held === undefined || record.plan === undefined) return;
  const { claimTtlMs: ttlMs, claimRenewIntervalMs } = turn.state.settings.timing;
  const effect = turn.wish(
    { kind: 'claim', jobId: record.jobId, resources: record.plan.resources, ttlMs },
    { kind: 'claim-renewal', intervalMs: claimRenewIntervalMs },
  );
  const renewal = { effect, sentAt: turn.at };
  turn.put({ ...job, claim: { ...held, renewal, renewAt: turn.at + claimRenewIntervalMs } });
}

type ClaimAnswer = Extract<PoolDevicesEvent, { kind: 'claim-granted' | 'claim-refused' | 'claim-failed' }>;

export function onClaimAnswer(turn: Turn, event: ClaimAnswer): void {
  for (const job of turn.state.jobs) {
    const { stage } = job;
    if (stage.kind === 'claiming' && stage.effect === event.effect) {
      onClaim(turn, job, stage.since, event);
      return;
    }
    if (job.claim?.renewal?.effect === event.effect) {
      onRenewal(turn, job, job.claim.renewal.sentAt, event);
      return;
    }
  }
  turn.absorb();
}

function onClaim(turn: Turn, job: PoolDevicesJob, sentAt: number, event: ClaimAnswer): void {
  const { timing } = turn.state.settings;
  if (event.kind === 'claim-granted') {
    const { owners } = event;
    const until = sentAt + claimHoldsMs(timing);
    const claimed = { ...job, claim: { until, renewAt: turn.at + timing.claimRenewIntervalMs, owners } };
    look(turn, claimed, 'under the claim');
  } else if (event.kind === 'claim-failed') {
    wait(turn, job, { kind: 'wait-claim', detail: event.detail }, timing.retryIntervalMs);
  } else if (!job.record.begun) {
    const { resource, holder } = event;
    end(turn, job, 'unchanged', {}, { kind: 'claim-held', resource, holder });
  } else {
    onLost(turn, job, event);
    const again = turn.job(job.record.jobId) ?? job;
    const detail = `${event.resource} is claimed by ${event.holder}`;
    wait(turn, again, { kind: 'wait-claim', detail }, timing.retryIntervalMs);
  }
}

function onRenewal(turn: Turn, job: PoolDevicesJob, sentAt: number, event: ClaimAnswer): void {
  const { claim: held } = job;
  if (held === undefined) return;
  const { renewal: _answered, ...rest } = held;
  if (event.kind === 'claim-granted') {
    const until = Math.max(held.until, sentAt + claimHoldsMs(turn.state.settings.timing));
    turn.put({ ...job, claim: { ...rest, until } });
  } else if (event.kind === 'claim-failed') {
    turn.put({ ...job, claim: rest });
  } else {
    onLost(turn, turn.put(withoutClaim(job)), event);
  }
}

/** Somebody has ended this job's claim by hand. The command under way cannot be called back; no other one follows. */
function onLost(
  turn: Turn,
  job: PoolDevicesJob,
  { resource, holder }: { readonly resource: string; readonly holder: string },
): void {
  const because = { kind: 'claim-lost', resource, holder } as const;
  const told = JSON.stringify(because);
  if (job.told === told) return;
  turn.report(turn.put({ ...job, told }), 'alarm', because);
}
