import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { endAtTarget, onCommitted, onFenced, onStarted, sayDone } from './source.js';
import type { PlannedFailoverState } from './state.js';
import { onRolesTaken, sayReady } from './target.js';
import type { Turn } from './turn.js';
import type { PlannedFailoverRecord } from './types.js';

/** A record stands on the disk: only now does what it says become true here, and is anybody told. */
export function onPersisted(turn: Turn, effect: EffectId): void {
  const { saving, record: before } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('persisted', 'this record is not the one that is being written');
    return;
  }
  const { record } = saving;
  turn.patch({ record, saving: undefined });
  const phase = record.operation?.phase;
  if (phase !== before.operation?.phase) {
    if (phase === 'started') onStarted(turn);
    else if (phase === 'fenced') onFenced(turn);
    else if (phase === 'committed') onCommitted(turn);
  }
  const { source } = turn.state;
  if (source !== undefined && record.operation === undefined) onClosed(turn, source.commandIds);
  onTargetRecord(turn, before, record);
  turn.setGate(saving.because);
}

/** The context is gone from the disk, one way or the other. */
function onClosed(turn: Turn, commandIds: readonly string[]): void {
  const { last, roles } = turn.state.record;
  if (last === undefined) return;
  const { operationId, outcome, because } = last;
  if (because.kind === 'cancelled') endAtTarget(turn, operationId);
  else sayDone(turn, operationId);
  turn.setGate(because);
  for (const commandId of commandIds)
    turn.answer(commandId, outcome !== 'failed', `operation ${operationId}: ${outcome}`, because);
  turn.report(outcome === 'completed' ? 'info' : 'warning', because);
  turn.wish({ kind: 'hand-back', operationId, epoch: roles.epoch }, because);
  turn.patch({ source: undefined });
}

function onTargetRecord(turn: Turn, before: PlannedFailoverRecord, now: PlannedFailoverRecord): void {
  if (before.grant === undefined && now.grant !== undefined) {
    onRolesTaken(turn);
    return;
  }
  const ended = before.grant ?? before.preparation;
  if (ended !== undefined && now.grant === undefined && now.preparation === undefined) {
    const { operationId } = ended;
    const because = turn.state.record.last?.because ?? {
      kind: 'promise-over',
      operationId,
      epoch: now.roles.epoch,
    };
    const told =
      before.grant === undefined
        ? ({ kind: 'promise-over', operationId, epoch: now.roles.epoch } as const)
        : because;
    turn.patch({ target: undefined });
    turn.setGate(told);
    turn.wish({ kind: 'hand-back', operationId, epoch: now.roles.epoch }, told);
    return;
  }
  const { preparation } = now;
  if (preparation === undefined) return;
  if (before.preparation?.operationId !== preparation.operationId) sayReady(turn);
  else if (preparation.discarded && !before.preparation.discarded) {
    const { operationId, next } = preparation;
    const because = { kind: 'promise-discarded', operationId, epoch: next.epoch } as const;
    turn.setGate(because);
    turn.wish({ kind: 'hand-back', operationId, epoch: now.roles.epoch }, because);
  }
}

/** Not known whether it stands on the disk. A commit is only ever written again; anything else may give way to a rollback. */
export function onPersistFailed(turn: Turn, effect: EffectId, detail: string): void {
  const { saving, self } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('persist-failed', 'this record is not the one that is being written');
    return;
  }
  const retryMs = self.timing.persistRetryMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  const committing = saving.record.operation?.phase === 'committed';
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs, committing });
}

export function persistRetryAt({ saving }: PlannedFailoverState): Millis | undefined {
  return saving?.retryAt;
}

export function retryPersistIfDue(turn: Turn): void {
  const { saving } = turn.state;
  if (saving?.retryAt === undefined || turn.at < saving.retryAt) return;
  turn.save(saving.record, saving.because);
}
