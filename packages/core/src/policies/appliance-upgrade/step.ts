import { HoldfastError } from '../../errors/index.js';
import type { Policy, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { onCommand } from './commands.js';
import { applianceUpgradeInvariants } from './invariants.js';
import { validateUpgradeOptions, type ApplianceUpgradeOptions } from './options.js';
import { CONFIRM } from './program.js';
import { explainUpgrade } from './reasons.js';
import { advance, goBack, isForwardOnly, programOf, stepFailed, timeoutOf, verdictOf } from './run.js';
import type { ApplianceUpgradeState } from './state.js';
import { UpgradeTurn } from './turn.js';
import type { UpgradeAppliance, UpgradeEffect, UpgradeEvent } from './types.js';

type EventOf<Kind> = Extract<UpgradeEvent, { kind: Kind }>;

function init(options: ApplianceUpgradeOptions, at: Millis): ApplianceUpgradeState {
  validateUpgradeOptions(options);
  const { record, ...kept } = options;
  const wasQuiesced = record?.begun.includes('quiesce-first') === true && record.end === undefined;
  return {
    version: 1,
    options: kept,
    now: at,
    isStarting: record !== undefined,
    failures: 0,
    ignored: {},
    ...(record === undefined ? {} : { record }),
    // Nobody knows how long the process was away: the budget begins anew.
    ...(wasQuiesced ? { quiescedAt: at } : {}),
  };
}

/** Handles one event, and then begins whatever may begin. */
function step(state: ApplianceUpgradeState, event: UpgradeEvent): Step<ApplianceUpgradeState, UpgradeEffect> {
  checkVersion(state);
  const turn = new UpgradeTurn(state, event);
  if (state.isStarting) resume(turn);
  handle(turn, event);
  whatIsDue(turn);
  advance(turn);
  return turn.end();
}

function checkVersion(state: { readonly version: number }): void {
  if (state.version === 1) return;
  throw new HoldfastError(
    'CORRUPT',
    `The state is of version ${String(state.version)}, and this release steps version 1. Nothing was changed.`,
  );
}

/** After a crash the record alone says where it was. Before the identity has moved for certain, everything can still go back. */
function resume(turn: UpgradeTurn): void {
  turn.patch({ isStarting: false });
  const { record, options } = turn.state;
  if (record === undefined || record.end !== undefined) return;
  const { direction, begun, done } = record;
  const { steps, done: behind } = programOf(turn.state, record);
  const inDoubt = steps.find((one) => !behind.includes(one)) ?? 'the end';
  turn.report('warning', { kind: 'resumes', step: inDoubt, direction });
  if (direction === 'back' || isForwardOnly(record) || done.includes('take-identity')) return;
  if (options.afterCrash === 'resume' && !begun.includes('take-identity')) return;
  goBack(turn, { step: inDoubt, detail: 'the orchestrator has restarted' });
}

function handle(turn: UpgradeTurn, event: UpgradeEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'persisted':
      if (turn.state.unsaved === event.effect) turn.patch({ unsaved: undefined });
      else turn.ignore(event.kind);
      break;
    case 'persist-failed':
      onPersistFailed(turn, event);
      break;
    case 'command':
      onCommand(turn, event.commandId, event.command);
      break;
    case 'step-done':
      onDone(turn, event);
      break;
    case 'step-failed':
      onFailed(turn, event);
      break;
    case 'step-progress':
      onProgress(turn, event.effect);
      break;
    case 'snapshot-invalid':
      onSnapshotInvalid(turn, event);
      break;
    case 'appliance-lost':
      onLost(turn, event.appliance);
      break;
  }
}

