import type { Millis } from '../../kernel/time.js';
import { openAloneIfDue, opensAloneAt } from './alone.js';
import { askAt, askIfDue, nextRoundAt, nextRoundIfDue, settleVerdict } from './arbitrate.js';
import {
  giveUpHandoverIfDue,
  handoverDueAt,
  handoverGivenUpAt,
  offerIfSick,
  stopWithFailedLeg,
} from './handover.js';
import { healthDueAt, tellHealthIfDue, unreachedDueAt, updateUnreached } from './health.js';
import { introduce } from './introduce.js';
import { leaseLostAt, requestDueAt, requestIfDue } from './lease.js';
import { loseSilentPeer, loseUndrainedTarget, onSessionLost, silentAt } from './loss.js';
import { drainGivenUpAt } from './mirror.js';
import { persistRetryAt, retryPersistIfDue } from './persisted.js';
import { meet, proposalDueAt } from './reunion.js';
import type { PolarizationState } from './state.js';
import { type Turn } from './turn.js';
import type { NodeRecord } from './types.js';
import { claimGivenUpAt, doDutyIfDue, dutyDueAt, giveUpClaimIfDue } from './witness.js';

/** Everything that follows from the state and the time alone, in the order in which it matters. */
export function settle(turn: Turn): void {
  const lost = leaseLostAt(turn.state);
  if (lost !== undefined && turn.at >= lost) onSessionLost(turn, 'lease-silent', 'no answer in time', true);
  loseSilentPeer(turn);
  loseUndrainedTarget(turn);
  giveUpClaimIfDue(turn);
  retryPersistIfDue(turn);
  updateUnreached(turn);
  stopWithFailedLeg(turn);
  settleVerdict(turn);
  tellMode(turn);
  const unmet = turn.state;
  meet(turn);
  openAloneIfDue(turn);
  askIfDue(turn);
  nextRoundIfDue(turn);
  settleVerdict(turn);
  offerIfSick(turn);
  stopWithFailedLeg(turn);
  giveUpHandoverIfDue(turn);
  if (turn.state !== unmet) meet(turn);
  requestIfDue(turn);
  doDutyIfDue(turn);
  tellHealthIfDue(turn);
  tellMode(turn);
}

/** A record never changes once it stands in a state, and every step asks twice. */
const texts = new WeakMap<NodeRecord, string>();

function textOf(record: NodeRecord): string {
  const known = texts.get(record);
  if (known !== undefined) return known;
  const text = JSON.stringify(record);
  texts.set(record, text);
  return text;
}

/** The peer decides by what this node says of itself: tell it every change, and once after every introduction. */
function tellMode(turn: Turn): void {
  const { peer } = turn.state;
  if (peer === undefined) return;
  const { mode, record, asked } = turn.state;
  const told = `["${mode}",${String(asked !== undefined)},${textOf(record)}]`;
  if (peer.told === told) return;
  const introduction = introduce(turn.state);
  turn.patch({ peer: { ...peer, told } });
  turn.send({ kind: 'mode-changed', introduction }, { kind: 'mode', mode, epoch: record.epoch });
}

/** Every time at which `settle` would do something without another event. */
const due: readonly ((state: PolarizationState) => Millis | undefined)[] = [
  (state) => (state.booted ? undefined : state.startedAt),
  leaseLostAt,
  silentAt,
  drainGivenUpAt,
  requestDueAt,
  claimGivenUpAt,
  persistRetryAt,
  unreachedDueAt,
  opensAloneAt,
  askAt,
  nextRoundAt,
  handoverDueAt,
  handoverGivenUpAt,
  proposalDueAt,
  dutyDueAt,
  healthDueAt,
];

export function wakeAt(state: PolarizationState): Millis | undefined {
  if (state.stopped) return undefined;
  let earliest: Millis | undefined;
  for (const dueAt of due) {
    const at = dueAt(state);
    if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
  }
  return earliest;
}
