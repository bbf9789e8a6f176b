import { fence } from './failover.js';
import { placeSecondary } from './place.js';
import type { NeedSecondaryCause, PooledMemoryEvent } from './types.js';
import type { Turn } from './turn.js';

type EventOf<Kind extends PooledMemoryEvent['kind']> = Extract<PooledMemoryEvent, { kind: Kind }>;

/** Runs on without protection, and says so. The primary is never touched for that. */
export function needSecondary(turn: Turn, cause: NeedSecondaryCause, detail: string): void {
  turn.patch({
    mode: 'needSecondary',
    cause,
    secondaryAt: turn.at,
    retryMs: turn.state.self.tuning.secondaryRetryMs,
  });
  turn.report('warning', { kind: 'need-secondary', cause, detail });
}

/** Looks for a place, and begins anew later when there is none. */
export function seekSecondary(turn: Turn): void {
  const { state } = turn;
  const { hosts, self, secondary, call, mode } = state;
  if ((mode !== 'needSecondary' && mode !== 'starting') || call !== undefined || turn.at < state.secondaryAt)
    return;
  if (secondary?.isAttached === true) {
    protectIfComplete(turn);
    return;
  }
  const { primary, formerWriters = [], epoch } = turn.record;
  const place = placeSecondary(hosts, primary, formerWriters, self);
  const retryMs = Math.min(state.retryMs, self.tuning.secondaryRetryMaxMs);
  if (place.host === undefined) {
    turn.report('warning', { kind: 'no-host', hosts: hosts.length, retryMs });
    turn.patch({
      mode: 'needSecondary',
      cause: 'no-host',
      secondaryAt: turn.at + retryMs,
      retryMs: Math.min(retryMs * 2, self.tuning.secondaryRetryMaxMs),
    });
    return;
  }
  const { id, freeMhz } = place.host;
  const because = { kind: 'secondary-chosen', host: id, freeMhz, candidates: place.candidates } as const;
  turn.call({ kind: 'attach-secondary', host: id, epoch }, because);
  turn.patch({ mode: 'starting', secondary: { host: id, isAttached: false } });
}

export function onAttached(turn: Turn, event: EventOf<'secondary-attached'>): void {
  if (!turn.answers(event.effect)) return;
  const { secondary } = turn.state;
  if (secondary === undefined) return;
  if (!turn.guards.standbyIsReadOnly(event.isReadOnly)) {
    const because = {
      kind: 'need-secondary',
      cause: 'initializing',
      detail: 'the process could write the memory',
    } as const;
    turn.wish({ kind: 'drop-secondary', host: secondary.host }, because);
    failedToAttach(turn, because.detail);
    return;
  }
  turn.patch({ secondary: { ...secondary, isAttached: true }, checkpointAt: turn.at });
  protectIfComplete(turn);
}

export function failedToAttach(turn: Turn, detail: string): void {
  const { retryMs } = turn.state;
  needSecondary(turn, 'initializing', detail);
  const next = Math.min(retryMs * 2, turn.state.self.tuning.secondaryRetryMaxMs);
  turn.patch({ secondary: undefined, secondaryAt: turn.at + retryMs, retryMs: next });
}

/** A secondary that waits and a sealed generation: both are needed. */
function protectIfComplete(turn: Turn): void {
  const { secondary, mode, failures } = turn.state;
  const { current } = turn.record;
  if ((mode !== 'starting' && mode !== 'needSecondary') || secondary?.isAttached !== true) return;
  if (current === undefined || failures > 0) return;
  turn.patch({ mode: 'protected', cause: undefined, retryMs: turn.state.self.tuning.secondaryRetryMs });
  turn.report('info', { kind: 'protected', host: secondary.host, generation: current });
}

export function onSecondaryLost(turn: Turn, host: string, detail: string): void {
  const { secondary, call, mode } = turn.state;
  if (secondary?.host !== host) {
    turn.absorb('loss of no secondary');
    return;
  }
  if (mode === 'promoting') return;
  turn.wish({ kind: 'drop-secondary', host }, { kind: 'need-secondary', cause: 'lost-connection', detail });
  const hosts = turn.state.hosts.filter(({ id }) => id !== host);
  // Not there again before it has been reported again.
  turn.patch({
    hosts,
    secondary: undefined,
    ...(call?.what === 'attach-secondary' ? { call: undefined } : {}),
  });
  if (mode !== 'fencing') needSecondary(turn, 'lost-connection', detail);
}

