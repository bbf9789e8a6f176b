import { Prng, mirroringDefaults, selectHotBlocks, type MirroringHeatSnapshot } from '@holdfast/core';

// Scores and selects one million blocks, as often as asked, and prints how long each round took.
const blocks = 1_000_000;
const rounds = Number(process.argv[2] ?? 7);
const random = new Prng(7);
const numbers = (value: (index: number) => number): Float64Array =>
  Float64Array.from({ length: blocks }, (_, index) => value(index));

const snapshot: MirroringHeatSnapshot = {
  heat: { version: 1, digest: 'bench', takenAt: 3_600_000, observedMs: 3_600_000 },
  block: Uint32Array.from({ length: blocks }, (_, block) => block),
  reads: numbers(() => 1_000 / (1 + random.below(blocks))),
  writes: numbers(() => 200 / (1 + random.below(blocks))),
  lastAt: numbers(() => random.below(3_600_000)),
  sizeBytes: numbers(() => 2_048 + random.below(2_049)),
  classOf: Uint8Array.from({ length: blocks }, () => (random.below(50) === 0 ? 1 : 0)),
  classes: ['data', 'metadata'],
  qualityOf: new Uint8Array(blocks),
  qualities: ['standard'],
  labelOf: Uint8Array.from({ length: blocks }, () => (random.below(20) === 0 ? 1 : 0)),
  labels: ['internal', 'secret'],
  tenantOf: new Uint8Array(blocks),
  tenants: ['one'],
  flags: Uint8Array.from({ length: blocks }, () => (random.below(1_000) === 0 ? 1 : 0)),
};

const times: number[] = [];
const processor: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const before = performance.now();
  const used = process.cpuUsage();
  const { rows, expectedWarmShare } = selectHotBlocks(snapshot, {
    tuning: mirroringDefaults,
    budgetBytes: blocks * 4_096 * 0.1,
    isMirrored: (block) => block % 11 === 0,
  });
  times.push(performance.now() - before);
  const { user, system } = process.cpuUsage(used);
  processor.push((user + system) / 1_000);
  const share = Math.round(expectedWarmShare * 100);
  console.log(
    `round ${round + 1}: ${Math.round(times.at(-1) ?? 0)} ms, processor ${Math.round(processor.at(-1) ?? 0)} ms, ${rows.length} blocks chosen, ${share} % of the reads`,
  );
}
const median = (values: readonly number[]): number =>
  Math.round([...values].sort((a, b) => a - b)[values.length >> 1] ?? 0);
console.log(
  `1,000,000 blocks scored and selected: median ${median(times)} ms, processor time ${median(processor)} ms, best ${Math.round(Math.min(...times))} ms`,
);
