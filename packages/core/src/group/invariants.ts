import type { Invariant } from '../kernel/policy.js';
import { latencyFailback } from '../policies/latency-failback/index.js';
import { mediatorFallback } from '../policies/mediator-fallback/index.js';
import { plannedFailover } from '../policies/planned-failover/index.js';
import { swapRecovery } from '../policies/swap-recovery/index.js';
import { ttlPolarization } from '../policies/ttl-polarization/index.js';
import { holdersOf } from './lock.js';
import { completeCopiesOf } from './record.js';
import type { GroupState } from './state.js';

function cheap(name: string, check: (state: GroupState) => string | undefined): Invariant<GroupState> {
  return { name, cost: 'cheap', check };
}

/** The invariants of one policy, for the group that it is part of. */
function ofPart<State>(
  policy: { readonly name: string; readonly invariants: readonly Invariant<State>[] },
  part: (state: GroupState) => State | undefined,
): readonly Invariant<GroupState>[] {
  return policy.invariants.map((invariant) => ({
    name: `${policy.name}: ${invariant.name}`,
    cost: invariant.cost,
    check: (state) => {
      const own = part(state);
      return own === undefined ? undefined : invariant.check(own);
    },
  }));
}

/** What must hold of one node's state after every step. What holds between two nodes is checked where both are in sight. */
export const groupInvariants: readonly Invariant<GroupState>[] = [
  cheap('one operation at a time has the group', (state) => {
    const holders = holdersOf(state);
    return holders.length > 1
      ? holders.map(({ policy, operationId }) => `${policy} ${operationId}`).join(' and ')
      : undefined;
  }),
  cheap('the epoch on the disk never goes back', ({ record, saving, draft }) => {
    const epochs = [record.epoch, saving?.record.epoch ?? record.epoch];
    epochs.push(draft?.record.epoch ?? epochs[1] ?? 0);
    return epochs.some((epoch, index) => index > 0 && epoch < (epochs[index - 1] ?? 0))
      ? epochs.join(', then ')
      : undefined;
  }),
  cheap('an open gate is of the epoch on the disk', ({ gate, record }) =>
    gate.host === 'open' && gate.mode !== 'splitBrain' && gate.epoch !== record.epoch
      ? `gate of epoch ${String(gate.epoch)}, record of epoch ${String(record.epoch)}`
      : undefined,
  ),
  cheap('only a complete copy serves alone', ({ gate, record, self }) =>
    gate.host === 'open' &&
    (gate.legs === 'own' || gate.legs === 'own-and-target') &&
    gate.mode !== 'splitBrain' &&
    !completeCopiesOf(record, self.peerId).includes(self.nodeId)
      ? `node ${self.nodeId} serves, and the complete copy is of ${record.owner ?? 'nobody'}`
      : undefined,
  ),
  cheap('the target of a resync answers only what its owner confirms', ({ gate, record, self }) =>
    gate.host === 'open' &&
    gate.mode === 'syncTarget' &&
    !(gate.reads === 'confirmed' && record.owner === self.peerId)
      ? `reads ${gate.reads}, owner ${record.owner ?? 'nobody'}`
      : undefined,
  ),
  cheap('a gate that orders writes is open and of this node', ({ gate, self }) =>
    gate.ordersWrites && !(gate.host === 'open' && gate.sequencer === self.nodeId)
      ? `${gate.host}, sequencer ${gate.sequencer}`
      : undefined,
  ),
  ...ofPart(ttlPolarization, ({ polarization }) => polarization),
  ...ofPart(mediatorFallback, ({ fallback }) => fallback),
  ...ofPart(swapRecovery, ({ swap }) => swap),
  ...ofPart(plannedFailover, ({ planned }) => planned),
  ...ofPart(latencyFailback, ({ failback }) => failback),
  {
    name: 'the state is plain JSON',
    cost: 'costly',
    check: (state) => {
      const text = JSON.stringify(state);
      return JSON.stringify(JSON.parse(text)) === text ? undefined : 'it does not survive a round trip';
    },
  },
];
