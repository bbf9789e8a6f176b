import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { PoolDevicesReason } from './reasons.js';
import { isUnderWay, type PoolDevicesJob, type PoolDevicesStage, type PoolDevicesState } from './state.js';
import type { PoolDevicesEffect, PoolDevicesJobRecord, PoolDevicesRecord } from './types.js';

type WishOf<Effect> = Effect extends PoolDevicesEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class Turn {
  state: PoolDevicesState;
  private readonly effects: PoolDevicesEffect[] = [];
  private readonly sequence: number;
  private persist: EffectId | undefined;

  constructor(state: PoolDevicesState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  job(jobId: string): PoolDevicesJob | undefined {
    return this.state.jobs.find(({ record }) => record.jobId === jobId);
  }

  /** Replaces the job of the same id, or appends it. */
  put(job: PoolDevicesJob): PoolDevicesJob {
    const { jobs } = this.state;
    const isNew = this.job(job.record.jobId) === undefined;
    const next = isNew
      ? [...jobs, job]
      : jobs.map((each) => (each.record.jobId === job.record.jobId ? job : each));
    this.state = { ...this.state, jobs: next };
    return job;
  }

  drop(jobId: string): void {
    const jobs = this.state.jobs.filter(({ record }) => record.jobId !== jobId);
    this.state = { ...this.state, jobs };
  }

  stage(job: PoolDevicesJob, stage: PoolDevicesStage): PoolDevicesJob {
    return this.put({ ...job, stage });
  }

  /** Changes what has to survive a crash; the next `save` writes it. */
  note(job: PoolDevicesJob, change: Partial<PoolDevicesJobRecord>): PoolDevicesJob {
    return this.put({ ...job, record: { ...job.record, ...change }, unsaved: true });
  }

  absorb(): void {
    this.state = { ...this.state, absorbed: this.state.absorbed + 1 };
  }

  wish(
    wish: WishOf<PoolDevicesEffect>,
    because: PoolDevicesReason,
    after: readonly EffectId[] = [],
  ): EffectId {
    const id = effectId(this.state.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(job: PoolDevicesJob, level: 'info' | 'warning' | 'alarm', because: PoolDevicesReason): void {
    this.wish({ kind: 'report', level, jobId: job.record.jobId }, because);
  }

  /** Writes everything down, once per event: the record is filled in when the event has been handled. */
  save(because: PoolDevicesReason): EffectId {
    const { groupId } = this.state.self;
    this.persist ??= this.wish({ kind: 'persist', record: { version: 1, groupId, jobs: [] } }, because);
    return this.persist;
  }

  end(): Step<PoolDevicesState, PoolDevicesEffect> {
    const { persist } = this;
    if (persist === undefined) return { state: this.state, effects: this.effects };
    this.forgetOldest();
    const record = recordOf(this.state);
    const jobs = this.state.jobs.map((job) => (job.unsaved ? { ...job, unsaved: false } : job));
    return {
      state: { ...this.state, jobs },
      effects: this.effects.map((effect) =>
        effect.kind === 'persist' && effect.id === persist ? { ...effect, record } : effect,
      ),
    };
  }

  /** Ended jobs stay for a while: a request that comes again is the same request. */
  private forgetOldest(): void {
    const { jobs, settings } = this.state;
    let surplus = jobs.filter((job) => !isUnderWay(job)).length - settings.historyLimit;
    const kept = jobs.filter((job) => isUnderWay(job) || (surplus -= 1) < 0);
    this.state = { ...this.state, jobs: kept };
  }
}

export function recordOf(state: PoolDevicesState): PoolDevicesRecord {
  return { version: 1, groupId: state.self.groupId, jobs: state.jobs.map(({ record }) => record) };
}
