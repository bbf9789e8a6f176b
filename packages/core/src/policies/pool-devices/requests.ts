import { refsOf } from './plan.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import { isUnderWay, type PoolDevicesJob } from './state.js';
import type { Turn } from './turn.js';
import type { PoolDevicesRequest } from './types.js';
import { look } from './moves.js';

/** The caller never waits for a pool: it is answered as soon as the request is durable, and told later how it ended. */
export function onRequested(turn: Turn, requestId: string, request: PoolDevicesRequest): void {
  const known = turn.job(requestId);
  if (known !== undefined) {
    // Its first answer waits for the disk; the second asker gets that one.
    if (known.stage.kind === 'saving' && known.stage.then === 'accept') turn.absorb();
    else answerAgain(turn, known, true);
    return;
  }
  const because = refuseRequest(turn, request);
  if (because !== undefined) {
    turn.wish({ kind: 'answer', requestId, accepted: false }, because);
    return;
  }
  const accepted = { kind: 'accepted', jobId: requestId, job: request.kind } as const;
  const effect = turn.save(accepted);
  turn.put({
    record: {
      jobId: requestId,
      request,
      begun: false,
      direction: 'forward',
      givenUp: [],
      released: false,
    },
    stage: { kind: 'saving', effect, then: 'accept' },
    rehearsed: false,
    unsaved: true,
    told: '',
  });
}

function refuseRequest(turn: Turn, request: PoolDevicesRequest): PoolDevicesRefusalReason | undefined {
  const { jobs, settings } = turn.state;
  const underWay = jobs.filter(isUnderWay);
  if (underWay.length >= settings.jobLimit)
    return { kind: 'too-many-jobs', underWay: underWay.length, limit: settings.jobLimit };
  for (const { appliance, pool } of refsOf(request)) {
    const rival = underWay.find(({ record }) =>
      refsOf(record.request).some((ref) => ref.appliance === appliance && ref.pool === pool),
    );
    if (rival !== undefined) return { kind: 'job-on-pool', pool, jobId: rival.record.jobId };
  }
  return undefined;
}

function answerAgain(turn: Turn, { record, stage }: PoolDevicesJob, accepted: boolean): void {
  const { jobId, ended } = record;
  const state = ended === undefined ? stage.kind : ended.outcome;
  turn.wish({ kind: 'answer', requestId: jobId, accepted }, { kind: 'asked-again', jobId, state });
}

export function onAccepted(turn: Turn, job: PoolDevicesJob): void {
  const { jobId, request } = job.record;
  const because = { kind: 'accepted', jobId, job: request.kind } as const;
  turn.wish({ kind: 'answer', requestId: jobId, accepted: true }, because);
  look(turn, job, 'before anything is planned');
}

/** Before the first command nothing has happened; after it, the job goes back. A command under way is never interrupted. */
export function onCancelled(turn: Turn, requestId: string): void {
  const job = turn.job(requestId);
  if (job === undefined) {
    turn.absorb();
    const because = { kind: 'no-such-job', jobId: requestId } as const;
    turn.wish({ kind: 'answer', requestId, accepted: false }, because);
    return;
  }
  if (job.record.ended !== undefined) {
    answerAgain(turn, job, false);
    return;
  }
  const because = { kind: 'cancelling', jobId: requestId, begun: job.record.begun } as const;
  const trouble = { kind: 'cancelled', jobId: requestId } as const;
  const back = job.record.direction === 'back' ? job : turn.note(job, { direction: 'back', trouble });
  const after = turn.save(because);
  turn.wish({ kind: 'answer', requestId, accepted: true }, because, [after]);
  if (back.stage.kind === 'waiting') look(turn, back, 'before it goes back');
}
