import type { Millis } from './time.js';

/** A fact that has happened. Facts are the only way into a policy, also for answers, failures and silence. */
export interface PolicyEvent {
  readonly kind: string;
  /** When the fact became known, on this process's monotonic clock, in milliseconds. Never goes back. */
  readonly at: Millis;
  /** Number of this event in the life of this incarnation: 1, 2, 3 and so on. Given by the driver. */
  readonly sequence: number;
}

/** Why an effect was asked for: a name and the facts and numbers that decided. Never a bare string. */
export interface Reason {
  readonly kind: string;
}

/** A wish. Whoever runs the policy carries it out, in the order that `after` demands, and reports the result as an event. */
export interface PolicyEffect {
  /** group/node/incarnation/event sequence/index: the same on every replay, never the same for two wishes. */
  readonly id: EffectId;
  readonly kind: string;
  /** Effects that must have succeeded (for a persist: be durable) before this one may start. */
  readonly after?: readonly EffectId[];
  readonly because: Reason;
}

export type EffectId = string;

export interface Step<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** A statement about a state that must hold after every step. */
export interface Invariant<State> {
  readonly name: string;
  /** Cheap ones are checked in production after every step as well. */
  readonly cost: 'cheap' | 'costly';
  /** Undefined when it holds; otherwise what is broken, with the values. */
  check(state: State): string | undefined;
}

/**
 * One decision maker: pure and total. The same options and the same events give the same states and effects, on every machine
 * and in every release that keeps `stateVersion`.
 */
export interface Policy<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect> {
  readonly name: string;
  readonly stateVersion: number;
  /** @throws OptionsError naming the broken relation and its numbers. */
  init(options: Options, at: Millis): State;
  step(state: State, event: Event): Step<State, Effect>;
  /** When `step` wants an event of kind `tick`, if nothing else happens before. */
  wakeAt(state: State): Millis | undefined;
  /** One English sentence for the reason of an effect, with the numbers that decided. */
  explain(effect: Effect): string;
  readonly invariants: readonly Invariant<State>[];
}
