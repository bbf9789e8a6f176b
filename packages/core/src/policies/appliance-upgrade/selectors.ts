import { backProgram, CONFIRM } from './program.js';
import { isForwardOnly, programOf } from './run.js';
import type { ApplianceUpgradeState } from './state.js';
import type { UpgradeStep } from './types.js';

export interface UpgradeForecast {
  /** What is still to come, if nothing fails. */
  readonly ahead: readonly UpgradeStep[];
  /** What would be done if it were aborted now, in this order; empty when it cannot be. */
  readonly back: readonly UpgradeStep[];
  readonly canGoBack: boolean;
  readonly sentence: string;
}

/** Where it stands, and what an abort at this moment would do. Nothing is changed. */
export function whatWouldAbortDo(state: ApplianceUpgradeState): UpgradeForecast {
  const { record, options } = state;
  if (record === undefined || record.end !== undefined) {
    return { ahead: [], back: [], canGoBack: false, sentence: 'No upgrade is under way.' };
  }
  const { steps, done } = programOf(state, record);
  const ahead = steps.filter((step) => !done.includes(step));
  const canGoBack = !isForwardOnly(record);
  const back = canGoBack ? backProgram(record, options).filter((step) => !record.undone.includes(step)) : [];
  const next = ahead[0] === CONFIRM ? 'the word of an operator' : (ahead[0] ?? 'its end');
  const way = canGoBack ? `an abort would take ${String(back.length)} steps` : 'it cannot go back any more';
  const sentence = `Upgrade ${record.plan.upgradeId} goes ${record.direction} and comes to ${next}; ${way}.`;
  return { ahead, back, canGoBack, sentence };
}
