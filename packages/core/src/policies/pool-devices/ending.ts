import type { PoolDevicesSettings } from './options.js';
import type { PoolDevicesTrouble } from './reasons.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import { withoutClaim, type PoolDevicesJob } from './state.js';
import type { Turn } from './turn.js';
import type { PoolDevicesOutcome, PoolDevicesOwner, PoolDevicesPlan } from './types.js';
import { importedAt } from './plan.js';
import { marksOf, membershipsOf, verdictOf, type PoolDevicesViews } from './views.js';

export function outcomeAfter(
  { record }: PoolDevicesJob,
  plan: PoolDevicesPlan,
  { onFailure }: PoolDevicesSettings,
): PoolDevicesOutcome {
  const { direction, givenUp, trouble } = record;
  if (direction === 'forward') {
    if (plan.leave.length > 0 && givenUp.length === plan.leave.length) return 'unchanged';
    return givenUp.length > 0 || trouble !== undefined ? 'partial' : 'done';
  }
  if (plan.import !== undefined) return 'unchanged';
  const isOut = plan.leave.length > 0 && (onFailure === 'leave-free' || plan.leave.some(isOneWay));
  return isOut ? 'left-free' : 'restored';
}

function isOneWay({ how, devices }: PoolDevicesPlan['leave'][number]): boolean {
  return how === 'one-leg' || devices.length === 0;
}

/**
 * The end is durable before the claims end: a job that is found unfinished after a start still has them, so nobody else can have
 * changed what it goes on from.
 */
export function end(
  turn: Turn,
  job: PoolDevicesJob,
  outcome: PoolDevicesOutcome,
  views: PoolDevicesViews,
  because: PoolDevicesRefusalReason | PoolDevicesTrouble | undefined,
): void {
  const { plan, trouble, jobId } = job.record;
  const owners = plan === undefined ? [] : ownersAfter(plan, views);
  const why = because ?? trouble;
  const ended = turn.note(withoutClaim(job), {
    ended: { outcome, owners },
    released: plan === undefined,
    ...(why === undefined ? {} : { trouble: why }),
  });
  const effect = turn.save({ kind: 'give-up-claims', jobId, outcome });
  turn.stage(ended, { kind: 'saving', effect, then: plan === undefined ? 'finish' : 'release' });
}

/**
 * Whose everything is now, by the last look. What nobody sees keeps its entry, and so does a device in two pools: the registry lets
 * nobody have it until a person has looked.
 */
function ownersAfter(plan: PoolDevicesPlan, views: PoolDevicesViews): PoolDevicesOwner[] {
  const owners: PoolDevicesOwner[] = [];
  for (const resource of plan.resources) {
    const name = resource.slice(resource.indexOf(':') + 1);
    if (resource.startsWith('pool:')) {
      const appliance = importedAt(views, name);
      const pool = views[appliance ?? '']?.pools.find(({ poolGuid }) => poolGuid === name)?.pool;
      if (appliance !== undefined && pool !== undefined)
        owners.push({ resource, owner: { appliance, pool } });
      continue;
    }
    const [place, another] = membershipsOf(views, marksOf(views, name));
    if (another !== undefined) continue;
    if (place !== undefined)
      owners.push({ resource, owner: { appliance: place.appliance, pool: place.pool } });
    else if (isSeenFree(views, name)) owners.push({ resource, owner: null });
  }
  return owners;
}

/** C4: a device is given up only when its label says so. */
function isSeenFree(views: PoolDevicesViews, deviceId: string): boolean {
  const sights = Object.values(views).flatMap(({ devices }) =>
    devices.filter((device) => device.deviceId === deviceId),
  );
  return sights.length > 0 && sights.every(({ label }) => verdictOf(label).kind === 'free');
}

export function release(turn: Turn, job: PoolDevicesJob): void {
  const { jobId, ended } = job.record;
  if (ended === undefined) return;
  const because = { kind: 'give-up-claims', jobId, outcome: ended.outcome } as const;
  const effect = turn.wish({ kind: 'release', jobId, owners: ended.owners }, because);
  turn.stage(job, { kind: 'releasing', effect, since: turn.at });
}

/** The last word on a job. */
export function finish(turn: Turn, job: PoolDevicesJob): void {
  const { jobId, ended, trouble } = job.record;
  if (ended === undefined) return;
  const { outcome } = ended;
  const level =
    outcome === 'stuck' || outcome === 'left-free' ? 'alarm' : outcome === 'done' ? 'info' : 'warning';
  const { attempt: _attempt, rehearsal: _rehearsal, ...rest } = withoutClaim(job);
  const over = turn.stage(rest, { kind: 'ended' });
  turn.report(over, level, {
    kind: 'ended',
    jobId,
    outcome,
    ...(trouble === undefined ? {} : { because: trouble }),
  });
}