/** Checkpoints go on whether a secondary waits or not: a cold start needs them too. */
export function checkpointIfDue(turn: Turn): void {
  const { state } = turn;
  const { mode, checkpoint, intervalMs, pauseMs, self } = state;
  if (mode !== 'protected' && mode !== 'starting' && mode !== 'needSecondary') return;
  if (checkpoint !== undefined) {
    if (turn.at >= checkpoint.since + self.tuning.callTimeoutMs) checkpointFailed(turn, 'no answer in time');
    return;
  }
  if (state.saving !== undefined || (turn.at < state.checkpointAt && state.switchOver === undefined)) return;
  const { primary, epoch, current = 0, live = 0 } = turn.record;
  const generation = Math.max(current, live) + 1;
  const isLast = state.switchOver !== undefined && mode === 'protected';
  const because = { kind: 'checkpoint-due', generation, intervalMs, pauseMs } as const;
  const effect = turn.wish(
    { kind: 'checkpoint', host: primary, epoch, generation, stayStopped: isLast },
    because,
  );
  turn.patch({ checkpoint: { effect, generation, isLast, since: turn.at } });
}

export function onSealed(turn: Turn, event: EventOf<'generation-sealed'>): void {
  const { state, guards, record } = turn;
  const { checkpoint, mode, self } = state;
  const refusal = refusalOf(turn, event);
  if (refusal !== undefined) {
    turn.report('warning', { kind: 'seal-refused', generation: event.generation, why: refusal });
    // A seal of another epoch says nothing about the checkpoint that is under way.
    const isOurs = checkpoint?.effect === event.effect && event.epoch === record.epoch;
    if (isOurs && mode !== 'fencing') checkpointFailed(turn, refusal);
    else turn.absorb('seal that does not count');
    return;
  }
  const { tuning } = self;
  // A machine that stands still for longer than its share is stopped less often.
  const wanted = event.pauseMs / tuning.pauseShare;
  const intervalMs = Math.min(Math.max(wanted, tuning.checkpointIntervalMs), tuning.checkpointIntervalMaxMs);
  turn.patch({
    checkpoint: undefined,
    failures: 0,
    intervalMs,
    pauseMs: event.pauseMs,
    checkpointAt: turn.at + intervalMs,
  });
  const because = { kind: 'sealed', generation: event.generation, epoch: event.epoch } as const;
  const { current } = record;
  const persisted = turn.save(
    { current: event.generation, ...(current === undefined ? {} : { previous: current }) },
    because,
  );
  if (tuning.outputCommit === 'buffer') {
    turn.wish(
      { kind: 'release-output', throughGeneration: event.generation },
      because,
      guards.recordIsDurableFirst ? [persisted] : [],
    );
  }
  protectIfComplete(turn);
  if (checkpoint?.isLast === true) fence(turn, 'it was stopped in order');
}

function refusalOf(turn: Turn, event: EventOf<'generation-sealed'>): string | undefined {
  const { guards, record, state } = turn;
  if (!guards.sealEpochCounts(event.epoch, record.epoch)) return `epoch ${event.epoch} is over`;
  if (state.checkpoint?.effect !== event.effect) return 'nobody has asked for it';
  if (state.mode === 'fencing' && !guards.suspectMaySeal) return 'its writer is suspect';
  if (!guards.isOneInstant(event))
    return `memory is of stop ${event.ramStop}, device state of stop ${event.deviceStop}`;
  if (!guards.isWhole(event, state.self.ramBytes)) return 'it is not whole';
  return guards.argumentsFit(event.argumentsDigest, record.argumentsDigest)
    ? undefined
    : 'the machine was started with other arguments';
}

export function checkpointFailed(turn: Turn, detail: string): void {
  const { state } = turn;
  const { checkpointTries } = state.self.tuning;
  const failures = state.failures + 1;
  const wasLast = state.checkpoint?.isLast === true;
  turn.patch({ checkpoint: undefined, failures, checkpointAt: turn.at + state.intervalMs });
  turn.report('warning', { kind: 'checkpoint-failed', failures, tries: checkpointTries, detail });
  if (wasLast && state.switchOver !== undefined) {
    turn.answer(state.switchOver, 'switch-over', false, detail);
    turn.patch({ switchOver: undefined });
  }
  if (failures >= checkpointTries && state.mode === 'protected')
    needSecondary(turn, 'checkpoint-error', detail);
}
