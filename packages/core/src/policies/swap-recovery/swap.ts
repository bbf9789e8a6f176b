import type { EffectId } from '../../kernel/policy.js';
import type { SwapRecoveryReason } from './reasons.js';
import {
  openAt,
  otherSite,
  wantedSwapRecord,
  within,
  type SwapAttempt,
  type SwapRecoveryState,
} from './state.js';
import type { SwapTurn } from './turn.js';
import type { SwapCondition, SwapRecord, SwapSeverity } from './types.js';

const ranks: Readonly<Record<SwapSeverity, number>> = { moderate: 0, serious: 1, acute: 2 };

export function isAtLeast(severity: SwapSeverity, least: SwapSeverity): boolean {
  return ranks[severity] >= ranks[least];
}

/** The severity of a storage's health code, 0 to 255. */
export function severityOfCode(code: number): SwapSeverity {
  if (code >= 0xc0) return 'acute';
  return code >= 0x40 ? 'serious' : 'moderate';
}

/** One condition of a swap, with what it says when it does not hold. */
export interface SwapGuard {
  readonly name: string;
  readonly holds: boolean;
  readonly sentence: string;
}

/** What has to be so before any condition may swap. */
export function sessionGuards(state: SwapRecoveryState): readonly SwapGuard[] {
  const { tuning, members, lostShare, now, swappedAt, record, phase } = state;
  const to = otherSite(record.activeSite);
  const view = state.sites[to];
  const bad = openAt(state, to).filter(({ severity }) => isAtLeast(severity, 'serious'));
  const swaps = within(state.swaps, tuning.swapsWindowMs, now).length;
  const guard = (name: string, holds: boolean, sentence: string): SwapGuard => ({ name, holds, sentence });
  return [
    guard(
      'duplex',
      phase === 'duplex' && record.protection === 'duplex',
      `the group is ${phase}, and only equal copies swap`,
    ),
    guard(
      'all-mirrored',
      members.volumes > 0 && members.mirrored === members.volumes,
      `${members.mirrored} of ${members.volumes} volumes are mirrored, and a swap takes all or none`,
    ),
    guard(
      'other-reachable',
      view.reachable && !view.inService && state.linkUp,
      `the ${to} site is not ready to serve`,
    ),
    guard(
      'other-healthier',
      bad.length === 0,
      `the ${to} site has ${bad.length} serious conditions of its own`,
    ),
    guard(
      'hold-down',
      swappedAt === undefined || now >= swappedAt + tuning.holdDownMs,
      `the last swap was ${Math.round(now - (swappedAt ?? now))} ms ago, and ${tuning.holdDownMs} ms are asked for`,
    ),
    guard(
      'not-locked',
      wantedSwapRecord(state).lock !== 'swaps' && swaps < tuning.maxSwaps,
      `${swaps} swaps of at most ${tuning.maxSwaps} have been made`,
    ),
    guard(
      'others-well',
      lostShare <= tuning.maxLostShare,
      `${Math.round(lostShare * 100)} % of all groups look lost at once, so the fault may be here`,
    ),
  ];
}

/** What the condition itself must say: severe enough, and hosts would wait for too long. */
export function conditionGuards(
  { tuning }: SwapRecoveryState,
  condition: SwapCondition,
): readonly SwapGuard[] {
  const { severity, estimatedDelayMs } = condition;
  const isLong =
    estimatedDelayMs === undefined ? tuning.unknownDelaySwaps : estimatedDelayMs > tuning.delayThresholdMs;
  const delay =
    estimatedDelayMs === undefined
      ? 'the storage does not say how long I/O will be delayed'
      : `I/O will be delayed by ${estimatedDelayMs} ms, and only more than ${tuning.delayThresholdMs} ms swaps`;
  return [
    {
      name: 'severe',
      holds: isAtLeast(severity, tuning.swapSeverity),
      sentence: `it is ${severity}, and only ${tuning.swapSeverity} swaps`,
    },
    { name: 'delayed', holds: isLong, sentence: delay },
  ];
}

