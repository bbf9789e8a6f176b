import { fence } from './failover.js';
import { needSecondary, protectIfComplete } from './protect.js';
import type { Turn } from './turn.js';
import type { PooledMemoryEvent } from './types.js';

type Sealed = Extract<PooledMemoryEvent, { kind: 'generation-sealed' }>;

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

export function onSealed(turn: Turn, event: Sealed): void {
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

function refusalOf(turn: Turn, event: Sealed): string | undefined {
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
