import { claim, mayCommand } from './claims.js';
import { decide, type Decision } from './decide.js';
import { end, outcomeAfter, release } from './ending.js';
import { look, wait } from './moves.js';
import { importedAt, planPoolDevices, stepsOf } from './plan.js';
import type { PoolDevicesTrouble, PoolDevicesWait } from './reasons.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import { isUnderWay, type PoolDevicesJob } from './state.js';
import type { Turn } from './turn.js';
import type { PoolDevicesPlan, PoolDevicesRefusal } from './types.js';
import { isProvedGhost, marksOf, poolAt, type PoolDevicesRef, type PoolDevicesViews } from './views.js';

/** Goes on with a job that nothing else goes on with: from what the appliances say now. */
export function resume(turn: Turn, job: PoolDevicesJob, before: string): void {
  if (job.record.ended !== undefined) release(turn, job);
  else look(turn, job, before);
}

/** Every appliance has answered, or will not. */
export function consider(turn: Turn, job: PoolDevicesJob, views: PoolDevicesViews): void {
  const { plan, begun, direction } = job.record;
  if (!begun && direction === 'back') {
    end(turn, job, 'unchanged', views, { kind: 'cancelled', jobId: job.record.jobId });
  } else if (plan === undefined) draft(turn, job, views);
  else if (!mayCommand(turn.state, job)) claim(turn, job, plan);
  else if (!begun && !confirm(turn, job, plan, views)) return;
  else act(turn, job, plan, views);
}

function draft(turn: Turn, job: PoolDevicesJob, views: PoolDevicesViews): void {
  const { settings, jobs } = turn.state;
  const planning = planPoolDevices(job.record.request, views, settings);
  if (planning.kind === 'silent') {
    waitForVoices(turn, job, planning.appliances);
    return;
  }
  if (planning.kind === 'refused') {
    end(turn, job, 'unchanged', views, planning.because);
    return;
  }
  const { plan, notes, trouble } = planning;
  const rival = jobs.find(
    (other) =>
      other.record.jobId !== job.record.jobId &&
      isUnderWay(other) &&
      other.record.plan?.resources.some((resource) => plan.resources.includes(resource)) === true,
  );
  if (rival !== undefined) {
    const shared = plan.resources.find((each) => rival.record.plan?.resources.includes(each)) ?? '';
    end(turn, job, 'unchanged', views, {
      kind: 'claim-held',
      resource: shared,
      holder: `job ${rival.record.jobId}`,
    });
    return;
  }
  const planned = turn.note(job, trouble === undefined ? { plan } : { plan, trouble });
  const { jobId } = job.record;
  turn.report(planned, 'info', { kind: 'planned', jobId, steps: stepsOf(plan) });
  for (const note of notes) turn.report(planned, note.kind === 'widened' ? 'info' : 'warning', note);
  if (trouble !== undefined) turn.report(planned, 'warning', { kind: 'goes-on-without', because: trouble });
  claim(turn, planned, plan);
}

function waitForVoices(turn: Turn, job: PoolDevicesJob, appliances: readonly string[]): void {
  const because: PoolDevicesWait = { kind: 'wait-silent', appliances, detail: 'no view' };
  wait(turn, job, because, turn.state.settings.timing.retryIntervalMs);
}

/** The plan was made before the claim: under it, everything is looked at once more before the first command. */
function confirm(turn: Turn, job: PoolDevicesJob, plan: PoolDevicesPlan, views: PoolDevicesViews): boolean {
  const { settings } = turn.state;
  const refuse = (because: PoolDevicesRefusalReason): false => {
    end(turn, job, 'unchanged', views, because);
    return false;
  };
  const again = planPoolDevices(job.record.request, views, settings);
  if (again.kind === 'refused') return refuse(again.because);
  if (again.kind === 'silent') {
    waitForVoices(turn, job, again.appliances);
    return false;
  }
  const before = stepsOf(plan).join('; ');
  const after = stepsOf(again.plan).join('; ');
  if (before !== after) return refuse({ kind: 'plan-changed', before, after });
  for (const { resource, owner } of job.claim?.owners ?? []) {
    const standing = standingOf(plan, views, resource, owner);
    if (standing === 'agrees' || owner === null) continue;
    const shown = `${owner.pool} on ${owner.appliance}`;
    if (standing === 'differs') return refuse({ kind: 'registry-differs', resource, owner: shown });
    if (!job.rehearsed) turn.report(job, 'warning', { kind: 'registry-behind', resource, owner: shown });
  }
  if (plan.to === undefined || plan.join.length === 0 || !settings.rehearse) return true;
  if (!job.rehearsed) {
    const because = { kind: 'rehearsal', pool: plan.to.pool, units: plan.join.length } as const;
    const effect = turn.wish({ kind: 'rehearse', at: plan.to, units: plan.join }, because);
    turn.stage(job, { kind: 'rehearsing', effect, since: turn.at });
    return false;
  }
  const refusal = job.rehearsal?.find((each) => !isExpected(each, plan, views));
  if (refusal === undefined) return true;
  const { code, detail } = refusal;
  return refuse({ kind: 'rehearsal-refused', pool: plan.to.pool, code, detail });
}

