import type { Invariant } from '../../kernel/policy.js';
import type { MediatorFallbackState } from './state.js';

function cheap(
  name: string,
  check: (state: MediatorFallbackState) => string | undefined,
): Invariant<MediatorFallbackState> {
  return { name, cost: 'cheap', check };
}

/** What must hold of one member's state after every step. What holds between members is checked where all are in sight. */
export const invariants: readonly Invariant<MediatorFallbackState>[] = [
  cheap('model versions never go back', ({ record, saving }) =>
    saving !== undefined &&
    (saving.record.current.version < record.current.version || saving.record.highest < record.highest)
      ? `version ${String(record.current.version)}, then ${String(saving.record.current.version)}`
      : undefined,
  ),
  cheap('generations never go back', ({ record, saving }) =>
    saving !== undefined && saving.record.partition.generation < record.partition.generation
      ? `generation ${String(record.partition.generation)}, then ${String(saving.record.partition.generation)}`
      : undefined,
  ),
  cheap('a promise is newer than what it is to replace', ({ record: { current, pending, highest } }) =>
    pending !== undefined && (pending.version <= current.version || pending.version > highest)
      ? `promise ${String(pending.version)}, current ${String(current.version)}, highest ${String(highest)}`
      : undefined,
  ),
  cheap('who goes on is of its own partition', ({ record: { standing, partition, nodeId } }) =>
    standing === 'survivor' && !partition.members.includes(nodeId)
      ? `generation ${String(partition.generation)} of ${partition.members.join(', ')}`
      : undefined,
  ),
  cheap('nobody proposes in a fault', ({ fault, proposal }) =>
    fault !== undefined && proposal !== undefined ? `version ${String(proposal.version)}` : undefined,
  ),
  cheap('nobody proposes what it has not promised', ({ proposal, record, saving }) =>
    proposal !== undefined &&
    ![record, saving?.record].some((one) => one?.pending?.version === proposal.version)
      ? `version ${String(proposal.version)}, promised ${String(record.pending?.version ?? 'nothing')}`
      : undefined,
  ),
  {
    name: 'the state is plain JSON',
    cost: 'costly',
    check: (state) => {
      const text = JSON.stringify(state);
      return JSON.stringify(JSON.parse(text)) === text ? undefined : 'it does not survive a round trip';
    },
  },
];
