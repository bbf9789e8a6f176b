import type { Case } from './cases.js';
import type { Sample } from './fio.js';

/** One run: what the client saw, and what it cost. */
export interface Measurement extends Sample {
  /** Of all processes of the contender, per operation. */
  readonly processorMicros: number;
}

export interface Spread {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

/** Lowest, median and highest of at least one number. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((left, right) => left - right);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const half = Math.floor(sorted.length / 2);
  const middle = sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
  return { low: at(0), middle, high: at(sorted.length - 1) };
}

/** One line per contender: what it did, and against the peer in the same round. */
export function caseReport(
  load: Case,
  peer: string,
  judged: ReadonlySet<string>,
  samples: ReadonlyMap<string, readonly Measurement[]>,
): string {
  const peerSamples = samples.get(peer) ?? [];
  const lines = [...samples].map(([name, own]) => {
    const speed = spreadOf(own.map((sample) => sample.operationsPerSecond));
    const bandwidth = spreadOf(own.map((sample) => sample.mebibytesPerSecond));
    const median = spreadOf(own.map((sample) => sample.medianMicros)).middle;
    const tail = spreadOf(own.map((sample) => sample.p99Micros)).middle;
    // The lowest: what a busy machine adds is not the contender's.
    const cost = spreadOf(own.map((sample) => sample.processorMicros)).low;
    const facts = [
      `  ${name.padEnd(24)}`,
      `${speed.middle.toFixed(0)}/s`.padStart(10),
      `${bandwidth.middle.toFixed(0)} MiB/s`.padStart(11),
      `median ${median.toFixed(0)} us`.padStart(16),
      `p99 ${tail.toFixed(0)} us`.padStart(14),
      `CPU ${cost.toFixed(0)} us/op`.padStart(15),
    ].join(' ');
    if (name === peer) return facts;
    const ratios = own.map(
      (sample, round) => sample.operationsPerSecond / (peerSamples[round]?.operationsPerSecond ?? Number.NaN),
    );
    const { low, middle, high } = spreadOf(ratios);
    const compared = `${facts}   x${middle.toFixed(2)} (${low.toFixed(2)} .. ${high.toFixed(2)}`;
    if (!judged.has(name)) return `${compared})`;
    const verdict = middle >= load.aim ? 'aim reached' : middle >= load.must ? 'enough' : 'NOT ENOUGH';
    return `${compared}; must ${load.must}, aim ${load.aim}: ${verdict})`;
  });
  return [load.name, ...lines].join('\n');
}
