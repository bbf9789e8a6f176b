import { areUsableSums, estimateFailback, isUsableProbe, mergeIo, noIo, thresholdUs } from './estimator.js';
import type { FailbackWindow, FailbackVote, LatencyFailbackState } from './state.js';
import type { FailbackTurn } from './turn.js';
import type { LatencyFailbackFact } from './types.js';
import type { Millis } from '../../kernel/time.js';

/** Whether latencies are looked at: before a redirect to decide, after one to see whether it was right. */
function looks(state: LatencyFailbackState): boolean {
  return decides(state) || state.watch !== undefined;
}

function decides(state: LatencyFailbackState): boolean {
  return state.phase === 'resync' || state.phase === 'synced';
}

export function windowEndsAt(state: LatencyFailbackState): Millis | undefined {
  return state.window === undefined ? undefined : state.window.startedAt + state.tuning.windowMs;
}

/** Opens a window when latencies begin to matter, and forgets everything when they cease to. */
export function keepWindow(turn: FailbackTurn): void {
  const { state } = turn;
  if (looks(state) === (state.window !== undefined)) return;
  if (state.window === undefined) open(turn, turn.at);
  else forgetSamples(turn);
}

function open(turn: FailbackTurn, startedAt: Millis): void {
  turn.patch({ window: { startedAt, sums: noIo, copiedBytes: 0, dirtiedBytes: 0 } });
  if (!decides(turn.state)) return;
  const { windowMs } = turn.state.tuning;
  turn.patch({ probing: turn.wish({ kind: 'probe' }, { kind: 'probe-due', windowMs }) });
}

/** No window, no votes: whoever decides again begins with new samples. */
export function forgetSamples(turn: FailbackTurn): void {
  turn.patch({
    window: undefined,
    votes: [],
    smoothedUs: undefined,
    probe: undefined,
    probing: undefined,
    pace: { copiedBytes: 0, dirtiedBytes: 0 },
  });
}

/** Closes what has ended by now. O(decisionWindows), however long nothing came. */
export function closeWindows(turn: FailbackTurn): void {
  const { window, tuning } = turn.state;
  if (window === undefined) return;
  const { windowMs, decisionWindows } = tuning;
  let ended = Math.floor((turn.at - window.startedAt) / windowMs);
  if (window.startedAt + (ended + 1) * windowMs <= turn.at) ended += 1;
  if (ended < 1) return;
  if (decides(turn.state)) vote(turn, window);
  else look(turn, window);
  // Windows in which nothing was seen at all say nothing, and push out what was said before.
  const silent = Math.min(ended - 1, decisionWindows);
  for (let index = 0; index < silent; index += 1) addVote(turn, 'void');
  turn.windowClosed = true;
  open(turn, window.startedAt + ended * windowMs);
}

function addVote(turn: FailbackTurn, vote: FailbackVote): void {
  turn.patch({ votes: [...turn.state.votes, vote].slice(-turn.state.tuning.decisionWindows) });
}

function vote(turn: FailbackTurn, window: FailbackWindow): void {
  const { state } = turn;
  const { tuning, probe, map, recovery } = state;
  const { sums, copiedBytes, dirtiedBytes } = window;
  turn.patch({ pace: { copiedBytes, dirtiedBytes } });
  const isFresh = probe !== undefined && turn.at - probe.at <= tuning.probeFreshMs;
  if (sums.reads + sums.writes < tuning.minimumSamples || !isFresh || map.state !== 'known') {
    addVote(turn, 'void');
    return;
  }
  const estimate = estimateFailback({
    sums,
    probe: probe.values,
    outOfSyncBytes: map.outOfSyncBytes,
    totalBytes: map.totalBytes,
    loadFactor: recovery?.running === true ? tuning.loadFactor : 1,
    smoothedUs: state.smoothedUs,
    newestShare: tuning.average.kind === 'ewma' ? tuning.average.newestShare : 1,
  });
  turn.patch({ estimate, smoothedUs: estimate.recordedUs });
  const isFaster = estimate.differenceUs <= thresholdUs(tuning.threshold, estimate.recordedUs);
  addVote(turn, isFaster ? 'agrees' : 'disagrees');
}

