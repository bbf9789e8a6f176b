import type { Invariant } from '../../kernel/policy.js';
import { isBeforeCommit } from './record.js';
import type { PlannedFailoverState } from './state.js';

function cheap(
  name: string,
  check: (state: PlannedFailoverState) => string | undefined,
): Invariant<PlannedFailoverState> {
  return { name, cost: 'cheap', check };
}

/** What must hold of one node's state after every step. What holds between two nodes is checked where both are in sight. */
export const invariants: readonly Invariant<PlannedFailoverState>[] = [
  cheap(
    'only the sequencer of a mirrored epoch orders writes, and only unfenced',
    ({ gate, record, standing, self }) => {
      if (!gate.ordersWrites) return undefined;
      const { roles } = record;
      const holds =
        roles.sequencer === self.nodeId &&
        gate.host === 'free' &&
        standing.service === 'mirrored' &&
        standing.epoch === roles.epoch;
      return holds
        ? undefined
        : `gate ${gate.host}, group ${standing.service} in epoch ${String(standing.epoch)}`;
    },
  ),
  cheap('a durable fence holds hosts', ({ gate, record, booted }) =>
    booted && record.operation?.phase === 'fenced' && gate.host === 'free'
      ? `operation ${record.operation.operationId} is fenced`
      : undefined,
  ),
  cheap('after the commit the target has the roles', ({ record }) => {
    const { operation, roles } = record;
    if (operation === undefined || isBeforeCommit(operation.phase)) return undefined;
    return roles.sequencer === operation.to && roles.epoch > operation.fromEpoch
      ? undefined
      : `sequencer ${roles.sequencer} in epoch ${String(roles.epoch)}`;
  }),
  cheap('a commit is never taken back', ({ record, saving }) => {
    const { operation } = record;
    if (operation === undefined || isBeforeCommit(operation.phase) || saving === undefined) return undefined;
    return saving.record.roles.epoch < record.roles.epoch ||
      (saving.record.operation !== undefined && isBeforeCommit(saving.record.operation.phase))
      ? `"${operation.phase}", then "${saving.record.operation?.phase ?? 'none'}"`
      : undefined;
  }),
  cheap('a commit follows a fence', ({ record, saving }) =>
    saving?.record.operation?.phase === 'committed' && record.operation?.phase !== 'fenced'
      ? `"${record.operation?.phase ?? 'none'}", then "committed"`
      : undefined,
  ),
  cheap('the epoch on the disk never goes back', ({ record, saving }) =>
    saving !== undefined && saving.record.roles.epoch < record.roles.epoch
      ? `epoch ${String(record.roles.epoch)}, then ${String(saving.record.roles.epoch)}`
      : undefined,
  ),
  cheap('nobody is source and target at once', ({ record }) =>
    record.operation !== undefined && (record.preparation !== undefined || record.grant !== undefined)
      ? `operation ${record.operation.operationId}`
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
