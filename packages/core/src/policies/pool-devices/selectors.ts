import { selectLeaving, standingUnits } from './leaving.js';
import type { PoolDevicesSettings } from './options.js';
import { planPoolDevices, stepsOf } from './plan.js';
import { offeredCounts } from './profile.js';
import { explainPoolDevices } from './reasons.js';
import type { PoolDevicesJobStatus, PoolDevicesState } from './state.js';
import type { PoolDevicesRequest } from './types.js';
import { poolAt, type PoolDeviceKind, type PoolDevicesRef, type PoolDevicesViews } from './views.js';

/** One line of the page on which people choose: how many devices of this kind and chassis may leave together. */
export interface PoolDevicesOffer {
  readonly chassis: string;
  readonly kind: PoolDeviceKind;
  /** Ascending. Whole mirrors leave, so counts between them are not offered. */
  readonly counts: readonly number[];
}

/** What may leave a pool; empty when it is not imported there. */
export function removablePoolDevices(
  views: PoolDevicesViews,
  ref: PoolDevicesRef,
): readonly PoolDevicesOffer[] {
  const pool = poolAt(views, ref);
  if (pool?.imported !== true) return [];
  const units = standingUnits(views, ref, pool);
  const kinds: readonly PoolDeviceKind[] = ['log', 'cache'];
  return kinds.flatMap((kind) => {
    const own = units.filter((unit) => unit.kind === kind);
    const chassis = [...new Set(own.flatMap(({ counted }) => Object.keys(counted.legs)))].sort();
    return chassis.map((name) => {
      const sums = offeredCounts(
        own.map(({ counted }) => counted),
        name,
      );
      const counts = sums.filter(
        (count) =>
          count === 0 ||
          selectLeaving(views, ref, pool, { kind: 'counts', counts: [{ chassis: name, kind, count }] }, [
            'across-chassis',
          ]).kind === 'leaving',
      );
      return { chassis: name, kind, counts };
    });
  });
}

/** What a request would do if it were made now; nothing is claimed, changed or written down. */
export interface PoolDevicesForecast {
  readonly allowed: boolean;
  /** The steps in order, when it is allowed. */
  readonly steps: readonly string[];
  /** One sentence each: why it is not allowed, or what to know before. */
  readonly remarks: readonly string[];
}

/** The dry run: the same code that a job runs, on views that the caller has fetched. */
export function whatPoolRequestWouldDo(
  request: PoolDevicesRequest,
  views: PoolDevicesViews,
  settings: PoolDevicesSettings,
): PoolDevicesForecast {
  const planning = planPoolDevices(request, views, settings);
  if (planning.kind === 'refused')
    return { allowed: false, steps: [], remarks: [explainPoolDevices(planning.because)] };
  if (planning.kind === 'silent') {
    const { appliances } = planning;
    const because = { kind: 'wait-silent', appliances, detail: 'no view' } as const;
    return { allowed: false, steps: [], remarks: [explainPoolDevices(because)] };
  }
  const { plan, notes, trouble } = planning;
  const remarks = [...notes, ...(trouble === undefined ? [] : [trouble])].map(explainPoolDevices);
  return { allowed: true, steps: stepsOf(plan), remarks };
}

/** Status of every job that is remembered, in the order of their requests, as plain JSON. */
export function poolDevicesStatus(state: PoolDevicesState): readonly PoolDevicesJobStatus[] {
  return state.jobs.map(({ record, stage }) => ({
    jobId: record.jobId,
    job: record.request.kind,
    doing: stage.kind,
    direction: record.direction,
    begun: record.begun,
    ...(stage.kind === 'commanding'
      ? { command: stage.what, donePercent: stage.donePercent, runningForMs: state.now - stage.since }
      : {}),
    ...(stage.kind === 'waiting' ? { waitsFor: explainPoolDevices(stage.because) } : {}),
    ...(record.ended === undefined ? {} : { outcome: record.ended.outcome }),
    ...(record.trouble === undefined ? {} : { because: record.trouble }),
  }));
}
