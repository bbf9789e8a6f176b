import type { EffectId, Millis, Policy, PolicyEffect, PolicyEvent } from '@holdfast/core';
import { EffectSchedule } from './driver/schedule.js';
import type { EventInput } from './driver/types.js';

export interface PlanOptions<Effect extends PolicyEffect, Event extends PolicyEvent> {
  /** When the first event happens. Default: 0. */
  readonly at?: Millis;
  /** Number of the last event that the state has seen, so that ids come out as they would. Default: 0. */
  readonly sequence?: number;
  /** What the world is assumed to answer to a wish: after how long, and with which event, if any. Default: success at once, in silence. */
  answer?(effect: Effect): Assumption<Event>;
  /** Time goes on until here, with ticks when the policy wants them. Default: it stands still. */
  readonly untilAt?: Millis;
}

export interface Assumption<Event extends PolicyEvent> {
  readonly afterMs?: number;
  readonly event?: EventInput<Event>;
  /** Default false. */
  readonly failed?: boolean;
}

export interface PlannedEffect<Effect> {
  /** When it would start. */
  readonly at: Millis;
  readonly effect: Effect;
}

export interface Plan<State, Effect> {
  /** In the order they would start. Those that wait for something that fails or never ends are missing. */
  readonly effects: readonly PlannedEffect<Effect>[];
  readonly state: State;
}

/** Steps in one plan after which the assumed world is taken to go round in circles. */
const MAX_STEPS = 100_000;

/**
 * What would happen: steps a copy of the policy through `events` with an interpreter that only records. Nothing is carried out, and
 * the state given is not changed. A failed assumption is told to the policy only by its own `event`.
 *
 * @throws TypeError when there is no end to it.
 */
export function plan<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect>(
  policy: Policy<Options, State, Event, Effect>,
  state: State,
  events: readonly EventInput<Event>[],
  options: PlanOptions<Effect, Event> = {},
): Plan<State, Effect> {
  const rehearsal = new Rehearsal(policy, state, options);
  for (const event of events) rehearsal.step(event);
  rehearsal.goOn();
  return { effects: rehearsal.started, state: rehearsal.state };
}

interface Answer<Effect, Event extends PolicyEvent> {
  readonly at: Millis;
  readonly effect: Effect;
  readonly assumption: Assumption<Event>;
}

class Rehearsal<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect> {
  state: State;
  readonly started: PlannedEffect<Effect>[] = [];
  private readonly policy: Policy<Options, State, Event, Effect>;
  private readonly options: PlanOptions<Effect, Event>;
  private readonly schedule = new EffectSchedule<Effect>();
  private answers: Answer<Effect, Event>[] = [];
  private at: Millis;
  private sequence: number;
  private steps = 0;

  constructor(
    policy: Policy<Options, State, Event, Effect>,
    state: State,
    options: PlanOptions<Effect, Event>,
  ) {
    this.policy = policy;
    this.state = state;
    this.options = options;
    this.at = options.at ?? 0;
    this.sequence = options.sequence ?? 0;
  }

  step(input: EventInput<Event>): void {
    this.steps += 1;
    if (this.steps > MAX_STEPS) throw new TypeError(`The plan has no end after ${String(MAX_STEPS)} steps.`);
    this.sequence += 1;
    // The compiler cannot put a union back together from its Omit; the input came from one of its members.
    const event = { ...input, at: this.at, sequence: this.sequence } as unknown as Event;
    const { state, effects } = this.policy.step(this.state, event);
    this.state = state;
    for (const effect of effects) {
      const failedId = this.schedule.failureAmong(effect.after ?? []);
      if (failedId !== undefined) this.schedule.failed(effect.id);
      else if (this.schedule.wait(effect) === undefined) this.start(effect);
    }
  }

  /** Answers and ticks, in the order of their times, until the time is up or nothing more happens. */
  goOn(): void {
    const untilAt = this.options.untilAt ?? this.at;
    for (;;) {
      const next = this.answers[0];
      const wakeAt = this.policy.wakeAt(this.state) ?? Number.POSITIVE_INFINITY;
      const at = Math.max(this.at, Math.min(next?.at ?? Number.POSITIVE_INFINITY, wakeAt));
      if (at > untilAt) return;
      this.at = at;
      if (next !== undefined && next.at <= at) this.take(next);
      // Every policy takes a tick when it asks for one; its own event type says so, the general one cannot.
      else if (this.options.untilAt === undefined) return;
      else this.step({ kind: 'tick' } as unknown as EventInput<Event>);
    }
  }

  private start(effect: Effect): void {
    this.started.push({ at: this.at, effect });
    const assumption = this.options.answer?.(effect) ?? {};
    this.schedule.running(effect);
    const answer = { at: this.at + (assumption.afterMs ?? 0), effect, assumption };
    const behind = this.answers.findIndex((other) => other.at > answer.at);
    this.answers.splice(behind < 0 ? this.answers.length : behind, 0, answer);
  }

  private take({ effect, assumption }: Answer<Effect, Event>): void {
    this.answers.shift();
    const { id }: { readonly id: EffectId } = effect;
    if (assumption.failed === true) this.schedule.failed(id);
    else for (const ready of this.schedule.succeeded(id)) this.start(ready);
    if (assumption.event !== undefined) this.step(assumption.event);
  }
}
