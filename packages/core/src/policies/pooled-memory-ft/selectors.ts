import type { DurationMs } from '../../kernel/time.js';
import type { PooledMemoryState } from './state.js';

/** What would happen if the primary's host died this moment. */
export interface PooledMemoryForecast {
  readonly host: string | undefined;
  readonly generation: number | undefined;
  /** From the last heartbeat to the promotion, when nothing but silence is known. */
  readonly withinMs: DurationMs | undefined;
  /** How much of the machine's time is run again, and how much of what it has sent may be seen twice. */
  readonly stateLossMs: DurationMs;
  readonly outputLossMs: DurationMs;
  readonly explanation: string;
}

export function whatIfPrimaryIsLost(state: PooledMemoryState): PooledMemoryForecast {
  const { self, secondary, record, intervalMs, pauseMs, mode } = state;
  const { leaseMs, guardMs, deadAfterMs, outputCommit } = self.tuning;
  const stateLossMs = intervalMs + pauseMs;
  const outputLossMs = outputCommit === 'buffer' ? 0 : stateLossMs;
  if (mode !== 'protected' || secondary === undefined) {
    const explanation = `Nobody would go on at once: the machine is ${mode}.`;
    return {
      host: undefined,
      generation: record.current,
      withinMs: undefined,
      stateLossMs,
      outputLossMs,
      explanation,
    };
  }
  const withinMs = Math.max(leaseMs + guardMs, deadAfterMs);
  const generation = record.current;
  const explanation = `Host ${secondary.host} would go on from generation ${String(generation)}, at the latest ${withinMs} ms after the last heartbeat, and ${stateLossMs} ms of the machine's time would be run again.`;
  return { host: secondary.host, generation, withinMs, stateLossMs, outputLossMs, explanation };
}
