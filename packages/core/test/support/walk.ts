import fc from 'fast-check';
import type { Explorable } from './explorer.js';

/** A random order of what may happen: numbers that pick among the choices there are. */
export type Picks = readonly number[];

export function picks(length: number): fc.Arbitrary<Picks> {
  return fc.array(fc.noBias(fc.nat({ max: 9_999 })), { minLength: length, maxLength: length });
}

/** Which faults one run has, and how many of each at most. Most runs lack most of them: a run with all of them gets nowhere. */
export function swarm<Key extends string>(
  most: Readonly<Record<Key, number>>,
): fc.Arbitrary<Record<Key, number>> {
  const names = Object.keys(most) as Key[];
  const each = names.map((name) => fc.oneof(fc.constant(0), fc.integer({ min: 0, max: most[name] })));
  return fc
    .tuple(...each)
    .map(
      (amounts) => Object.fromEntries(names.map((name, at) => [name, amounts[at]])) as Record<Key, number>,
    );
}

/** How often a property is tried: a fixed seed where nobody asks for more, so that the same is tried on every machine. */
export function amount(numRuns: number): { readonly numRuns: number; readonly seed?: number } {
  const asked = process.env['HOLDFAST_RUNS'];
  return asked === undefined ? { numRuns, seed: 19 } : { numRuns: Number(asked) };
}

export interface Walked<State> {
  readonly state: State;
  /** The first rule that a state on the way has broken. */
  readonly broken?: string;
}

export interface Walkable<State, Choice> extends Omit<Explorable<State, Choice>, 'keyOf'> {
  /** What goes on by itself. It is taken three times out of four, so that a run comes further than to its first faults. */
  readonly isCalm: (choice: Choice) => boolean;
}

/** Takes one choice after the other, and looks at every state on the way. Stops at the first that breaks a rule. */
export function walk<State, Choice>(
  begin: State,
  { choices, apply, brokenRule, isCalm }: Walkable<State, Choice>,
  order: Picks,
): Walked<State> {
  let state = begin;
  for (const pick of order) {
    const all = choices(state);
    const calm = pick % 4 === 0 ? [] : all.filter(isCalm);
    const options = calm.length > 0 ? calm : all;
    if (options.length === 0) break;
    state = apply(state, options[Math.floor(pick / 4) % options.length]!);
    const broken = brokenRule(state);
    if (broken !== undefined) return { state, broken };
  }
  return { state };
}
