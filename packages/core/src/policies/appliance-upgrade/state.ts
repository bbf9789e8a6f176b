import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { ApplianceUpgradeOptions } from './options.js';
import type { UpgradeRecord, UpgradeStep } from './types.js';

/** The one step that is under way. */
export interface RunningStep {
  readonly effect: EffectId;
  readonly step: UpgradeStep;
  readonly sentAt: Millis;
  readonly deadlineAt: Millis;
}

export interface ApplianceUpgradeState {
  readonly version: 1;
  readonly options: Omit<ApplianceUpgradeOptions, 'record'>;
  readonly now: Millis;
  /** The first event after a start looks at the record. */
  readonly isStarting: boolean;
  readonly record?: UpgradeRecord;
  readonly running?: RunningStep;
  /** Failed attempts of the step that comes next. */
  readonly failures: number;
  readonly retryAt?: Millis;
  readonly quiescedAt?: Millis;
  readonly confirmBy?: Millis;
  readonly unsaved?: EffectId;
  readonly persistRetryAt?: Millis;
  /** Answers to steps that are not under way, and facts that change nothing, by kind. */
  readonly ignored: Readonly<Record<string, number>>;
}