/** A dry run sees the devices where they still are: in the source, unseen when they are carried, with a label not yet cleared. */
function isExpected(refusal: PoolDevicesRefusal, plan: PoolDevicesPlan, views: PoolDevicesViews): boolean {
  const { code, pool } = refusal;
  if (code === 'device-not-seen' || code === 'ghost-label') return true;
  if (code !== 'device-in-use' || pool === undefined) return false;
  return pool === plan.from?.pool || plan.join.some(({ devices }) => devices.some(isGhostOf));

  function isGhostOf(device: string): boolean {
    const marks = marksOf(views, device);
    return Object.values(views).some(({ devices }) =>
      devices.some(
        ({ deviceId, label }) =>
          deviceId === device &&
          label.kind === 'pool' &&
          label.pool === pool &&
          isProvedGhost(views, marks, label.poolGuid),
      ),
    );
  }
}

/** What the registry says of a resource against what is seen. An owner that answered and does not have it is behind the times. */
function standingOf(
  plan: PoolDevicesPlan,
  views: PoolDevicesViews,
  resource: string,
  owner: PoolDevicesRef | null,
): 'agrees' | 'behind' | 'differs' {
  // An import has asked every appliance, and for consent where one does not answer.
  if (owner === null || plan.import !== undefined) return 'agrees';
  if (resource.startsWith('pool:')) {
    const at = importedAt(views, resource.slice('pool:'.length));
    if (at === owner.appliance) return 'agrees';
    return at !== undefined || views[owner.appliance] !== undefined ? 'behind' : 'differs';
  }
  if (owner.appliance === plan.from?.appliance && owner.pool === plan.from.pool) return 'agrees';
  return poolAt(views, owner)?.imported === true ? 'behind' : 'differs';
}

function act(turn: Turn, job: PoolDevicesJob, plan: PoolDevicesPlan, views: PoolDevicesViews): void {
  const { settings } = turn.state;
  const decision = decide({ plan, record: job.record, views, settings });
  switch (decision.kind) {
    case 'wait': {
      const { pollIntervalMs, retryIntervalMs } = settings.timing;
      const forMs = decision.because.kind === 'wait-silent' ? retryIntervalMs : pollIntervalMs;
      wait(turn, job, decision.because, forMs);
      break;
    }
    case 'turn-back':
      turnBack(turn, job, plan, views, decision.because);
      break;
    case 'stop':
      end(turn, job, 'stuck', views, decision.because);
      break;
    case 'finished':
      end(turn, job, outcomeAfter(job, plan, settings), views, job.record.trouble);
      break;
    case 'command':
      command(turn, job, plan, views, decision);
      break;
  }
}

function turnBack(
  turn: Turn,
  job: PoolDevicesJob,
  plan: PoolDevicesPlan,
  views: PoolDevicesViews,
  because: PoolDevicesTrouble,
): void {
  const back = turn.note(job, { direction: 'back', trouble: because });
  const mode = turn.state.settings.onFailure;
  turn.report(back, 'alarm', { kind: 'turned-back', because, mode });
  act(turn, back, plan, views);
}

function command(
  turn: Turn,
  job: PoolDevicesJob,
  plan: PoolDevicesPlan,
  views: PoolDevicesViews,
  decision: Extract<Decision, { kind: 'command' }>,
): void {
  const { key, what } = decision;
  const attempt = job.attempt?.key === key ? job.attempt : { key, tries: 0 };
  const { refusal } = attempt;
  const isFinal = refusal !== undefined && !refusal.retryable && refusal.code !== 'no-such-device';
  if (isFinal || attempt.tries >= turn.state.settings.commandTries) {
    const { code, detail } = refusal ?? { code: 'unknown', detail: 'no outcome' };
    const trouble = { kind: 'command-given-up', what, code, detail, tries: attempt.tries } as const;
    giveUp(turn, job, plan, views, decision, trouble);
    return;
  }
  const begun = job.record.begun ? job : turn.note(job, { begun: true });
  const after = begun.unsaved ? turn.save(decision.because) : undefined;
  const effect = turn.wish(
    { kind: 'command', jobId: job.record.jobId, command: decision.command },
    decision.because,
    after === undefined ? [] : [after],
  );
  const stage = {
    kind: 'commanding',
    effect,
    since: turn.at,
    key,
    what,
    donePercent: 0,
    toldSlow: false,
  } as const;
  turn.put({
    ...begun,
    attempt: { key, tries: attempt.tries + 1 },
    stage: after === undefined ? stage : { ...stage, after },
  });
}

/** A removal goes on without the unit; a move goes back as a whole; what cannot go back needs a person. */
function giveUp(
  turn: Turn,
  job: PoolDevicesJob,
  plan: PoolDevicesPlan,
  views: PoolDevicesViews,
  { leaves }: Extract<Decision, { kind: 'command' }>,
  trouble: PoolDevicesTrouble,
): void {
  if (job.record.direction === 'back') {
    end(turn, job, 'stuck', views, trouble);
  } else if (leaves !== undefined && plan.to === undefined) {
    const givenUp = [...job.record.givenUp, leaves];
    const without = turn.note(job, { givenUp, trouble });
    turn.report(without, 'warning', { kind: 'goes-on-without', because: trouble });
    act(turn, without, plan, views);
  } else if (leaves === 0 || plan.import !== undefined) {
    end(turn, job, 'unchanged', views, trouble);
  } else {
    turnBack(turn, job, plan, views, trouble);
  }
}