function onPersistFailed(turn: UpgradeTurn, { effect, detail }: EventOf<'persist-failed'>): void {
  if (turn.state.unsaved !== effect) {
    turn.ignore('persist-failed');
    return;
  }
  const { retryMs } = turn.state.options.timing;
  // The step that waited for this record never began.
  turn.patch({ persistRetryAt: turn.at + retryMs, running: undefined, retryAt: turn.at + retryMs });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

function onDone(turn: UpgradeTurn, { effect, movedBytes = 0, tookMs }: EventOf<'step-done'>): void {
  const { running, record, options, quiescedAt } = turn.state;
  if (running?.effect !== effect || record === undefined) {
    turn.ignore('step-done');
    return;
  }
  const { step: name, sentAt } = running;
  turn.patch({ running: undefined, failures: 0 });
  if (record.direction === 'back') {
    turn.record({ undone: [...record.undone, name] });
    return;
  }
  turn.record({ done: [...record.done, name] });
  if (name.startsWith('send-delta:')) {
    turn.record({ passes: [...record.passes, { movedBytes, tookMs: tookMs ?? turn.at - sentAt }] });
    const { record: after = record } = turn.state;
    const { kind: verdict, estimateMs, limitMs } = verdictOf(turn.state, after);
    turn.report('info', {
      kind: 'delta',
      pass: after.passes.length,
      movedBytes,
      estimateMs,
      limitMs,
      verdict,
    });
  }
  if (name === 'check-second') {
    const downtimeMs = turn.at - (quiescedAt ?? sentAt);
    const { identityEpoch } = record;
    turn.report('info', {
      kind: 'switched',
      downtimeMs,
      budgetMs: options.timing.switchoverBudgetMs,
      identityEpoch,
    });
  }
}

function onFailed(turn: UpgradeTurn, { effect, cause, volume, detail }: EventOf<'step-failed'>): void {
  const { running, record, options } = turn.state;
  if (running?.effect !== effect || record === undefined) {
    turn.ignore('step-failed');
    return;
  }
  const isDelta = running.step.startsWith('send-delta:');
  const canCopyWhole = cause === 'parent-missing' && isDelta && record.wholeCopies < options.tries;
  if (!canCopyWhole || record.direction === 'back') {
    stepFailed(turn, running.step, detail, cause === 'final' || cause === 'parent-missing');
    return;
  }
  const again = volume === undefined ? record.plan.volumes : [volume];
  const isKept = (name: string): boolean =>
    !name.startsWith('send-delta:') && !again.some((one) => name === `sync-base:${one}`);
  turn.record({ done: record.done.filter(isKept), passes: [], wholeCopies: record.wholeCopies + 1 });
  turn.patch({ running: undefined });
  turn.report('warning', { kind: 'whole-copy', volume: again.join(', '), detail });
}

function onProgress(turn: UpgradeTurn, effect: string): void {
  const { running, options } = turn.state;
  if (running?.effect !== effect) turn.ignore('step-progress');
  else turn.patch({ running: { ...running, deadlineAt: turn.at + timeoutOf(options, running.step) } });
}

function onSnapshotInvalid(turn: UpgradeTurn, { volume, detail }: EventOf<'snapshot-invalid'>): void {
  const { record } = turn.state;
  const isOver = record === undefined || record.end !== undefined || record.isCommitted;
  if (isOver || record.invalidSnapshots.includes(volume)) {
    turn.ignore('snapshot-invalid');
    return;
  }
  turn.record({ invalidSnapshots: [...record.invalidSnapshots, volume] });
  turn.report('alarm', { kind: 'snapshot-invalid', volume, detail });
  if (record.begun.includes('take-identity')) turn.save('snapshot-invalid');
  // While nothing has moved, what was added can still be taken away; later nobody may wait for that.
  else
    goBack(turn, { step: 'snapshot', detail: `the snapshot of ${volume} is not whole any more: ${detail}` });
}

function onLost(turn: UpgradeTurn, appliance: UpgradeAppliance): void {
  const { record } = turn.state;
  if (record === undefined || record.end !== undefined || record.lost.includes(appliance)) {
    turn.ignore('appliance-lost');
    return;
  }
  turn.record({ lost: [...record.lost, appliance] });
  const after = turn.state.record ?? record;
  const goesBack =
    record.direction === 'forward' && !isForwardOnly(after) && !record.done.includes('check-second');
  const then = goesBack
    ? 'everything goes back'
    : isForwardOnly(after)
      ? 'it goes forward only, with what the other has'
      : 'an operator has to say whether to wait for it or to abort and accept the loss';
  turn.report('alarm', { kind: 'appliance-lost', appliance, then });
  if (goesBack)
    goBack(turn, {
      step: turn.state.running?.step ?? 'waiting',
      detail: `the ${appliance} appliance is lost`,
    });
  else turn.save('appliance-lost');
}

function whatIsDue(turn: UpgradeTurn): void {
  const { persistRetryAt, quiescedAt, options, confirmBy } = turn.state;
  const { timing } = options;
  if (persistRetryAt !== undefined && turn.at >= persistRetryAt && turn.state.record !== undefined)
    turn.save('again');
  const { running } = turn.state;
  if (running !== undefined && turn.at >= running.deadlineAt) {
    const waited = `no answer in ${String(Math.round(turn.at - running.sentAt) / 1_000)} s`;
    stepFailed(turn, running.step, waited, running.step === 'check-second');
  }
  const { record } = turn.state;
  if (record?.direction !== 'forward' || record.end !== undefined) return;
  const isSwitching = quiescedAt !== undefined && !record.done.includes('check-second');
  if (isSwitching && turn.at >= quiescedAt + timing.switchoverBudgetMs && !isForwardOnly(record)) {
    const budget = `the switchover takes longer than ${String(timing.switchoverBudgetMs / 1_000)} s`;
    goBack(turn, { step: running?.step ?? 'switchover', detail: budget });
    return;
  }
  if (confirmBy !== undefined && turn.at >= confirmBy && !record.isCommitted && options.commitUnasked) {
    turn.record({ isCommitted: true, done: [...record.done, CONFIRM] });
    turn.patch({ confirmBy: undefined });
    turn.report('info', { kind: 'committed', by: 'window' });
  }
}

function wakeAt(state: ApplianceUpgradeState): Millis | undefined {
  const { running, retryAt, persistRetryAt, quiescedAt, confirmBy, record, options, isStarting, now } = state;
  if (record === undefined || record.end !== undefined) return persistRetryAt;
  if (isStarting) return now;
  const times: (Millis | undefined)[] = [running?.deadlineAt, retryAt, persistRetryAt];
  const isSwitching =
    record.direction === 'forward' && !record.done.includes('check-second') && !isForwardOnly(record);
  if (quiescedAt !== undefined && isSwitching) times.push(quiescedAt + options.timing.switchoverBudgetMs);
  if (options.commitUnasked) times.push(confirmBy);
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** An appliance is replaced by its next version, and on any failure before the commit it is again what it was, to the byte. */
export const applianceUpgrade: Policy<
  ApplianceUpgradeOptions,
  ApplianceUpgradeState,
  UpgradeEvent,
  UpgradeEffect
> = {
  name: 'appliance-upgrade',
  stateVersion: 1,
  init,
  step,
  wakeAt,
  explain: (effect) => explainUpgrade(effect.because),
  invariants: applianceUpgradeInvariants,
};
