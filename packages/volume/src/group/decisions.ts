import { type Clock, explain, type Mode, type PolarizationEffect } from '@holdfast/core';
import type { Decision } from '../api.js';

const keptDecisions = 512;

/** Effects that a person may ask about. Renewals and repeats are not decisions. */
const shown: ReadonlySet<PolarizationEffect['kind']> = new Set([
  'set-gate',
  'ask-witness',
  'start-resync',
  'report',
  'answer',
]);

/** The last decisions of this node, with their reasons, for `why`. */
export class Decisions {
  private readonly kept: Decision[] = [];

  constructor(private readonly clock: Clock) {}

  /** Undefined when the effect is none that a person would ask about. */
  note(effect: PolarizationEffect, mode: Mode, epoch: number): Decision | undefined {
    if (!shown.has(effect.kind)) return undefined;
    const sentence = explain(effect.because);
    const last = this.kept.at(-1);
    if (last !== undefined && last.sentence === sentence && last.mode === mode && last.epoch === epoch)
      return undefined;
    const decision: Decision = {
      at: this.clock.now(),
      wallTime: this.clock.wallTime(),
      effect: effect.id,
      kind: effect.kind,
      mode,
      epoch,
      because: effect.because,
      sentence,
    };
    this.kept.push(decision);
    if (this.kept.length > keptDecisions) this.kept.shift();
    return decision;
  }

  /** Newest last. */
  recent(limit: number): readonly Decision[] {
    return this.kept.slice(-limit);
  }
}
