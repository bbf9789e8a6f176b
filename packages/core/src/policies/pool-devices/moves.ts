import type { EffectId } from '../../kernel/policy.js';
import type { DurationMs } from '../../kernel/time.js';
import type { PoolDevicesReason, PoolDevicesWait } from './reasons.js';
import type { PoolDevicesJob } from './state.js';
import type { Turn } from './turn.js';

/** Asks every appliance: a device that joins may be in a pool of any of them. */
export function look(turn: Turn, job: PoolDevicesJob, before: string): void {
  const open: Record<string, EffectId> = {};
  for (const appliance of turn.state.settings.appliances)
    open[appliance] = turn.wish({ kind: 'inspect', appliance }, { kind: 'look', appliance, before });
  turn.stage(job, { kind: 'looking', since: turn.at, before, open, views: {} });
}

export function wait(turn: Turn, job: PoolDevicesJob, because: PoolDevicesWait, forMs: DurationMs): void {
  const waiting = turn.stage(job, { kind: 'waiting', until: turn.at + forMs, because });
  tellOnce(turn, waiting, because);
}

function tellOnce(turn: Turn, job: PoolDevicesJob, because: PoolDevicesReason): void {
  const told = JSON.stringify(because);
  if (told === job.told) return;
  const level = because.kind === 'wait-hands' || because.kind === 'wait-pool' ? 'warning' : 'info';
  turn.report(turn.put({ ...job, told }), level, because);
}
