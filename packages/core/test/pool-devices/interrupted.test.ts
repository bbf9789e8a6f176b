import { describe, expect, test } from 'vitest';
import { Bench, type Fault } from './bench.js';
import { brokenIn } from './lab.js';
import { labFrom, requestFrom, show } from './story.js';

const text = `appliances A B
device L1 chassis=0 slot=20
device L2 chassis=0 slot=21
device C1 chassis=0 slot=22
pool pA on=A log=L1+L2 cache=C1
pool pB on=B`;

const jobs = {
  'a move': { request: 'move from=A/pA to=B/pB devices=L1,C1' },
  'a move under another profile': { request: 'move from=A/pA to=B/pB devices=L1,C1 log-layout=striped' },
  'a removal': { request: 'remove from=A/pA counts=0:log:2,0:cache:1' },
  'a leg that leaves': { request: 'detach from=A/pA device=L1' },
  'a move that is refused': {
    request: 'move from=A/pA to=B/pB devices=L1,C1',
    fault: {
      kind: 'refuse',
      refusal: { code: 'unsupported', retryable: false, detail: 'no' },
    } satisfies Fault,
  },
} as const;

function run(job: { request: string; fault?: Fault }, crashAt?: { effect: number; applied: boolean }): Bench {
  const bench = new Bench(labFrom(text));
  bench.watch = () => {
    const broken = brokenIn(bench.lab);
    if (broken !== undefined) throw new Error(broken);
  };
  if (crashAt !== undefined) bench.crashAt = crashAt;
  const request = requestFrom(job.request);
  bench.start();
  // As a caller would that has had no answer: the same request again, after every start.
  for (let life = 0; life < 2; life += 1) {
    if (!bench.isRunning) bench.start();
    if (job.fault !== undefined) {
      bench.faults.length = 0;
      bench.faults.push({ command: 'add-unit', fault: job.fault });
    }
    bench.dispatch({ kind: 'requested', requestId: 'job', request });
    bench.run(30_000);
  }
  return bench;
}

describe.each(Object.entries(jobs))('%s, interrupted at every effect', (_name, job) => {
  const calm = run(job);

  test('reaches the same end, from the record alone', () => {
    expect(calm.effects).toBeGreaterThan(10);
    const [ended] = calm.disk.jobs;
    expect(ended?.ended).toBeDefined();
    for (let effect = 1; effect <= calm.effects; effect += 1) {
      for (const applied of [false, true]) {
        const bench = run(job, { effect, applied });
        const where = `effect ${String(effect)}, ${applied ? 'carried out' : 'not begun'}\n${bench.lines.join('\n')}`;
        expect(bench.incarnation, where).toBeLessThanOrEqual(2);
        expect(bench.lab.claims, where).toEqual({});
        const outcome = bench.disk.jobs[0]?.ended?.outcome;
        // The refusal of a command that is met again later may find the job on its way back already.
        if (!('fault' in job)) {
          expect(show(bench.lab), where).toBe(show(calm.lab));
          expect(outcome, where).toBe(ended?.ended?.outcome);
        } else {
          expect(['restored', 'stuck'], where).toContain(outcome);
        }
      }
    }
  });
});
