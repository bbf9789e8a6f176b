import type { Invariant } from '../../kernel/policy.js';
import type { LedgerEntry, ReservationState } from './state.js';

function ofEntries(
  name: string,
  check: (entry: LedgerEntry) => string | undefined,
): Invariant<ReservationState> {
  return {
    name,
    cost: 'cheap',
    check: (state) => {
      if (state.role !== 'coordinator') return undefined;
      for (const entry of Object.values(state.ledger)) {
        const broken = check(entry);
        if (broken !== undefined) return `${entry.machine.machineId}: ${broken}`;
      }
      return undefined;
    },
  };
}

/** What must hold of one state. That no host is promised more than it has needs the inventory beside it and is checked with it. */
export const reservationInvariants: readonly Invariant<ReservationState>[] = [
  ofEntries(
    'room for a machine is never on the host that it has to leave',
    ({ phase, hostId, agentHostId }) =>
      (phase === 'held' || phase === 'claimed') && hostId === agentHostId ? `held on ${hostId}` : undefined,
  ),
  ofEntries('only what is merely held, starting or admitted has an end', ({ phase, until }) =>
    (phase === 'claimed' || phase === 'committed') === (until === undefined)
      ? undefined
      : `${phase} until ${String(until)}`,
  ),
  {
    name: 'nothing is ended while the time to act has not come',
    cost: 'cheap',
    check: (state) => {
      if (state.role !== 'agent') return undefined;
      const early = state.incidents.find(
        ({ phase, actAt, machines }) =>
          phase === 'declared' && state.now < actAt && machines.some(({ status }) => status === 'claiming'),
      );
      return early === undefined ? undefined : `${early.incidentId} acts at ${String(early.actAt)}`;
    },
  },
  {
    name: 'a machine is in one incident at most',
    cost: 'cheap',
    check: (state) => {
      if (state.role !== 'agent') return undefined;
      const seen = new Set<string>();
      for (const { machines } of state.incidents) {
        for (const { machine } of machines) {
          if (seen.has(machine.machineId)) return machine.machineId;
          seen.add(machine.machineId);
        }
      }
      return undefined;
    },
  },
  {
    name: 'the state is plain JSON',
    cost: 'costly',
    check: (state) => {
      const text = JSON.stringify(state);
      return JSON.stringify(JSON.parse(text)) === text ? undefined : 'it does not survive a round trip';
    },
  },
];
