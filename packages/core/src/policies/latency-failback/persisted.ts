import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { onAdopted } from './epochs.js';
import { onCommitDurable, onIntentDurable } from './redirect.js';
import type { LatencyFailbackState } from './state.js';
import type { FailbackTurn } from './turn.js';

/** A record stands on the disk: only now does what it says become true here. */
export function onPersisted(turn: FailbackTurn, effect: EffectId): void {
  const { saving, queued } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('answer-not-awaited');
    return;
  }
  turn.patch({ record: saving.record, saving: undefined, queued: undefined });
  if (queued !== undefined) turn.save(queued.record, queued.then, queued.because);
  switch (saving.then) {
    case 'nothing':
      break;
    case 'adopted':
      onAdopted(turn);
      break;
    case 'intent':
      onIntentDurable(turn);
      break;
    case 'commit':
      onCommitDurable(turn, effect);
      break;
    case 'complete':
      onComplete(turn);
      break;
  }
}

/** Both copies are complete, and the record says so. If the secondary was lost meanwhile, the next confirmation finds the record. */
function onComplete(turn: FailbackTurn): void {
  if (turn.state.phase !== 'readThrough') return;
  const { epoch } = turn.state.record;
  turn.enter('primary');
  turn.wish({ kind: 'unpin-survivor', epoch }, { kind: 'complete', epoch });
  turn.report('info', { kind: 'complete', epoch });
}

/** The disk did not take the record. What needed it does not happen, and the same is written again: its outcome is not known. */
export function onPersistFailed(turn: FailbackTurn, effect: EffectId, detail: string): void {
  const { saving, tuning } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('answer-not-awaited');
    return;
  }
  const retryMs = tuning.persistRetryMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

export function persistRetryAt(state: LatencyFailbackState): Millis | undefined {
  return state.saving?.retryAt;
}

export function retryPersistIfDue(turn: FailbackTurn): void {
  const { saving } = turn.state;
  if (saving?.retryAt === undefined || turn.at < saving.retryAt) return;
  const { record, then } = saving;
  const effect = turn.wish(
    { kind: 'persist', record },
    { kind: 'persist-failed', detail: 'written again', retryMs: 0 },
  );
  turn.patch({ saving: { effect, record, then } });
}
