import type {
  AbortSignalLike,
  Clock,
  EffectId,
  EffectIdentity,
  InvariantError,
  Policy,
  PolicyEffect,
  PolicyEvent,
  Telemetry,
} from '@holdfast/core';
import type { Journal } from '../journal/types.js';

/** A fact before the driver has given it its time and number. Keeps the members of a union apart. */
export type EventInput<Event extends PolicyEvent> = Event extends unknown
  ? Omit<Event, 'at' | 'sequence'>
  : never;

/** What an effect is run with. */
export interface RunContext {
  /** Aborted when the driver is closed or halts. Work already sent may still take effect: say so in the result, or let it go. */
  readonly signal: AbortSignalLike;
}

/**
 * Carries out wishes. One method call per effect; the answer comes back as an event, never as a call into the policy.
 *
 * `run` gives back nothing (done, or fire and forget), or a promise. A promise that resolves says that the effect has succeeded:
 * what waits for it is handed out, then the event it resolved with (if any) is dispatched. A promise that rejects says
 * that it has failed: what waits for it is dropped, and `failed` turns the error into an event. A throw counts as a rejection.
 * So an answer such as "the witness said no" is a success with an event; "not durable" is a rejection.
 */
export interface Interpreter<Effect extends PolicyEffect, Event extends PolicyEvent> {
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- one that only sends off has nothing to give back, and need not say so
  run(effect: Effect, context: RunContext): void | Promise<EventInput<Event> | undefined>;
  /** Which fact a failure is. Undefined: the policy does not care about this one. */
  failed(effect: Effect, error: unknown): EventInput<Event> | undefined;
  /** `effect` will not run, because `failedId`, which stands in its `after`, has failed or was dropped. Default: no event. */
  dropped?(effect: Effect, failedId: EffectId): EventInput<Event> | undefined;
  /** The driver has stopped for good: a rule of the program is broken. Stop serving at once. */
  halted(error: InvariantError): void;
}

export interface DriverOptions<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect> {
  readonly policy: Policy<Options, State, Event, Effect>;
  readonly options: Options;
  readonly clock: Clock;
  readonly interpreter: Interpreter<NoInfer<Effect>, NoInfer<Event>>;
  /** Who wishes. Effects whose id does not begin with it halt the driver. */
  readonly identity: EffectIdentity;
  /** Goes on from this state instead of `policy.init`; it must have been written by the same `stateVersion`. */
  readonly state?: State;
  /** Told of every step before its first effect is handed out. */
  readonly journal?: Journal;
  readonly telemetry?: Telemetry;
  /** Events that may wait while one is being stepped. More than these halt the driver. Default 10,000. */
  readonly maxQueuedEvents?: number;
}

export type DriverListener<State, Event, Effect> = (
  state: State,
  event: Event,
  effects: readonly Effect[],
) => void;

export interface Driver<State, Event extends PolicyEvent, Effect extends PolicyEffect> {
  /** After the last step. Treat it as frozen. */
  readonly state: State;
  /** The number of the last event that was stepped; 0 before the first. */
  readonly sequence: number;
  /** Set once the driver has halted. */
  readonly haltedBy: InvariantError | undefined;
  /** Effects handed out that have not ended, and effects that wait for them. */
  readonly unfinishedEffects: number;
  /**
   * Takes a fact. Steps it before it returns, unless a step is going on: then it waits its turn, in order of arrival.
   * False: the driver has halted or is closed and the fact was not taken.
   */
  dispatch(event: EventInput<Event>): boolean;
  /** Called after every step, before its effects are handed out. A listener that throws is reported, not obeyed. Gives back a function that ends it. */
  subscribe(listener: DriverListener<State, Event, Effect>): () => void;
  /** Takes no more events, starts no more effects, aborts the running ones and waits until they have ended. */
  [Symbol.asyncDispose](): Promise<void>;
}
