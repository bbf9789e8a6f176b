import { finish, release } from './ending.js';
import { look, wait } from './moves.js';
import { onAccepted } from './requests.js';
import type { PoolDevicesJob, PoolDevicesStage } from './state.js';
import type { Turn } from './turn.js';
import type { PoolDevicesEvent } from './types.js';
import type { PoolDevicesAppliance } from './views.js';
import { consider } from './work.js';

type Answered = 'saving' | 'rehearsing' | 'commanding' | 'releasing';
type Of<Kind extends PoolDevicesStage['kind']> = Extract<PoolDevicesStage, { kind: Kind }>;

/** The job that waits for the answer to this effect, in this stage. */
function awaiting<Kind extends Answered>(
  turn: Turn,
  kind: Kind,
  effect: string,
): { readonly job: PoolDevicesJob; readonly stage: Of<Kind> } | undefined {
  for (const job of turn.state.jobs) {
    const { stage } = job;
    if (isStage(stage, kind) && 'effect' in stage && stage.effect === effect) return { job, stage };
  }
  return undefined;
}

function isStage<Kind extends Answered>(stage: PoolDevicesStage, kind: Kind): stage is Of<Kind> {
  return stage.kind === kind;
}

/** One record may carry several jobs: each goes on for itself. */
export function onPersisted(turn: Turn, effect: string): void {
  const waiting = turn.state.jobs.filter(({ stage }) => stage.kind === 'saving' && stage.effect === effect);
  for (const job of waiting) {
    if (job.stage.kind !== 'saving') continue;
    if (job.stage.then === 'accept') onAccepted(turn, job);
    else if (job.stage.then === 'release') release(turn, job);
    else finish(turn, job);
  }
  // A record that only commands or claims wait for needs no word here: whoever carries them out keeps the order.
}

export function onPersistFailed(turn: Turn, effect: string, detail: string): void {
  const { retryIntervalMs } = turn.state.settings.timing;
  const because = { kind: 'persist-failed', detail, retryMs: retryIntervalMs } as const;
  let isOurs = false;
  for (const job of turn.state.jobs) {
    const { stage } = job;
    const isAfter = (stage.kind === 'commanding' || stage.kind === 'claiming') && stage.after === effect;
    const isSaving = stage.kind === 'saving' && stage.effect === effect;
    if (!isAfter && !isSaving) {
      // The record was whole: this job's part of it is not known to be durable either.
      turn.put({ ...job, unsaved: true });
      continue;
    }
    isOurs = true;
    if (isSaving && stage.then === 'accept') {
      turn.drop(job.record.jobId);
      turn.wish(
        { kind: 'answer', requestId: job.record.jobId, accepted: false },
        { kind: 'not-written', detail },
      );
      continue;
    }
    turn.report(job, 'alarm', because);
    if (isSaving) {
      turn.put({ ...job, unsaved: true, stage: { ...stage, retryAt: turn.at + retryIntervalMs } });
      continue;
    }
    const what = stage.kind === 'commanding' ? stage.what : 'the claim';
    // What waited for the record was never sent, so it was no try.
    const tried = stage.kind === 'commanding' ? withoutTry(job) : job;
    const waiting = { kind: 'wait-record', what, detail } as const;
    turn.stage(
      { ...tried, unsaved: true },
      { kind: 'waiting', until: turn.at + retryIntervalMs, because: waiting },
    );
  }
  if (!isOurs) turn.absorb();
}

function withoutTry(job: PoolDevicesJob): PoolDevicesJob {
  const { attempt } = job;
  if (attempt === undefined) return job;
  return { ...job, attempt: { ...attempt, tries: Math.max(0, attempt.tries - 1) } };
}

/** Silence is not an empty answer: an appliance that does not answer is left out of the views. */
export function onInspection(turn: Turn, effect: string, view: PoolDevicesAppliance | undefined): void {
  for (const job of turn.state.jobs) {
    const { stage } = job;
    if (stage.kind !== 'looking') continue;
    const appliance = Object.keys(stage.open).find((name) => stage.open[name] === effect);
    if (appliance === undefined) continue;
    const open = Object.fromEntries(Object.entries(stage.open).filter(([name]) => name !== appliance));
    const isHis = view?.appliance === appliance;
    const views = isHis ? { ...stage.views, [appliance]: view } : stage.views;
    const next = turn.stage(job, { ...stage, open, views });
    if (Object.keys(open).length === 0) consider(turn, next, views);
    return;
  }
  turn.absorb();
}

type CommandAnswer = Extract<
  PoolDevicesEvent,
  { kind: 'command-done' | 'command-progress' | 'command-refused' | 'command-unknown' }
>;

/** Whatever an appliance says of its command, only the next look counts: it is asked what is, not what it did. */
export function onCommandAnswer(turn: Turn, event: CommandAnswer): void {
  const found = awaiting(turn, 'commanding', event.effect);
  if (found === undefined) {
    turn.absorb();
    return;
  }
  const { job, stage } = found;
  const { settings } = turn.state;
  switch (event.kind) {
    case 'command-progress':
      turn.stage(job, { ...stage, donePercent: event.donePercent });
      break;
    case 'command-done':
      look(turn, job, `after ${stage.what}`);
      break;
    case 'command-unknown':
      look(turn, job, `after ${stage.what}, whose outcome is not known`);
      break;
    case 'command-refused': {
      const { refusal } = event;
      const { tries } = job.attempt ?? { tries: 1 };
      const refused = turn.put({ ...job, attempt: { key: stage.key, tries, refusal } });
      if (!refusal.retryable || tries >= settings.commandTries) {
        look(turn, refused, `after ${stage.what} was refused`);
        break;
      }
      const detail = `${refusal.code}: ${refusal.detail}`;
      const limit = settings.commandTries;
      const because = { kind: 'wait-retry', what: stage.what, detail, tries, limit } as const;
      wait(turn, refused, because, settings.timing.retryIntervalMs);
    }
  }
}

export function onRehearsed(turn: Turn, event: Extract<PoolDevicesEvent, { kind: 'rehearsed' }>): void {
  const found = awaiting(turn, 'rehearsing', event.effect);
  if (found === undefined) turn.absorb();
  else look(turn, { ...found.job, rehearsed: true, rehearsal: event.refusals }, 'after the dry run');
}

export function onReleased(
  turn: Turn,
  event: Extract<PoolDevicesEvent, { kind: 'released' | 'release-failed' }>,
): void {
  const found = awaiting(turn, 'releasing', event.effect);
  if (found === undefined) {
    turn.absorb();
    return;
  }
  const { job } = found;
  if (event.kind === 'release-failed') {
    const { retryIntervalMs } = turn.state.settings.timing;
    wait(turn, job, { kind: 'wait-claim', detail: event.detail }, retryIntervalMs);
    return;
  }
  const { jobId, ended } = job.record;
  const released = turn.note(job, { released: true });
  if (ended !== undefined) turn.save({ kind: 'give-up-claims', jobId, outcome: ended.outcome });
  finish(turn, released);
}