/** The newest window agrees, and enough of those before it. */
export function latenciesAgree(state: LatencyFailbackState): boolean {
  const { votes, tuning } = state;
  const { decisionWindows, decisionShare } = tuning;
  if (votes.length < decisionWindows || votes.at(-1) !== 'agrees') return false;
  return agreeingVotes(state) >= decisionShare * decisionWindows;
}

export function agreeingVotes(state: LatencyFailbackState): number {
  return state.votes.filter((one) => one === 'agrees').length;
}

/**
 * One window at home after a redirect. It counts as slow only when no more accesses missed than were expected: otherwise the copy that
 * is still under way explains it. Nothing is sent back: that would be the next step of an oscillation.
 */
function look(turn: FailbackTurn, { sums }: FailbackWindow): void {
  const { watch, tuning } = turn.state;
  if (watch === undefined) return;
  const samples = sums.reads + sums.writes;
  const windowsLeft = watch.windowsLeft - 1;
  if (samples < tuning.minimumSamples) {
    turn.patch({ watch: windowsLeft > 0 ? { ...watch, windowsLeft } : undefined });
    return;
  }
  const measuredUs = (sums.readsTotalUs + sums.writesTotalUs) / samples;
  const missShare = sums.reads === 0 ? 0 : sums.readsOutOfSync / sums.reads;
  const limitUs = thresholdUs(tuning.alarmThreshold, watch.recordedUs);
  const isSlow = missShare <= watch.missShare && measuredUs - watch.recordedUs > limitUs;
  const slow = [...watch.slow, isSlow].slice(-tuning.decisionWindows);
  const slowWindows = slow.filter(Boolean).length;
  if (slow.length === tuning.decisionWindows && slowWindows >= tuning.decisionShare * slow.length) {
    turn.patch({ watch: undefined });
    turn.report('alarm', {
      kind: 'slower-at-home',
      measuredUs,
      recordedUs: watch.recordedUs,
      expectedUs: watch.expectedUs,
      windows: slow.length,
      dwellLeftMs: Math.max(0, turn.state.activeSince + tuning.dwellMs - turn.at),
    });
    return;
  }
  turn.patch({ watch: windowsLeft > 0 ? { ...watch, slow, windowsLeft } : undefined });
}

export function onIoSampled(
  turn: FailbackTurn,
  { site, sums }: Extract<LatencyFailbackFact, { kind: 'io-sampled' }>,
): void {
  const { window, record } = turn.state;
  if (!areUsableSums(sums)) turn.absorb('not-a-number');
  else if (window === undefined || site !== record.activeSite) turn.absorb('not-in-this-phase');
  else turn.patch({ window: { ...window, sums: mergeIo(window.sums, sums) } });
}

/** What the remaining hosts see is another mix: all samples so far count for nothing. The state stays. */
export function onHostLost(turn: FailbackTurn): void {
  const { window, watch } = turn.state;
  turn.patch({
    votes: [],
    smoothedUs: undefined,
    ...(window === undefined ? {} : { window: { ...window, sums: noIo } }),
    ...(watch === undefined ? {} : { watch: { ...watch, slow: [] } }),
  });
}

export function onProbeAnswered(
  turn: FailbackTurn,
  { effect, probe }: Extract<LatencyFailbackFact, { kind: 'probe-answered' }>,
): void {
  if (turn.state.probing !== effect) turn.absorb('answer-not-awaited');
  else if (!isUsableProbe(probe)) turn.absorb('not-a-number');
  else turn.patch({ probing: undefined, probe: { values: probe, at: turn.at } });
}

/** The probe of the window before may still be fresh; if not, the window is void. */
export function onProbeFailed(turn: FailbackTurn, effect: string): void {
  if (turn.state.probing !== effect) turn.absorb('answer-not-awaited');
  else turn.patch({ probing: undefined });
}
