import type { EffectId, Millis, Policy, PolicyEffect, PolicyEvent } from '@holdfast/core';
import type { TranscriptBlock, TranscriptHandlers } from './transcript.js';

export interface PolicyBindings<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect> {
  /** The options for `init`, from the JSON behind it ({} when there is none). */
  readonly options: (given: Readonly<Record<string, unknown>>) => Options;
  /** An event from its kind and the JSON behind it. Default: the JSON with `kind`, `at` and `sequence`. */
  readonly event?: (
    kind: string,
    given: Readonly<Record<string, unknown>>,
    at: Millis,
    sequence: number,
  ) => Event;
  /** The fields of an effect that a reader wants to see. Default: all but id, kind, after and because. */
  readonly show?: (effect: Effect) => Readonly<Record<string, unknown>>;
  /** What `state` prints. Default: the whole state. */
  readonly summary?: (state: State) => unknown;
  /** What `init` begins from instead of `policy.init`: for policies that are started with a record. */
  readonly init?: (options: Options, given: Readonly<Record<string, unknown>>, at: Millis) => State;
}

/** Ticks in one command after which the policy is taken to ask for them for ever. */
const MAX_TICKS = 10_000;

/**
 * Verbs that every policy understands, for stories that an operator can read:
 *
 * - `init {json}`: begins anew, at time 0;
 * - `event <kind> {json}`: a fact, now;
 * - `tick <ms>`: lets time pass, with a tick whenever the policy wants one;
 * - `state [field ...]`: the state, or some of its fields.
 *
 * The JSON may stand on the lines below the command. Effects are printed one per line, `event/index kind fields`, with what they wait
 * for, and below it the reason. Every invariant is checked after every step.
 */
export function policyTranscript<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect>(
  policy: Policy<Options, State, Event, Effect>,
  bindings: PolicyBindings<Options, State, Event, Effect>,
): TranscriptHandlers {
  const story = new Story(policy, bindings);
  return {
    init: (block) => story.begin(jsonOf(block.args, block)),
    event: (block) => {
      const [kind = '', ...rest] = block.args.split(' ');
      return story.event(kind, jsonOf(rest.join(' '), block));
    },
    tick: (block) => story.tick(durationOf(block)),
    state: (block) => story.state(block.args.split(' ').filter((field) => field !== '')),
  };
}

class Story<Options, State, Event extends PolicyEvent, Effect extends PolicyEffect> {
  private readonly policy: Policy<Options, State, Event, Effect>;
  private readonly bindings: PolicyBindings<Options, State, Event, Effect>;
  private current: { readonly state: State } | undefined;
  private at: Millis = 0;
  private sequence = 0;

  constructor(
    policy: Policy<Options, State, Event, Effect>,
    bindings: PolicyBindings<Options, State, Event, Effect>,
  ) {
    this.policy = policy;
    this.bindings = bindings;
  }

  begin(given: Readonly<Record<string, unknown>>): string {
    this.at = 0;
    this.sequence = 0;
    const options = this.bindings.options(given);
    const init =
      this.bindings.init ?? ((begun: Options, _given: unknown, at: Millis) => this.policy.init(begun, at));
    this.current = { state: init(options, given, this.at) };
    this.checkInvariants();
    return this.wakeLine();
  }

  event(kind: string, given: Readonly<Record<string, unknown>>): string {
    const lines = this.step(kind, given);
    return [...lines, this.wakeLine()].join('\n');
  }

  tick(durationMs: number): string {
    const untilAt = this.at + durationMs;
    const lines: string[] = [];
    for (let count = 0; ; count += 1) {
      const wakeAt = this.policy.wakeAt(this.stateNow());
      if (wakeAt === undefined || wakeAt > untilAt) break;
      if (count > MAX_TICKS)
        throw new TypeError(`${this.policy.name} asks for ticks without end at ${String(this.at)} ms.`);
      this.at = Math.max(this.at, wakeAt);
      const effects = this.step('tick', {});
      if (effects.length > 0) lines.push(`at ${rounded(this.at)} ms:`, ...effects);
    }
    this.at = untilAt;
    return [...lines, `now ${rounded(this.at)} ms, ${this.wakeLine()}`].join('\n');
  }

  state(fields: readonly string[]): string {
    const { summary } = this.bindings;
    const shown: unknown = summary === undefined ? this.stateNow() : summary(this.stateNow());
    if (fields.length === 0) return JSON.stringify(shown, undefined, 2);
    const record = isRecord(shown) ? shown : {};
    return fields.map((field) => `${field}=${compact(record[field])}`).join('\n');
  }

  private step(kind: string, given: Readonly<Record<string, unknown>>): string[] {
    this.sequence += 1;
    const { event } = this.bindings;
    const fact =
      event === undefined
        ? // A story is checked by what the policy makes of it, not by the compiler.
          ({ ...given, kind, at: this.at, sequence: this.sequence } as unknown as Event)
        : event(kind, given, this.at, this.sequence);
    const { state, effects } = this.policy.step(this.stateNow(), fact);
    this.current = { state };
    this.checkInvariants();
    return effects.flatMap((effect) => this.describe(effect));
  }

  private describe(effect: Effect): readonly string[] {
    const { show } = this.bindings;
    const { id: _id, kind, after = [], because, ...rest } = effect;
    const fields = Object.entries(show === undefined ? rest : show(effect)).filter(
      ([, value]) => value !== undefined,
    );
    const shown = fields.map(([name, value]) => ` ${name}=${compact(value)}`).join('');
    const waits = after.length === 0 ? '' : ` (after ${after.map(shortId).join(', ')})`;
    return [`${shortId(effect.id)} ${kind}${shown}${waits}`, `    ${this.policy.explain(effect)}`];
  }

  private checkInvariants(): void {
    const state = this.stateNow();
    for (const { name, check } of this.policy.invariants.map((one) => ({
      name: one.name,
      check: one.check.bind(one),
    }))) {
      const broken = check(state);
      if (broken !== undefined)
        throw new TypeError(`Broken after event ${String(this.sequence)}: ${name}: ${broken}`);
    }
  }

  private wakeLine(): string {
    const wakeAt = this.policy.wakeAt(this.stateNow());
    return wakeAt === undefined ? 'sleeps' : `wakes at ${rounded(wakeAt)} ms`;
  }

  private stateNow(): State {
    if (this.current === undefined) throw new TypeError('A story begins with init.');
    return this.current.state;
  }
}

/** Event and index: who wishes is the same all through a story. */
function shortId(id: EffectId): string {
  return id.split('/').slice(-2).join('/');
}

function compact(value: unknown): string {
  if (typeof value === 'number') return rounded(value);
  if (typeof value === 'string' && /^[\w.:/-]+$/.test(value)) return value;
  return value === undefined ? 'undefined' : JSON.stringify(value);
}

/** Times are sums of fractions; a story shows microseconds. */
function rounded(value: number): string {
  return String(Math.round(value * 1_000) / 1_000);
}

function jsonOf(text: string, block: TranscriptBlock): Readonly<Record<string, unknown>> {
  const source = `${text} ${block.input}`.trim();
  if (source === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    throw new TypeError(`Line ${String(block.line)}: '${source}' is no JSON.`, { cause: error });
  }
  if (!isRecord(value)) throw new TypeError(`Line ${String(block.line)}: '${source}' is no JSON object.`);
  return value;
}

function durationOf(block: TranscriptBlock): number {
  const durationMs = Number(block.args);
  if (block.args !== '' && durationMs >= 0) return durationMs;
  throw new TypeError(`Line ${String(block.line)}: tick wants milliseconds, not '${block.args}'.`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