/** A condition at the active site: does it swap? One decision per session, however many messages tell of it. */
export function considerSwap(turn: SwapTurn, condition: SwapCondition): void {
  const { state } = turn;
  if (state.phase !== 'duplex' || state.attempt !== undefined) return;
  const against = [...conditionGuards(state, condition), ...sessionGuards(state)].find(({ holds }) => !holds);
  if (against !== undefined) {
    const { name, sentence } = against;
    const isSevere = isAtLeast(condition.severity, state.tuning.swapSeverity);
    turn.report(isSevere ? 'warning' : 'info', {
      kind: 'no-swap',
      token: condition.token,
      guard: name,
      sentence,
    });
    return;
  }
  const { record, self, tuning, operationsBegun } = state;
  const toEpoch = record.epoch + 1;
  const operationId = `${self.groupId}/swap/${self.nodeId}/${self.incarnation}/${operationsBegun + 1}`;
  const { site, severity, token, estimatedDelayMs } = condition;
  const effect = turn.wish(
    { kind: 'request-operation', operationId, epoch: record.epoch },
    {
      kind: 'swap',
      site,
      severity,
      token,
      ...(estimatedDelayMs === undefined ? {} : { estimatedDelayMs }),
      thresholdMs: tuning.delayThresholdMs,
      toEpoch,
    },
  );
  turn.patch({
    phase: 'swapping',
    operationsBegun: operationsBegun + 1,
    attempt: {
      operationId,
      to: otherSite(record.activeSite),
      toEpoch,
      stage: 'operation',
      effect,
      deadlineAt: turn.at + tuning.freezeTimeoutMs,
      token,
    },
  });
}

function awaited(turn: SwapTurn, stage: SwapAttempt['stage'], effect: EffectId): SwapAttempt | undefined {
  const { attempt } = turn.state;
  if (attempt?.stage === stage && attempt.effect === effect) return attempt;
  turn.absorb('answer-not-awaited');
  return undefined;
}

export function onSwapGranted(turn: SwapTurn, effect: EffectId): void {
  const attempt = awaited(turn, 'operation', effect);
  if (attempt === undefined) return;
  const { operationId, toEpoch, token } = attempt;
  turn.patch({ attempt: { ...attempt, stage: 'intent' } });
  const record = { ...wantedSwapRecord(turn.state), swap: { operationId, toEpoch } };
  turn.save(record, 'intent', {
    kind: 'phase',
    phase: 'swapping',
    detail: `condition ${token} swaps in epoch ${toEpoch}`,
  });
}

export function onIntentWritten(turn: SwapTurn): void {
  const { attempt, record, tuning } = turn.state;
  if (attempt?.stage !== 'intent') return;
  const detail = `hosts are frozen for at most ${tuning.freezeTimeoutMs} ms`;
  const effect = turn.wish(
    { kind: 'freeze-io', epoch: record.epoch },
    { kind: 'phase', phase: 'swapping', detail },
  );
  const deadlineAt = turn.at + tuning.freezeTimeoutMs;
  turn.patch({ attempt: { ...attempt, stage: 'freeze', effect, frozenAt: turn.at, deadlineAt } });
}

export function onFrozen(turn: SwapTurn, effect: EffectId): void {
  const attempt = awaited(turn, 'freeze', effect);
  if (attempt === undefined) return;
  const { to, toEpoch } = attempt;
  const detail = `everything is frozen, and all hosts turn to the ${to} site`;
  const switched = turn.wish(
    { kind: 'switch-hosts', to, epoch: toEpoch },
    { kind: 'phase', phase: 'swapping', detail },
  );
  turn.patch({ attempt: { ...attempt, stage: 'switch', effect: switched } });
}

