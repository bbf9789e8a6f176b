import type { Invariant } from '../../kernel/policy.js';
import { openAt, otherSite, wantedSwapRecord, type SwapRecoveryState } from './state.js';

function cheap(
  name: string,
  check: (state: SwapRecoveryState) => string | undefined,
): Invariant<SwapRecoveryState> {
  return { name, cost: 'cheap', check };
}

/** What must hold of one state after every step. */
export const swapInvariants: readonly Invariant<SwapRecoveryState>[] = [
  cheap('a swap is under way in its phases, and only there', ({ attempt, phase }) =>
    (attempt === undefined) === (phase === 'swapping' || phase === 'committing')
      ? `phase ${phase}, attempt at ${attempt?.stage ?? 'no stage'}`
      : undefined,
  ),
  cheap('only equal copies swap', ({ phase, record }) =>
    phase === 'swapping' && record.protection !== 'duplex' ? `phase ${phase} with old copies` : undefined,
  ),
  cheap('nothing is copied back while a condition that swaps is open', (state) => {
    const bad = openAt(state, otherSite(state.record.activeSite)).filter(
      ({ severity }) => severity === 'acute' || severity === state.tuning.swapSeverity,
    );
    return state.phase === 'remirroring' && bad.length > 0 ? `${bad.length} are open` : undefined;
  }),
  cheap('damaged tracks stay in the copy set until both copies are equal', ({ record, phase }) =>
    phase === 'duplex' && record.protection === 'exposed' ? 'phase duplex, record exposed' : undefined,
  ),
  cheap('the epoch on the disk never goes back', (state) =>
    wantedSwapRecord(state).epoch < state.record.epoch
      ? `epoch ${state.record.epoch} is followed by less`
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
