import type { Millis } from '../../kernel/time.js';
import type { PooledMemoryState } from './state.js';

/** When something becomes due, if nothing else happens before. */
export function wakeAt(state: PooledMemoryState): Millis | undefined {
  if (!state.booted) return state.now;
  const { mode, self, saving, call, suspect, checkpoint, proof } = state;
  const { callTimeoutMs, leaseMs, guardMs, deadAfterMs } = self.tuning;
  const due: (Millis | undefined)[] = [
    saving?.retryAt,
    call === undefined ? undefined : call.since + callTimeoutMs,
  ];
  if (mode === 'fencing' && suspect !== undefined && proof === undefined) {
    if (!suspect.lockAsked) due.push(suspect.heardAt + deadAfterMs);
    due.push(suspect.heardAt + Math.max(leaseMs + guardMs, deadAfterMs));
  }
  if (mode === 'protected' || mode === 'starting' || mode === 'needSecondary') {
    if (checkpoint !== undefined) due.push(checkpoint.since + callTimeoutMs);
    else if (saving === undefined) due.push(state.checkpointAt);
    if (mode !== 'protected' && call === undefined && state.secondary?.isAttached !== true)
      due.push(state.secondaryAt);
  }
  const times = due.filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.max(state.now, Math.min(...times));
}
