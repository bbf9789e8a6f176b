import type { Millis } from '../../kernel/time.js';
import {
  abortIfLate,
  agreeDueAt,
  commitIfPromised,
  enrolmentDueAt,
  proposeIfWanted,
  sayAgainIfDue,
} from './agree.js';
import { decideIfDue, detachIfDenied, faultDueAt } from './fault.js';
import { retryPersistIfDue } from './persisted.js';
import { probeDueAt, probeIfDue, reportDueAt, tellReport } from './probes.js';
import { enrolDueAt, enrolIfDue, returnDueAt, returnIfDue } from './rejoin.js';
import type { MediatorFallbackState } from './state.js';
import type { Turn } from './turn.js';
import { notePartial, watchdogDueAt, watchWayBack } from './watch.js';

/** Everything that follows from the state and the time alone: faults before everything else. */
export function settle(turn: Turn): void {
  retryPersistIfDue(turn);
  detachIfDenied(turn);
  decideIfDue(turn);
  probeIfDue(turn);
  const reportAt = reportDueAt(turn.state);
  if (reportAt !== undefined && turn.at >= reportAt) tellReport(turn);
  notePartial(turn);
  watchWayBack(turn);
  returnIfDue(turn);
  enrolIfDue(turn);
  abortIfLate(turn);
  proposeIfWanted(turn);
  sayAgainIfDue(turn);
  commitIfPromised(turn);
}

const due: readonly ((state: MediatorFallbackState) => Millis | undefined)[] = [
  (state) => state.saving?.retryAt,
  faultDueAt,
  probeDueAt,
  reportDueAt,
  watchdogDueAt,
  returnDueAt,
  enrolDueAt,
  agreeDueAt,
  enrolmentDueAt,
];

/** When `step` wants a tick, if nothing else happens before. */
export function wakeAt(state: MediatorFallbackState): Millis | undefined {
  if (!state.booted) return state.now;
  const at = due.map((dueAt) => dueAt(state)).filter((one) => one !== undefined);
  return at.length === 0 ? undefined : Math.max(state.now, Math.min(...at));
}