/** All hosts, or none: who could not follow is fenced before the epoch begins. */
export function onSwitched(turn: SwapTurn, effect: EffectId, failedHosts: readonly string[]): void {
  const attempt = awaited(turn, 'switch', effect);
  if (attempt === undefined) return;
  if (failedHosts.length === 0) {
    commit(turn, attempt);
    return;
  }
  const because = { kind: 'hosts-failed', hosts: failedHosts.length, toEpoch: attempt.toEpoch } as const;
  const fenced = turn.wish({ kind: 'fence-hosts', hosts: failedHosts, epoch: attempt.toEpoch }, because);
  turn.report('alarm', because);
  turn.patch({ attempt: { ...attempt, stage: 'fence', effect: fenced } });
}

export function onFenced(turn: SwapTurn, effect: EffectId): void {
  const attempt = awaited(turn, 'fence', effect);
  if (attempt !== undefined) commit(turn, attempt);
}

export function onSwapAnswerFailed(
  turn: SwapTurn,
  stage: SwapAttempt['stage'],
  effect: EffectId,
  detail: string,
): void {
  if (awaited(turn, stage, effect) !== undefined) undo(turn, detail);
}

/** From this wish on the swap happens: its outcome is on the disk, and nowhere else. */
function commit(turn: SwapTurn, attempt: SwapAttempt): void {
  const { record, tuning, now } = turn.state;
  const { to, toEpoch, operationId } = attempt;
  turn.patch({ phase: 'committing', attempt: { ...attempt, stage: 'commit' } });
  turn.save(
    {
      ...wantedSwapRecord(turn.state),
      epoch: toEpoch,
      activeSite: to,
      protection: 'exposed',
      swap: { operationId, toEpoch },
      swaps: within(turn.state.swaps, tuning.swapsWindowMs, now).length + 1,
      fullCopy: false,
    },
    'commit',
    { kind: 'commit', site: to, fromEpoch: record.epoch, toEpoch },
  );
}

export function onCommitWritten(turn: SwapTurn, effect: EffectId): void {
  const { attempt, tuning, now, swaps } = turn.state;
  if (attempt?.stage !== 'commit') return;
  const { to, toEpoch, frozenAt, operationId } = attempt;
  const because = { kind: 'swapped', site: to, epoch: toEpoch, frozenMs: now - (frozenAt ?? now) } as const;
  turn.patch({
    phase: 'waiting',
    attempt: undefined,
    swappedAt: now,
    swaps: [...within(swaps, tuning.swapsWindowMs, now), now],
    approved: false,
    stableSince: undefined,
    cleanAskedAt: undefined,
    pollAt: now + tuning.pollMs,
  });
  turn.wish({ kind: 'release-io', site: to, epoch: toEpoch }, because, [effect]);
  turn.wish({ kind: 'set-swap', enabled: false, from: to, to: otherSite(to) }, because);
  swapIsOver(turn, operationId, 'committed');
  turn.report('alarm', because);
}

export function swapIsOver(turn: SwapTurn, operationId: string, outcome: 'committed' | 'aborted'): void {
  turn.wish(
    { kind: 'release-operation', operationId, outcome },
    { kind: 'operation-over', operationId, outcome },
  );
}

/** All hosts go back to where they were: both copies are still equal, since everything was frozen. */
export function undo(turn: SwapTurn, detail: string): void {
  const { attempt, record, now } = turn.state;
  if (attempt === undefined || attempt.stage === 'commit') return;
  const { stage, operationId } = attempt;
  const because: SwapRecoveryReason = {
    kind: 'unswapped',
    site: record.activeSite,
    epoch: record.epoch,
    stage,
    detail,
  };
  // The next condition may not freeze hosts again at once.
  turn.patch({ phase: 'duplex', attempt: undefined, swappedAt: now });
  if (stage !== 'operation' && stage !== 'intent')
    turn.wish({ kind: 'release-io', site: record.activeSite, epoch: record.epoch }, because);
  turn.save(withoutSwap(wantedSwapRecord(turn.state)), 'nothing', because);
  swapIsOver(turn, operationId, 'aborted');
  turn.report('alarm', because);
}

export function withoutSwap(record: SwapRecord): SwapRecord {
  const { swap: _swap, ...kept } = record;
  return kept;
}
