/** A time in which this process did not come to its turn: too much work, or no CPU. */
export interface Standstill {
  readonly untilMs: number;
  readonly lengthMs: number;
}

const lookEveryMs = 10;

/**
 * Calls back for every standstill of at least `leastMs`. Measured by a timer that comes late, so what it says is what every
 * other timer of this process suffered too. Does not keep the process alive.
 */
export function watchStandstill(leastMs: number, found: (standstill: Standstill) => void): () => void {
  let due = performance.now() + lookEveryMs;
  const timer = setInterval(() => {
    const now = performance.now();
    const lengthMs = now - due;
    due = now + lookEveryMs;
    if (lengthMs >= leastMs) found({ untilMs: Date.now(), lengthMs });
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
