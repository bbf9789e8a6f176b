import { HoldfastError, OptionsError } from '../../errors/index.js';
import type { DurationMs } from '../../kernel/time.js';
import type { DeltaRule } from './delta.js';
import type { UpgradeRecord } from './types.js';

export interface UpgradeTiming {
  /** Silence of an ordinary step before it is told again. */
  readonly stepTimeoutMs: DurationMs;
  /** Silence of an expanding script or a copy; every sign of life begins it anew. */
  readonly longStepTimeoutMs: DurationMs;
  /** How long the new services may take to be healthy. */
  readonly healthTimeoutMs: DurationMs;
  /** From the quiescing of the first appliance to the health of the second. */
  readonly switchoverBudgetMs: DurationMs;
  /** How long an operator may take to confirm. */
  readonly confirmWindowMs: DurationMs;
  /** Pause before a step that failed is tried again. */
  readonly retryMs: DurationMs;
}

export interface ApplianceUpgradeOptions {
  readonly groupId: string;
  readonly nodeId: string;
  /** Durable count of the orchestrator's starts. */
  readonly incarnation: number;
  readonly timing: UpgradeTiming;
  readonly delta: Omit<DeltaRule, 'switchoverBudgetMs'>;
  /** Attempts of a step forward before everything goes back. Going back is tried for ever. */
  readonly tries: number;
  /** `snapshot`: back to the byte, writes since then are gone. `contract`: what was added is removed, writes stay. */
  readonly revert: 'snapshot' | 'contract';
  /** After a crash before the identity has moved: go back, or go on where it was. */
  readonly afterCrash: 'abort' | 'resume';
  /** When the window to confirm has passed: commit, or wait on. */
  readonly commitUnasked: boolean;
  readonly record?: UpgradeRecord;
}

export const applianceUpgradeDefaults = {
  timing: {
    stepTimeoutMs: 60_000,
    longStepTimeoutMs: 1_800_000,
    healthTimeoutMs: 180_000,
    switchoverBudgetMs: 300_000,
    confirmWindowMs: 86_400_000,
    retryMs: 5_000,
  },
  delta: { smallDeltaBytes: 16_777_216, finalDeltaTargetMs: 10_000, maximumPasses: 5 },
  tries: 3,
  revert: 'snapshot',
  afterCrash: 'abort',
  commitUnasked: true,
} as const satisfies Partial<ApplianceUpgradeOptions>;

/**
 * @throws OptionsError naming the relation that does not hold; HoldfastError CORRUPT for a record of another version or kind, which is
 * left as it is.
 */
export function validateUpgradeOptions({
  timing,
  delta,
  tries,
  incarnation,
  record,
}: ApplianceUpgradeOptions): void {
  for (const [name, value] of Object.entries<number>({ ...timing, ...delta })) {
    check(`${name} > 0`, Number.isFinite(value) && value > 0, { [name]: value });
  }
  const { healthTimeoutMs, switchoverBudgetMs } = timing;
  const quarterMs = switchoverBudgetMs / 4;
  check('healthTimeoutMs <= switchoverBudgetMs', healthTimeoutMs <= switchoverBudgetMs, {
    healthTimeoutMs,
    switchoverBudgetMs,
  });
  const { finalDeltaTargetMs } = delta;
  check('finalDeltaTargetMs <= switchoverBudgetMs / 4', finalDeltaTargetMs <= quarterMs, {
    finalDeltaTargetMs,
    quarterMs,
  });
  check('tries >= 1', Number.isSafeInteger(tries) && tries >= 1, { tries });
  check('incarnation >= 1', Number.isSafeInteger(incarnation) && incarnation >= 1, { incarnation });
  // A record comes from a disk, where anything may stand.
  const found: { readonly version: number; readonly kind: string } | undefined = record;
  if (found === undefined || (found.version === 1 && found.kind === 'upgrade')) return;
  throw new HoldfastError(
    'CORRUPT',
    `The record is of kind ${found.kind} and version ${String(found.version)}, and this release reads upgrade 1. Start the release that wrote it.`,
  );
}

function check(relation: string, holds: boolean, numbers: Readonly<Record<string, number>>): void {
  if (!holds) throw new OptionsError(relation, numbers, 'Change one of them.');
}
