import { pooledMemoryFt } from '../../src/index.js';
import { hosts, perform, start, tell, type StepOf, type System } from './system.js';

/** One thing that happens when nothing goes wrong: a start, a wish carried out, or an answer. */
export function calmly(system: System, step: StepOf): System | undefined {
  const [effect] = system.pending;
  const [fact, ...answers] = system.answers;
  if (system.policy === undefined) return start(system, step);
  if (effect !== undefined) return perform(system, effect, step);
  return fact === undefined ? undefined : tell({ ...system, answers }, fact, step);
}

/** What hosts say of themselves again and again, and what the policy wants to look at in time. */
export function watch(system: System, step: StepOf): System {
  const { policy, writers } = system;
  if (policy === undefined) return system;
  const { primary: host } = policy.record;
  const { deadAfterMs } = policy.self.tuning;
  const isUp = writers[host]?.epoch === policy.record.epoch;
  const heard = isUp
    ? { pool: 'alive' as const, silentMs: 0 }
    : { pool: 'silent' as const, silentMs: deadAfterMs };
  let next = tell(system, { kind: 'host-heard', host, network: 'alive', ...heard }, step);
  for (const former of policy.record.formerWriters ?? []) {
    const epoch = writers[former]?.epoch ?? policy.record.epoch - 1;
    const kind = writers[former] === undefined ? 'writer-ended' : 'writer-seen';
    next = tell(next, { kind, host: former, epoch }, step);
  }
  next = tell(next, { kind: 'hosts-reported', hosts }, step);
  if (next.pending.length > 0) return next;
  const at = next.policy === undefined ? undefined : pooledMemoryFt.wakeAt(next.policy);
  return tell({ ...next, now: Math.max(next.now + 1, at ?? 0) }, { kind: 'tick' }, step);
}

/** Protected by a secondary that waits, every former writer has ended, and nothing is under way. */
export function isAtRest({ policy, standby, pending, answers }: System): boolean {
  const isQuiet = pending.length === 0 && answers.length === 0 && policy?.saving === undefined;
  const isAlone = (policy?.record.formerWriters ?? []).length === 0;
  return isQuiet && isAlone && policy?.mode === 'protected' && standby === policy.secondary?.host;
}

/** From now on nothing goes wrong any more. */
export function comeToRest(system: System, step: StepOf): System {
  let current = system;
  for (let turn = 0; turn < 300 && !(turn > 6 && isAtRest(current)); turn += 1)
    current = calmly(current, step) ?? watch(current, step);
  return current;
}
