import {
  type EffectId,
  type EffectIdentity,
  type Millis,
  type PolicyEffect,
  type PolicyEvent,
  type Step,
  type Timer,
  HoldfastError,
  InvariantError,
  noTelemetry,
} from '@holdfast/core';
import { type JournalOpening, JOURNAL_VERSION } from '../journal/types.js';
import { EffectSchedule } from './schedule.js';
import type { Driver, DriverListener, DriverOptions, EventInput, Interpreter, RunContext } from './types.js';

const DEFAULT_MAX_QUEUED_EVENTS = 10_000;

/** Steps without a pause after which an interpreter is taken to answer itself for ever. */
const MAX_STEPS_PER_DRAIN = 100_000;

/** Ticks in a row at one and the same time after which a policy is taken to ask for ticks for ever. */
const MAX_TICKS_AT_ONE_TIME = 1_000;

/**
 * Runs one policy: the only place where its events, its time and its effects meet the world.
 *
 * The law: steps are serial, effects are not. One event is taken and stepped once; every effect that waits for nothing is handed
 * out; an effect waits only for those in its `after`; every answer is an event again.
 *
 * @throws OptionsError from `policy.init`, TypeError for a journal or state that does not fit.
 */
export function createDriver<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect>(
  options: DriverOptions<Options, State, Event, Effect>,
): Driver<State, Event, Effect> {
  return new PolicyDriver(options);
}

class PolicyDriver<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect> implements Driver<
  State,
  Event,
  Effect
