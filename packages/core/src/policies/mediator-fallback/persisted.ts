import type { EffectId } from '../../kernel/policy.js';
import { onCommitted, sayProposal } from './agree.js';
import { coordinatorOf } from './election.js';
import { onDetachedDurable, onSurvivorDurable } from './fault.js';
import type { MediatorFallbackReason } from './reasons.js';
import { onReadmittedHere, onReturnDurable } from './rejoin.js';
import type { Turn } from './turn.js';
import type { MediatorFallbackRecord } from './types.js';

/** A record stands on the disk: only now does what it says become true here, and is anybody told. */
export function onPersisted(turn: Turn, effect: EffectId): void {
  const { saving, record: before } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('persisted', 'this record is not the one that is being written');
    return;
  }
  const { record, because } = saving;
  turn.patch({ record, saving: undefined });
  onStanding(turn, before, record, because);
  onModel(turn, before, record);
  endOvertaken(turn);
}

/**
 * A proposal ends with its promise. Once the disk holds a later one, or none, a late refusal of the old one would take back the later
 * one, which others may have agreed on; and a coordinator that waits for the old one would never propose again.
 */
function endOvertaken(turn: Turn): void {
  const { proposal, record } = turn.state;
  if (proposal !== undefined && proposal.version !== record.pending?.version)
    turn.patch({ proposal: undefined });
}

function onStanding(
  turn: Turn,
  before: MediatorFallbackRecord,
  now: MediatorFallbackRecord,
  because: MediatorFallbackReason,
): void {
  const { returning, forcing } = turn.state;
  if (now.standing === 'survivor' && now.partition.generation !== before.partition.generation) {
    onSurvivorDurable(turn, because);
    if (forcing !== undefined) turn.answer(forcing, 'force-survivor', true, 'this member goes on alone');
    turn.patch({ forcing: undefined });
  } else if (now.standing === 'detached' && before.standing !== 'detached') {
    onDetachedDurable(turn, because);
  } else if (now.partition.generation !== before.partition.generation) {
    if (returning?.partition.generation === now.partition.generation) onReturnDurable(turn, because);
    else onReadmittedHere(turn, because);
  }
}

function onModel(turn: Turn, before: MediatorFallbackRecord, now: MediatorFallbackRecord): void {
  const { self, proposal, inSync } = turn.state;
  const coordinator = coordinatorOf(turn.state);
  if (now.pending !== undefined && now.pending.version !== before.pending?.version) {
    if (proposal?.version === now.pending.version) sayProposal(turn);
    else if (coordinator !== undefined && coordinator !== self.nodeId) {
      const { version, model } = now.pending;
      turn.send(
        coordinator,
        { kind: 'ack', version },
        { kind: 'promised', version, model, current: now.current.model },
      );
    }
  }
  if (now.current.version !== before.current.version) {
    if (proposal?.version === now.current.version) {
      onCommitted(turn);
    } else if (coordinator !== undefined && coordinator !== self.nodeId) {
      const { version, model } = now.current;
      turn.send(
        coordinator,
        { kind: 'committed', version },
        { kind: 'agreed', version, model, members: inSync },
      );
    }
    const { model } = now.current;
    if (model.kind !== 'mediator') turn.patch({ enrolled: undefined });
    return;
  }
  const wasTakenBack = before.pending !== undefined && now.pending === undefined;
  if (!wasTakenBack || coordinator !== self.nodeId) return;
  const { version } = before.pending;
  for (const to of inSync) {
    if (to === self.nodeId) continue;
    turn.send(
      to,
      { kind: 'abort', version },
      { kind: 'aborted', version, answered: 0, wanted: inSync.length - 1, afterMs: 0 },
    );
  }
}

/** Not known whether it stands on the disk: the same is written again, and nothing that needs it happens before. */
export function onPersistFailed(turn: Turn, effect: EffectId, detail: string): void {
  const { saving, self } = turn.state;
  if (saving?.effect !== effect) {
    turn.absorb('persist-failed', 'this record is not the one that is being written');
    return;
  }
  const retryMs = self.timing.persistRetryMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

export function retryPersistIfDue(turn: Turn): void {
  const { saving } = turn.state;
  if (saving?.retryAt === undefined || turn.at < saving.retryAt) return;
  turn.save(saving.record, saving.because);
}
