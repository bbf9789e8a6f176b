import { HoldfastError } from '@holdfast/core';
import type { Plan } from './plan.js';

/** One run, kept. */
export interface Replay {
  /** What it shows. */
  readonly about: string;
  /** Where it was found. */
  readonly commit: string;
  /** `mended`: it broke a rule once and must not again. `open`: it breaks `rule` still. */
  readonly state: 'mended' | 'open';
  readonly rule: string;
  readonly plan: Plan;
}

/** @throws HoldfastError CORRUPT naming the file and what is missing; NOT_SUPPORTED for a plan of another version. */
export function parseReplay(text: string, file: string): Replay {
  let parsed: Partial<Replay> | undefined;
  try {
    parsed = JSON.parse(text) as Partial<Replay>;
  } catch (error) {
    throw new HoldfastError('CORRUPT', `${file} is no JSON: write it anew with npm run simulate.`, {
      cause: error,
    });
  }
  const missing = (['about', 'commit', 'state', 'rule', 'plan'] as const).filter(
    (key) => parsed[key] === undefined,
  );
  if (missing.length > 0)
    throw new HoldfastError('CORRUPT', `${file} is no replay: it lacks ${missing.join(', ')}.`);
  const replay = parsed as Replay;
  const version: number = replay.plan.version;
  if (version !== 1)
    throw new HoldfastError(
      'NOT_SUPPORTED',
      `${file} holds a plan of version ${String(version)}; this simulator knows version 1.`,
    );
  return replay;
}
