import { judgeDelta, type DeltaVerdict } from './delta.js';
import { CONFIRM, backProgram, forwardProgram } from './program.js';
import type { ApplianceUpgradeState } from './state.js';
import type { UpgradeTurn } from './turn.js';
import type { UpgradeAction, UpgradeEnd, UpgradeFailure, UpgradeRecord, UpgradeStep } from './types.js';

export function verdictOf({ options }: ApplianceUpgradeState, record: UpgradeRecord): DeltaVerdict {
  const { switchoverBudgetMs } = options.timing;
  return judgeDelta(record.passes, { ...options.delta, switchoverBudgetMs });
}

/** The steps of the way that is taken now, and those that are behind. */
export function programOf(
  state: ApplianceUpgradeState,
  record: UpgradeRecord,
): { readonly steps: readonly UpgradeStep[]; readonly done: readonly UpgradeStep[] } {
  return record.direction === 'forward'
    ? { steps: forwardProgram(record, verdictOf(state, record)), done: record.done }
    : { steps: backProgram(record, state.options), done: record.undone };
}

/** Whether the first appliance cannot be gone back to: it is lost, and the second has its identity. */
export function isForwardOnly({ isCommitted, lost, done }: UpgradeRecord): boolean {
  return isCommitted || (lost.includes('first') && done.includes('verify-replica'));
}

/** Begins the next step, unless one is under way, a pause is due, or there is none. */
export function advance(turn: UpgradeTurn): void {
  const { record, running, retryAt } = turn.state;
  if (record === undefined || record.end !== undefined || running !== undefined) return;
  if (retryAt !== undefined && turn.at < retryAt) return;
  turn.patch({ retryAt: undefined });
  const verdict = verdictOf(turn.state, record);
  if (
    record.direction === 'forward' &&
    verdict.kind === 'does-not-converge' &&
    !record.done.includes('verify-replica')
  ) {
    const took = `${String(Math.round(verdict.estimateMs))} ms of at most ${String(verdict.limitMs)} ms`;
    goBack(turn, {
      step: `send-delta:${String(record.passes.length)}`,
      detail: `the deltas do not get small: ${took}`,
    });
    return;
  }
  const { steps, done } = programOf(turn.state, record);
  const next = steps.find((step) => !done.includes(step));
  if (next === undefined) finish(turn, record);
  else if (next === CONFIRM) awaitWord(turn, record);
  else begin(turn, record, next, steps);
}

function begin(
  turn: UpgradeTurn,
  record: UpgradeRecord,
  step: UpgradeStep,
  steps: readonly UpgradeStep[],
): void {
  const { failures, options } = turn.state;
  const isMove = step === 'take-identity' || step === 'return-identity';
  const isNew = record.direction === 'forward' && !record.begun.includes(step);
  if (isNew) turn.record({ begun: [...record.begun, step] });
  // Each move, and each attempt at one, has a number of its own: an older one that comes late is refused.
  if (isMove) turn.record({ identityEpoch: record.identityEpoch + 1 });
  if (step === 'quiesce-first' && turn.state.quiescedAt === undefined) turn.patch({ quiescedAt: turn.at });
  const saved = turn.save(step);
  const [action, subject] = splitStep(step);
  const { plan, identityEpoch, direction } = turn.state.record ?? record;
  const because = {
    kind: 'step',
    step,
    direction,
    position: steps.indexOf(step) + 1,
    of: steps.length,
    attempt: failures + 1,
  } as const;
  const effect = turn.wish(
    {
      kind: 'run',
      action: action as UpgradeAction,
      identityEpoch,
      volumes: plan.volumes,
      ...(subject === undefined ? {} : { subject }),
    },
    because,
    [saved],
  );
  turn.patch({ running: { effect, step, sentAt: turn.at, deadlineAt: turn.at + timeoutOf(options, step) } });
}

function splitStep(step: UpgradeStep): readonly [string, string | undefined] {
  const colon = step.indexOf(':');
  return colon < 0 ? [step, undefined] : [step.slice(0, colon), step.slice(colon + 1)];
}

const longSteps = ['expand', 'sync-base', 'send-delta', 'deploy-second', 'contract-second', 'contract-first'];

export function timeoutOf({ timing }: ApplianceUpgradeState['options'], step: UpgradeStep): number {
  const [action] = splitStep(step);
  if (action === 'check-second' || action === 'check-first') return timing.healthTimeoutMs;
  return longSteps.includes(action) ? timing.longStepTimeoutMs : timing.stepTimeoutMs;
}

function awaitWord(turn: UpgradeTurn, record: UpgradeRecord): void {
  if (record.isCommitted) {
    turn.record({ done: [...record.done, CONFIRM] });
    advance(turn);
    return;
  }
  if (turn.state.confirmBy !== undefined) return;
  const windowMs = turn.state.options.timing.confirmWindowMs;
  turn.patch({ confirmBy: turn.at + windowMs });
  turn.save(CONFIRM);
  turn.report('info', { kind: 'awaits-word', windowMs });
}

function finish(turn: UpgradeTurn, record: UpgradeRecord): void {
  const end: UpgradeEnd =
    record.direction === 'forward'
      ? 'completed'
      : record.begun.includes('deploy-second')
        ? 'reverted'
        : 'refused';
  turn.record({ end });
  turn.save(end);
  const steps = record.done.length + record.undone.length;
  turn.report(end === 'completed' ? 'info' : 'warning', {
    kind: 'ended',
    end,
    steps,
    detail: record.failure?.detail ?? '',
  });
}

/** Turns round. What is under way is left to its fate: its answer is not waited for, and what it may have done is undone. */
export function goBack(turn: UpgradeTurn, failure: UpgradeFailure): void {
  const { record, options } = turn.state;
  if (record === undefined || record.direction === 'back') return;
  const { attempt, history, invalidSnapshots, identityEpoch } = record;
  turn.record({
    direction: 'back',
    failure,
    history: [...history, { ...failure, attempt }],
    // A start that is still on its way to the second appliance is older than everything from here.
    identityEpoch: identityEpoch + 1,
  });
  turn.patch({ running: undefined, retryAt: undefined, failures: 0, confirmBy: undefined });
  const revert = invalidSnapshots.length > 0 ? 'contract' : options.revert;
  turn.report('alarm', { kind: 'goes-back', ...failure, revert });
  advance(turn);
}

/** A step has not come about. Forward it is tried a few times, back for ever. */
export function stepFailed(turn: UpgradeTurn, step: UpgradeStep, detail: string, isFinal: boolean): void {
  const { record, options, failures } = turn.state;
  if (record === undefined) return;
  const attempt = failures + 1;
  turn.patch({ running: undefined });
  const isBack = record.direction === 'back';
  if (isBack && step === 'stop-second') {
    turn.record({ isFencing: true });
    turn.patch({ failures: 0 });
    turn.report('alarm', { kind: 'fences', detail });
    advance(turn);
    return;
  }
  if (!isBack && !isForwardOnly(record) && (isFinal || attempt >= options.tries)) {
    goBack(turn, { step, detail });
    return;
  }
  const { retryMs } = options.timing;
  turn.patch({ failures: attempt, retryAt: turn.at + retryMs });
  const isHopeless = attempt === options.tries || (isFinal && attempt === 1);
  const level = isHopeless ? 'alarm' : 'warning';
  if (attempt <= options.tries) turn.report(level, { kind: 'step-failed', step, detail, attempt, retryMs });
}
