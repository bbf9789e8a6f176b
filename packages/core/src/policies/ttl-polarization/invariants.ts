import type { Invariant } from '../../kernel/policy.js';
import { ownedBySelf } from './record.js';
import type { PolarizationState } from './state.js';

function cheap(
  name: string,
  check: (state: PolarizationState) => string | undefined,
): Invariant<PolarizationState> {
  return { name, cost: 'cheap', check };
}

/** What must hold of one node's state after every step. What holds between two nodes is checked where both are in sight. */
export const invariants: readonly Invariant<PolarizationState>[] = [
  cheap('serving alone needs durable survivorship of the same epoch', ({ gate, record }) =>
    gate.host === 'open' && gate.legs === 'own' && !(ownedBySelf(record) && record.epoch >= gate.epoch)
      ? `gate of epoch ${String(gate.epoch)}, record of epoch ${String(record.epoch)} owned by ${record.owner ?? 'nobody'}`
      : undefined,
  ),
  cheap('serving with a target needs durable survivorship', ({ gate, record }) =>
    gate.host === 'open' && gate.legs === 'own-and-target' && !ownedBySelf(record)
      ? `record owned by ${record.owner ?? 'nobody'}`
      : undefined,
  ),
  cheap('mirroring needs a durable mirror of the same epoch', ({ gate, record, mode }) =>
    mode === 'mirrored' &&
    gate.host === 'open' &&
    !(record.mode === 'mirrored' && record.epoch === gate.epoch && record.owner === undefined)
      ? `gate of epoch ${String(gate.epoch)}, record "${record.mode}" of epoch ${String(record.epoch)}`
      : undefined,
  ),
  cheap('nobody acknowledges while suspended, arbitrating, fenced, target or unknown', ({ mode, gate }) =>
    gate.host === 'open' && ['suspended', 'arbitrating', 'fenced', 'syncTarget', 'unknown'].includes(mode)
      ? `mode ${mode} with an open gate`
      : undefined,
  ),
  cheap('only a whole copy serves', ({ gate, record }) =>
    gate.host === 'open' && record.dataState !== 'upToDate' ? `the copy is ${record.dataState}` : undefined,
  ),
  cheap('the epoch on the disk never goes back', ({ saving, record }) =>
    saving !== undefined && saving.record.epoch < record.epoch
      ? `epoch ${String(record.epoch)}, then ${String(saving.record.epoch)}`
      : undefined,
  ),
  cheap('who has asked the witness does not mirror', ({ mode, asked }) =>
    asked !== undefined && (mode === 'mirrored' || mode === 'standalone') ? `mode ${mode}` : undefined,
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