> {
  state: State;
  sequence = 0;
  haltedBy: InvariantError | undefined;

  private readonly given: DriverOptions<Options, State, Event, Effect>;
  private readonly cheapInvariants;
  private readonly telemetry;
  private readonly maxQueuedEvents: number;
  private readonly idPrefix: string;
  private readonly schedule = new EffectSchedule<Effect>();
  private readonly running = new Set<Promise<void>>();
  private readonly abort = new AbortController();
  private readonly context: RunContext = { signal: this.abort.signal };
  private readonly listeners = new Set<DriverListener<State, Event, Effect>>();
  /** Read from `queueHead` on, so that taking one does not move the others. */
  private readonly queue: EventInput<Event>[] = [];
  private queueHead = 0;
  private draining = false;
  private closed = false;
  private lastAt: Millis;
  private timer: Timer | undefined;
  private timerAt: Millis = Number.POSITIVE_INFINITY;
  private ticksAtOneTime = 0;

  constructor(given: DriverOptions<Options, State, Event, Effect>) {
    this.given = given;
    this.cheapInvariants = given.policy.invariants.filter((invariant) => invariant.cost === 'cheap');
    this.telemetry = given.telemetry ?? noTelemetry;
    this.maxQueuedEvents = given.maxQueuedEvents ?? DEFAULT_MAX_QUEUED_EVENTS;
    this.idPrefix = identityPrefix(given.identity);
    this.lastAt = given.clock.now();
    this.state = given.state ?? given.policy.init(given.options, this.lastAt);
    const opening = this.opening();
    given.journal?.append(opening, () => opening);
    this.armTimer();
  }

  get unfinishedEffects(): number {
    return this.schedule.size;
  }

  dispatch(event: EventInput<Event>): boolean {
    if (this.closed || this.haltedBy !== undefined) return false;
    if (this.queue.length - this.queueHead >= this.maxQueuedEvents) {
      this.halt(
        `at most ${String(this.maxQueuedEvents)} events wait for a step (the next would be '${event.kind}')`,
      );
      return false;
    }
    this.queue.push(event);
    if (!this.draining) this.drain();
    return true;
  }

  subscribe(listener: DriverListener<State, Event, Effect>): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    this.stopHandingOut();
    await Promise.all(this.running);
  }

  private drain(): void {
    this.draining = true;
    while (this.queueHead < this.queue.length) {
      const event = this.queue[this.queueHead];
      this.queueHead += 1;
      if (event !== undefined) this.take(event);
      if (this.queueHead > MAX_STEPS_PER_DRAIN) this.halt('a step and its answers come to an end');
    }
    this.queue.length = 0;
    this.queueHead = 0;
    this.draining = false;
    this.armTimer();
  }

  /** One event, one step, all its effects. */
  private take(input: EventInput<Event>): void {
    const at = Math.max(this.given.clock.now(), this.lastAt);
    if (!this.ticksMoveOn(input, at)) return;
    this.lastAt = at;
    this.sequence += 1;
    // The compiler cannot put a union back together from its Omit; the input came from one of its members.
    const event = { ...input, at, sequence: this.sequence } as unknown as Event;

    let step: Step<State, Effect>;
    let broken: string | undefined;
    try {
      step = this.given.policy.step(this.state, event);
      broken = this.brokenRule(step);
    } catch (error) {
      this.haltAt(event, `${this.given.policy.name}.step never throws: ${describe(error)}`, error);
      return;
    }
    if (broken !== undefined) {
      this.haltAt(event, broken);
      return;
    }
    this.state = step.state;
    this.record(event, step.effects);
    for (const listener of this.listeners) this.tell(listener, event, step.effects);
    for (const effect of step.effects) this.handOut(effect);
  }

  private ticksMoveOn(input: EventInput<Event>, at: Millis): boolean {
    this.ticksAtOneTime = input.kind === 'tick' && at === this.lastAt ? this.ticksAtOneTime + 1 : 0;
    if (this.ticksAtOneTime <= MAX_TICKS_AT_ONE_TIME) return true;
    this.halt(
      `${this.given.policy.name}.wakeAt moves on after a tick; it still asks for one at ${String(at)} ms`,
    );
    return false;
  }

  private brokenRule(step: Step<State, Effect>): string | undefined {
    for (const invariant of this.cheapInvariants) {
      const broken = invariant.check(step.state);
      if (broken !== undefined) return `${invariant.name}: ${broken}`;
    }
    return step.effects.length === 0 ? undefined : this.brokenIdentity(step.effects);
  }

  /** Ids are this event's own and new, and `after` looks back only: no wish waits for itself or for one that never was. */
  private brokenIdentity(effects: readonly Effect[]): string | undefined {
    const prefix = `${this.idPrefix}${String(this.sequence)}/`;
    for (const [index, { id, after }] of effects.entries()) {
      if (!id.startsWith(prefix)) return `effect id ${id} begins with ${prefix}`;
      for (let earlier = 0; earlier < index; earlier += 1) {
        if (effects[earlier]?.id === id) return `effect id ${id} is given once`;
      }
      for (const leader of after ?? []) {
        if (!leader.startsWith(this.idPrefix))
          return `${id} waits for an effect of this life, not for ${leader}`;
        if (leader.startsWith(prefix) && !precedes(effects, leader, index)) {
          return `${id} stands behind the effect it waits for, ${leader}`;
        }
      }
    }
    return undefined;
  }

  private handOut(effect: Effect): void {
    if (this.stopped()) return;
    const { after } = effect;
    if (after !== undefined && after.length > 0) {
      const failedId = this.schedule.failureAmong(after);
      if (failedId !== undefined) {
        this.schedule.failed(effect.id);
        this.drop(effect, failedId);
        return;
      }
      if (this.schedule.wait(effect) !== undefined) return;
    }
    this.start(effect);
  }

  private start(effect: Effect): void {
    let result: ReturnType<Interpreter<Effect, Event>['run']>;
    try {
      result = this.given.interpreter.run(effect, this.context);
    } catch (error) {
      this.fail(effect, error);
      return;
    }
    if (result === undefined) {
      this.release(effect.id);
      return;
    }
    this.schedule.running(effect);
    const ended: Promise<void> = result.then(
      (answer) => {
        this.running.delete(ended);
        if (this.stopped()) return;
        this.release(effect.id);
        if (answer !== undefined) this.dispatch(answer);
      },
      (error: unknown) => {
        this.running.delete(ended);
        this.fail(effect, error);
      },
    );
    this.running.add(ended);
  }

  /** What waited for nothing else goes first: its wish is older than whatever the answer leads to. */
  private release(id: EffectId): void {
    for (const ready of this.schedule.succeeded(id)) if (!this.stopped()) this.start(ready);
  }

  private fail(effect: Effect, error: unknown): void {
    if (this.stopped()) return;
    this.telemetry.emit({ kind: 'effect-failed', id: effect.id, effect: effect.kind, error });
    const dropped = this.schedule.failed(effect.id);
    this.report(() => this.given.interpreter.failed(effect, error));
    for (const { effect: follower, failedId } of dropped) this.drop(follower, failedId);
  }

  private drop(effect: Effect, failedId: EffectId): void {
    this.telemetry.emit({ kind: 'effect-dropped', id: effect.id, effect: effect.kind, failedId });
    this.report(() => this.given.interpreter.dropped?.(effect, failedId));
  }

  /** Failures are the interpreter's to translate; when even that throws, nobody knows the state of the world any more. */
  private report(translate: () => EventInput<Event> | undefined): void {
    try {
      const event = translate();
      if (event !== undefined) this.dispatch(event);
    } catch (error) {
      this.halt(`the interpreter turns every failure into an event: ${describe(error)}`, error);
    }
  }

  private tell(
    listener: DriverListener<State, Event, Effect>,
    event: Event,
    effects: readonly Effect[],
  ): void {
    try {
      listener(this.state, event, effects);
    } catch (error) {
      this.telemetry.emit({ kind: 'listener-failed', sequence: event.sequence, error });
    }
  }

  private armTimer(): void {
    if (this.stopped()) return;
    const wakeAt = this.given.policy.wakeAt(this.state);
    if (wakeAt === undefined) {
      this.disarmTimer();
      return;
    }
    // A deadline that every event moves back must not cost a timer per event: the old one fires early and is set anew.
    if (this.timer !== undefined && this.timerAt <= wakeAt) return;
    this.disarmTimer();
    this.timerAt = wakeAt;
    this.timer = this.given.clock.setTimer(Math.max(0, wakeAt - this.given.clock.now()), () => this.wake());
  }

  private wake(): void {
    this.timer = undefined;
    const wakeAt = this.given.policy.wakeAt(this.state);
    if (wakeAt !== undefined && Math.max(this.given.clock.now(), this.lastAt) >= wakeAt) {
      // Every policy takes a tick when it asks for one; its own event type says so, the general one cannot.
      this.dispatch({ kind: 'tick' } as unknown as EventInput<Event>);
    } else {
      this.armTimer();
    }
  }

  private disarmTimer(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private record(event: Event, effects: readonly Effect[], halted?: string): void {
    const { journal, clock } = this.given;
    if (journal === undefined) return;
    const { at, sequence } = event;
    const base = { record: 'step', sequence, at, wallTime: clock.wallTime(), event, effects } as const;
    journal.append(halted === undefined ? base : { ...base, halted }, () => this.opening());
  }

  private opening(): JournalOpening {
    const { policy, identity, clock } = this.given;
    return {
      record: 'opening',
      version: JOURNAL_VERSION,
      policy: policy.name,
      stateVersion: policy.stateVersion,
      identity,
      sequence: this.sequence,
      at: this.lastAt,
      wallTime: clock.wallTime(),
      state: this.state,
    };
  }

  private haltAt(event: Event, rule: string, cause?: unknown): void {
    this.record(event, [], rule);
    this.halt(rule, cause);
  }

  private halt(rule: string, cause?: unknown): void {
    if (this.stopped()) return;
    const error = new InvariantError(rule);
    if (cause !== undefined) Object.defineProperty(error, 'cause', { value: cause });
    this.haltedBy = error;
    this.stopHandingOut();
    this.telemetry.emit({
      kind: 'driver-halted',
      policy: this.given.policy.name,
      sequence: this.sequence,
      error,
    });
    this.given.interpreter.halted(error);
  }

  private stopHandingOut(): void {
    this.disarmTimer();
    this.queue.length = 0;
    this.queueHead = 0;
    this.schedule.clear();
    this.abort.abort(new HoldfastError('CLOSED', 'The driver has stopped.'));
  }

  private stopped(): boolean {
    return this.closed || this.haltedBy !== undefined;
  }
}

function identityPrefix(identity: EffectIdentity): string {
  return `${identity.groupId}/${identity.nodeId}/${String(identity.incarnation)}/`;
}

function precedes(effects: readonly PolicyEffect[], id: EffectId, index: number): boolean {
  for (let earlier = 0; earlier < index; earlier += 1) if (effects[earlier]?.id === id) return true;
  return false;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
