import type { Invariant } from '../../kernel/policy.js';
import { isUnderWay, type PoolDevicesJob, type PoolDevicesState } from './state.js';

function ofEachJob(
  name: string,
  check: (job: PoolDevicesJob) => string | undefined,
): Invariant<PoolDevicesState> {
  return {
    name,
    cost: 'cheap',
    check: ({ jobs }) => {
      for (const job of jobs) {
        const broken = check(job);
        if (broken !== undefined) return `job ${job.record.jobId}: ${broken}`;
      }
      return undefined;
    },
  };
}

/** What must hold of the controller's state after every step. What holds of pools and labels is checked where both are in sight. */
export const invariants: readonly Invariant<PoolDevicesState>[] = [
  ofEachJob('a command is sent by a job with a plan that is marked as begun', ({ stage, record }) =>
    stage.kind === 'commanding' && (record.plan === undefined || !record.begun) ? 'it is not' : undefined,
  ),
  ofEachJob('a job that has begun has a plan', ({ record }) =>
    record.begun && record.plan === undefined ? 'it has none' : undefined,
  ),
  ofEachJob('claims end only after the end of the job is decided', ({ stage, record }) =>
    stage.kind === 'releasing' && record.ended === undefined ? 'it has not ended' : undefined,
  ),
  ofEachJob('an ended job sends nothing', ({ stage, record }) =>
    record.ended !== undefined && !['saving', 'releasing', 'waiting', 'ended'].includes(stage.kind)
      ? `it is ${stage.kind}`
      : undefined,
  ),
  ofEachJob('an ended job holds no claim', ({ record, claim }) =>
    record.ended !== undefined && claim !== undefined ? 'it holds one' : undefined,
  ),
  ofEachJob('a move lets join what it lets leave', ({ record: { plan } }) => {
    if (plan?.to === undefined || plan.from === undefined) return undefined;
    const devices = (units: typeof plan.leave): string =>
      units
        .flatMap((unit) => unit.devices)
        .sort()
        .join();
    const [leave, join] = [devices(plan.leave), devices(plan.join)];
    return leave === join ? undefined : `${leave} leave, ${join} join`;
  }),
  {
    name: 'no two jobs under way share a device or a pool',
    cost: 'cheap',
    check: ({ jobs }) => {
      const owner = new Map<string, string>();
      for (const { record, stage } of jobs.filter(isUnderWay)) {
        if (record.ended !== undefined || stage.kind === 'looking') continue;
        for (const resource of record.plan?.resources ?? []) {
          const other = owner.get(resource);
          if (other !== undefined) return `${other} and ${record.jobId} share ${resource}`;
          owner.set(resource, record.jobId);
        }
      }
      return undefined;
    },
  },
  {
    name: 'the state is plain JSON',
    cost: 'costly',
    check: (state) => {
      const text = JSON.stringify(state);
      return JSON.stringify(JSON.parse(text)) === text ? undefined : 'it does not survive a round trip';
    },
  },
];
