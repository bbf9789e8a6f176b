import { swapRecovery, type SwapRecoveryEvent, type SwapRecoveryState } from '../../src/index.js';
import { soundRules, type Budget, type Rules } from './model.js';

type Change = (state: SwapRecoveryState, event: SwapRecoveryEvent) => SwapRecoveryState;

function policy(before: Change): Rules {
  const step: typeof swapRecovery.step = (state, event) => swapRecovery.step(before(state, event), event);
  return { ...soundRules, policy: { ...swapRecovery, invariants: [], step } };
}

/** A name, the policy or the world with one guard taken out, what may happen, and what then is broken. */
export const mutants: readonly (readonly [string, Rules, Partial<Budget>, RegExp])[] = [
  [
    'hosts go on before the commit is on the disk',
    { ...soundRules, lyingDisk: true },
    { crashes: 1, ticks: 0 },
    /is old|two sites|count as equal/,
  ],
  [
    'a host that cannot follow is left where it was',
    { ...soundRules, pretend: ['fence-hosts'] },
    { hostFailures: 1, ticks: 0 },
    /two sites/,
  ],
  [
    'hosts are not frozen while they are switched',
    { ...soundRules, pretend: ['freeze-io'] },
    { hostFailures: 1, ticks: 0 },
    /two sites/,
  ],
  [
    'damaged tracks are not marked',
    { ...soundRules, pretend: ['mark-tracks'] },
    { damages: 1, writes: 0, ticks: 3 },
    /damaged true|versions/,
  ],
  [
    'another storage is copied to as if it were the old one',
    policy((state) => ({ ...state, record: { ...state.record, fullCopy: false } })),
    { replacements: 1, swaps: 0, writes: 0, ticks: 3 },
    /count as equal with versions/,
  ],
  [
    'a commit that may be on the disk is taken back when time is up',
    policy((state, event) =>
      event.kind === 'tick' && state.attempt?.stage === 'commit'
        ? { ...state, phase: 'swapping', attempt: { ...state.attempt, stage: 'switch' } }
        : state,
    ),
    { crashes: 1, ticks: 1, writes: 2 },
    /is old|two sites|count as equal/,
  ],
  [
    'I/O swaps to an old copy',
    policy((state, event) =>
      event.kind === 'health-reported' && state.phase === 'waiting'
        ? {
            ...state,
            phase: 'duplex',
            swappedAt: undefined,
            record: { ...state.record, protection: 'duplex' },
            conditions: [],
          }
        : state,
    ),
    { swaps: 2, ticks: 0 },
    /is old|count as equal/,
  ],
];
