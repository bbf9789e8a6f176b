import {
  poolDevices,
  type PoolDevicesAppliance,
  type PoolDevicesEvent,
  type PoolDevicesJob,
  type PoolDevicesState,
} from '../../src/index.js';

type Policy = typeof poolDevices;

interface Mutation {
  readonly event?: (event: PoolDevicesEvent, state: PoolDevicesState) => PoolDevicesEvent;
  readonly job?: (job: PoolDevicesJob, before: PoolDevicesJob | undefined) => PoolDevicesJob;
}

/** The policy with one guard taken out, from outside. */
function without({ event: changeEvent, job: changeJob }: Mutation): Policy {
  return {
    ...poolDevices,
    // What is no mutation of the rules themselves is checked by the world around.
    invariants: [],
    step: (state, given) => {
      const event = changeEvent === undefined ? given : changeEvent(given, state);
      const step = poolDevices.step(state, event);
      if (changeJob === undefined) return step;
      const jobs = step.state.jobs.map((job) =>
        changeJob(
          job,
          state.jobs.find(({ record }) => record.jobId === job.record.jobId),
        ),
      );
      return { ...step, state: { ...step.state, jobs } };
    },
  };
}

function changeView(
  event: PoolDevicesEvent,
  change: (view: PoolDevicesAppliance) => PoolDevicesAppliance,
): PoolDevicesEvent {
  return event.kind === 'inspected' ? { ...event, view: change(event.view) } : event;
}

/** An appliance that does not answer has nothing. */
export const silenceIsAnEmptyView = without({
  event: (event, state) => {
    if (event.kind !== 'inspect-failed') return event;
    for (const { stage } of state.jobs) {
      if (stage.kind !== 'looking') continue;
      const appliance = Object.keys(stage.open).find((name) => stage.open[name] === event.effect);
      if (appliance !== undefined)
        return { ...event, kind: 'inspected', view: { appliance, pools: [], devices: [] } };
    }
    return event;
  },
});

/** A refused claim is taken for granted. */
export const claimsWithoutAsking = without({
  event: (event) =>
    event.kind === 'claim-refused' ? { ...event, kind: 'claim-granted', owners: [] } : event,
});

/** A label that claims its pool counts as free. */
export const labelsAreNotRead = without({
  event: (event) =>
    changeView(event, (view) => ({
      ...view,
      devices: view.devices.map((device) =>
        device.label.kind === 'pool' ? { ...device, label: { ...device.label, txg: 0 } } : device,
      ),
    })),
});

/** A claim that was granted once holds for ever. */
export const claimsNeverRunOut = without({
  job: (job) => (job.claim === undefined ? job : { ...job, claim: { ...job.claim, until: 1e12 } }),
});

/** What was sent is not written down: the job looks as if nothing had happened. */
export const beginningIsForgotten = without({
  job: (job) => ({ ...job, record: { ...job.record, begun: false } }),
});

/** What goes back goes back under the new profile. */
export const restoresTheNewProfile = without({
  job: (job) => {
    const { plan } = job.record;
    if (plan === undefined || job.attempt?.key.startsWith('join') !== true) return job;
    const leave = plan.join.map((unit, index) => ({
      ...unit,
      vdevGuids: plan.leave[index]?.vdevGuids ?? [],
    }));
    return { ...job, record: { ...job.record, plan: { ...plan, leave } } };
  },
});

/** Tries are not counted. */
export const triesForEver = without({
  job: (job) => {
    const { attempt: _attempt, ...rest } = job;
    return rest;
  },
});

/** The job counts as begun before it was looked at under its claim. */
export const noLookUnderTheClaim = without({
  job: (job) => (job.record.plan === undefined ? job : { ...job, record: { ...job.record, begun: true } }),
});

/** What the other pool says to the dry run is not listened to. */
export const rehearsalIsIgnored = without({
  event: (event) => (event.kind === 'rehearsed' ? { ...event, refusals: [] } : event),
});

/** A faulted member counts as one that works. */
export const membersAreNotChecked = without({
  event: (event) =>
    changeView(event, (view) => ({
      ...view,
      pools: view.pools.map((pool) => ({
        ...pool,
        logs: pool.logs.map((log) => ({
          ...log,
          legs: log.legs.map((leg) => (leg.state === 'faulted' ? { ...leg, state: 'online' as const } : leg)),
        })),
      })),
    })),
});

/** The registry's word on owners is not listened to. */
export const ownersAreIgnored = without({
  event: (event) => (event.kind === 'claim-granted' ? { ...event, owners: [] } : event),
});

/** A pool that is suspended or busy is asked all the same. */
export const poolsAreNotAsked = without({
  event: (event) =>
    changeView(event, (view) => ({
      ...view,
      pools: view.pools.map((pool) => ({ ...pool, state: 'online', activity: 'none' as const })),
    })),
});

/** The legs of a mirrored log count as logs of their own. */
export const legsStandAlone = without({
  event: (event) =>
    changeView(event, (view) => ({
      ...view,
      pools: view.pools.map((pool) => ({
        ...pool,
        logs: pool.logs.flatMap(({ legs }) => legs.map((leg) => ({ name: leg.path, legs: [leg] }))),
      })),
    })),
});
