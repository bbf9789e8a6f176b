import { Bench } from '../../../packages/core/test/pool-devices/bench.js';
import { labFrom, requestFrom } from '../../../packages/core/test/pool-devices/story.js';
import { type Story } from '../story.js';

const estate = `appliances A B
device L1 chassis=0 slot=20
device L2 chassis=0 slot=21
device C1 chassis=0 slot=22
pool pA on=A log=L1+L2 cache=C1
pool pB on=B`;

/** A move that is refused and goes back, a controller that dies on the way, a removal by counts, and an import that is refused. */
export function poolDevicesStories(): Story[] {
  const bench = new Bench(labFrom(estate));
  const ask = (requestId: string, text: string): void => {
    bench.dispatch({ kind: 'requested', requestId, request: requestFrom(text) });
    bench.run();
    if (!bench.isRunning) bench.start();
    bench.run();
  };
  const refusal = { code: 'unsupported', retryable: false, detail: 'no' } as const;
  bench.start();
  bench.faults.push({ command: 'add-unit', fault: { kind: 'refuse', refusal } });
  ask('refused', 'move from=A/pA to=B/pB devices=L1,C1');
  bench.faults.push({ command: 'remove-unit', fault: { kind: 'crash', applied: true } });
  ask('interrupted', 'move from=A/pA to=B/pB devices=L1,C1');
  ask('by-counts', 'remove from=B/pB counts=0:log:2,0:cache:1');
  ask('elsewhere', 'import at=B/pA');
  return bench.lives.map(({ options, at, events }) => ({
    policy: 'pool-devices',
    title: `controller, start ${options.incarnation}`,
    at,
    options,
    events,
  }));
}
