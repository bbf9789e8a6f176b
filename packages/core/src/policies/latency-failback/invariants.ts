import type { Invariant } from '../../kernel/policy.js';
import { wantedRecord, type LatencyFailbackState } from './state.js';

function cheap(
  name: string,
  check: (state: LatencyFailbackState) => string | undefined,
): Invariant<LatencyFailbackState> {
  return { name, cost: 'cheap', check };
}

/** What must hold of one state after every step. What holds of the data is checked where blocks are in sight. */
export const invariants: readonly Invariant<LatencyFailbackState>[] = [
  cheap('an open gate rests on a durable record of the same epoch and site', ({ gate, record }) =>
    gate.host === 'open' && (gate.epoch !== record.epoch || gate.site !== record.activeSite)
      ? `gate of epoch ${gate.epoch} at the ${gate.site}, record of epoch ${record.epoch} at the ${record.activeSite}`
      : undefined,
  ),
  cheap('an incomplete primary is never read as if it were whole', ({ gate, record }) =>
    gate.host === 'open' &&
    gate.site === 'primary' &&
    gate.reads === 'local' &&
    record.completeCopy === 'secondary'
      ? `reads are local in epoch ${gate.epoch}, and the secondary alone is complete`
      : undefined,
  ),
  cheap('while blocks are out of sync, the secondary takes part in every write', ({ gate, record }) =>
    gate.host === 'open' &&
    record.completeCopy === 'secondary' &&
    gate.site === 'primary' &&
    gate.writes !== 'both' &&
    gate.writes !== 'none'
      ? `writes are ${gate.writes}`
      : undefined,
  ),
  cheap('nobody serves while it is not known who should', ({ gate, phase }) =>
    gate.host === 'open' && ['unknown', 'awaiting', 'quiescing', 'committing'].includes(phase)
      ? `phase ${phase} with an open gate`
      : undefined,
  ),
  cheap('a redirect is under way in its phases, and only there', ({ attempt, phase }) =>
    (attempt === undefined) === ['preparing', 'quiescing', 'committing'].includes(phase)
      ? `phase ${phase}, attempt at ${attempt?.stage ?? 'no stage'}`
      : undefined,
  ),
  cheap('only the secondary may survive before hosts are held for a redirect', ({ attempt, phase }) =>
    (phase === 'quiescing' || phase === 'committing') && attempt?.pinned !== true
      ? `phase ${phase} without a pin`
      : undefined,
  ),
  cheap('the epoch on the disk never goes back', (state) =>
    wantedRecord(state).epoch < state.record.epoch
      ? `epoch ${state.record.epoch}, then ${wantedRecord(state).epoch}`
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
