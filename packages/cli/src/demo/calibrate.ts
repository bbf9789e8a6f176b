import { lan, type PolarizationTiming } from '@holdfast/core';

/** A machine that is this late at its timers before anything has started will be several times later under load. */
const calmMs = 30;
const largestFactor = 8;

/** How late this machine's timers are now, in milliseconds: the worst of `forMs`. */
export async function measureLateness(forMs: number): Promise<number> {
  const everyMs = 4;
  const until = performance.now() + forMs;
  let worst = 0;
  for (let due = performance.now() + everyMs; due < until; due = performance.now() + everyMs) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    worst = Math.max(worst, performance.now() - due);
  }
  return worst;
}

/**
 * By what the timers of `lan` are multiplied so that a busy machine does not look like a lost node: 1 on a calm one. Leases must
 * be longer than the time for which the machine forgets its processes; on a real site the operator chooses the profile for that.
 */
export function timingFactor(latenessMs: number): number {
  return Math.min(largestFactor, Math.max(1, Math.ceil(latenessMs / calmMs)));
}

/** `lan` with every span `factor` times as long. Every relation between them stays. */
export function stretched(factor: number): PolarizationTiming {
  const { clockDriftPpm, peerCallTries, witnessCallTries, hostIoTimeoutMs, ...spans } = lan;
  const longer = Object.fromEntries(Object.entries(spans).map(([name, span]) => [name, span * factor]));
  return { ...lan, ...longer, clockDriftPpm, peerCallTries, witnessCallTries, hostIoTimeoutMs };
}
