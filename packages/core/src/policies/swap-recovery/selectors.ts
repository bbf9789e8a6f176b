import { restartBlockedBy, isSettling } from './restart.js';
import { openAt, otherSite, wantedSwapRecord, within, type SwapRecoveryState } from './state.js';
import { conditionGuards, sessionGuards, type SwapGuard } from './swap.js';
import type { SwapCondition, SwapLock, SwapPhase, SwapSite } from './types.js';

/** What a message with these numbers would do now. */
export interface SwapForecast {
  readonly wouldSwap: boolean;
  readonly to: SwapSite;
  readonly detail: string;
  readonly guards: readonly SwapGuard[];
}

export function wouldSwapNow(
  state: SwapRecoveryState,
  message: Pick<SwapCondition, 'severity' | 'estimatedDelayMs'>,
): SwapForecast {
  const { activeSite } = state.record;
  const condition: SwapCondition = { ...message, site: activeSite, codeClass: '', token: '', messages: 1 };
  const guards = [...conditionGuards(state, condition), ...sessionGuards(state)];
  const against = guards.find(({ holds }) => !holds);
  return {
    wouldSwap: against === undefined,
    to: otherSite(activeSite),
    detail: against?.sentence ?? 'nothing speaks against a swap',
    guards,
  };
}

/** The site whose copy is old and must neither serve nor survive; undefined while both are equal. */
export function ineligibleSiteOf({ record }: SwapRecoveryState): SwapSite | undefined {
  return record.protection === 'duplex' ? undefined : otherSite(record.activeSite);
}

/** The swap that holds the group's operation lock. */
export function swapOperationOf({ attempt }: SwapRecoveryState):
  | {
      readonly operationId: string;
      readonly stage: string;
      readonly toEpoch: number;
      readonly revocable: boolean;
    }
  | undefined {
  if (attempt === undefined) return undefined;
  const { operationId, stage, toEpoch } = attempt;
  return { operationId, stage, toEpoch, revocable: stage !== 'commit' };
}

/** For status pages: plain JSON. The session's name and status are the words that replication managers use. */
export interface SwapStatus {
  readonly phase: SwapPhase;
  readonly session: 'Prepared' | 'Target Available' | 'Suspended' | 'Preparing';
  readonly status: 'Normal' | 'Warning' | 'Severe';
  readonly epoch: number;
  readonly activeSite: SwapSite;
  readonly ineligibleSite?: SwapSite;
  readonly open: readonly SwapCondition[];
  readonly restartBlockedBy?: string;
  readonly stableForMs?: number;
  readonly restarts: number;
  readonly swaps: number;
  readonly lock?: SwapLock;
  readonly absorbed: SwapRecoveryState['absorbed'];
}

export function describeSwap(state: SwapRecoveryState): SwapStatus {
  const { phase, record, tuning, now, stableSince } = state;
  const blocked = isSettling(state) ? restartBlockedBy(state) : undefined;
  const ineligible = ineligibleSiteOf(state);
  const { lock } = wantedSwapRecord(state);
  const isSick = openAt(state, record.activeSite).length > 0;
  return {
    phase,
    session: sessionOf(phase),
    status:
      phase === 'down' || (ineligible !== undefined && isSick)
        ? 'Severe'
        : ineligible === undefined
          ? 'Normal'
          : 'Warning',
    epoch: record.epoch,
    activeSite: record.activeSite,
    ...(ineligible === undefined ? {} : { ineligibleSite: ineligible }),
    open: state.conditions,
    ...(blocked === undefined ? {} : { restartBlockedBy: blocked }),
    ...(stableSince === undefined ? {} : { stableForMs: now - stableSince }),
    restarts: within(state.restarts, tuning.restartsWindowMs, now).length,
    swaps: within(state.swaps, tuning.swapsWindowMs, now).length,
    ...(lock === undefined ? {} : { lock }),
    absorbed: state.absorbed,
  };
}

function sessionOf(phase: SwapPhase): SwapStatus['session'] {
  if (phase === 'duplex') return 'Prepared';
  if (phase === 'remirroring') return 'Preparing';
  return phase === 'unknown' || phase === 'down' ? 'Suspended' : 'Target Available';
}
