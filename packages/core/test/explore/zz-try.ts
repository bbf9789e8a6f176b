import { explore, describeExploration } from '@holdfast/testkit';
import type { Scene } from './offers.js';
import { PolarizationSystem } from './polarization.js';
import { performance } from 'node:perf_hooks';
const limits = JSON.parse(process.argv[2] ?? '{"total":0}');
const opts = JSON.parse(process.argv[3] ?? '{}');
const scene: Scene = { name: 'try', limits, ...JSON.parse(process.argv[4] ?? '{}') };
const system = new PolarizationSystem(scene);
const found = explore(system, {
  clock: performance,
  runMsMax: 10000,
  ...opts,
  progress: (p) => process.env['P'] && console.log(p.depth, p.states, p.frontier),
});
console.log(describeExploration(found));
console.log(
  [...found.labels]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 60)
    .map((x) => x.join(' '))
    .join(', '),
);
const cpu = process.cpuUsage();
console.log(
  'cpu s',
  (cpu.user + cpu.system) / 1e6,
  'states/cpu s',
  Math.round(found.states / ((cpu.user + cpu.system) / 1e6)),
);
console.log(
  'policy steps',
  system.bench.steps,
  'pieces',
  system.bench.pieces.size,
  'rss',
  Math.round(process.memoryUsage().rss / 1e6),
  'frontier',
  found.frontierMost,
);
if (found.violation) {
  let w = system.initial()[0]!;
  const steps = [...found.violation.choices];
  const show = () =>
    w.nodes
      .map((n) =>
        n.state === null
          ? 'down'
          : `${n.state.mode} owner=${n.state.record.owner} rec=${n.state.record.mode}/${n.state.record.dataState}/e${n.state.record.epoch} leg=${n.state.legFailure !== undefined} op=${n.state.operation?.kind} sav=${n.state.saving?.then.kind} host=${n.state.gate.host} cl=${n.state.claim?.call} disk=${n.disk.mode}/${n.disk.epoch}`,
      )
      .join(' | ') +
    ` W=${w.witness.record?.state}/${w.witness.record?.owner}/${w.witness.record?.epoch} hold=${w.copies.hold}`;
  for (const c of steps) {
    try {
      w = system.apply(w, c);
    } catch (e) {
      console.log('threw', String(e).slice(0, 300));
      break;
    }
    console.log(system.describe(c), '=>', show());
  }
  if (found.violation.calm)
    for (let i = 0; i < 300; i += 1) {
      const c = system.calm.choose(w);
      if (!c) {
        console.log('no choice');
        break;
      }
      const b = show();
      w = system.apply(w, c);
      if (b !== show()) console.log('  calm', system.describe(c), '=>', show());
    }
}
