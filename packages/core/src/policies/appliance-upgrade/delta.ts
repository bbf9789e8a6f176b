import type { DurationMs } from '../../kernel/time.js';

/** One pass that copied what had changed since the pass before. */
export interface DeltaPass {
  readonly movedBytes: number;
  readonly tookMs: DurationMs;
}

export interface DeltaRule {
  /** A pass this small is worth a switchover, if the link is not too slow for it. */
  readonly smallDeltaBytes: number;
  /** The last delta, during which nobody is served, should take no longer. */
  readonly finalDeltaTargetMs: DurationMs;
  readonly maximumPasses: number;
  /** All of the time in which nobody is served; the last delta may use a quarter of it. */
  readonly switchoverBudgetMs: DurationMs;
}

export interface DeltaVerdict {
  readonly kind: 'another-pass' | 'switch-over' | 'does-not-converge';
  /** How long a delta as large as the last one takes at the slowest rate seen. */
  readonly estimateMs: DurationMs;
  readonly limitMs: DurationMs;
}

/**
 * Whether the volumes are close enough. The next delta is taken to be as large as the last one and the link as slow as it ever was:
 * with a steady load each pass is no larger than the one before it, so the estimate errs on the safe side. A small delta alone is not
 * enough: on a slow link it takes longer than the budget. And passes that have run out are no reason to switch.
 */
export function judgeDelta(passes: readonly DeltaPass[], rule: DeltaRule): DeltaVerdict {
  const last = passes.at(-1);
  const limitMs = rule.switchoverBudgetMs / 4;
  if (last === undefined) return { kind: 'another-pass', estimateMs: 0, limitMs };
  const slowest = passes.reduce((worst, { movedBytes, tookMs }) => {
    return movedBytes === 0 || tookMs === 0 ? worst : Math.max(worst, tookMs / movedBytes);
  }, 0);
  const estimateMs = Math.max(last.tookMs, slowest * last.movedBytes);
  const isAffordable = estimateMs <= limitMs;
  const isClose = estimateMs <= rule.finalDeltaTargetMs || last.movedBytes <= rule.smallDeltaBytes;
  if (isAffordable && isClose) return { kind: 'switch-over', estimateMs, limitMs };
  if (passes.length < rule.maximumPasses) return { kind: 'another-pass', estimateMs, limitMs };
  return { kind: isAffordable ? 'switch-over' : 'does-not-converge', estimateMs, limitMs };
}
