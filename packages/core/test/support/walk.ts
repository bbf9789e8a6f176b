import fc from 'fast-check';
import type { Explorable } from './explorer.js';

/** A random order of what may happen: numbers that pick among the choices there are. */
export type Picks = readonly number[];

export function picks(length: number): fc.Arbitrary<Picks> {
  return fc.array(fc.nat({ max: 9_999 }), { minLength: length / 4, maxLength: length });
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

/** Takes one choice after the other, and looks at every state on the way. Stops at the first that breaks a rule. */
export function walk<State, Choice>(
  begin: State,
  { choices, apply, brokenRule }: Omit<Explorable<State, Choice>, 'keyOf'>,
  order: Picks,
): Walked<State> {
  let state = begin;
  for (const pick of order) {
    const options = choices(state);
    if (options.length === 0) break;
    state = apply(state, options[pick % options.length]!);
    const broken = brokenRule(state);
    if (broken !== undefined) return { state, broken };
  }
  return { state };
}
