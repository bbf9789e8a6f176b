import { finishCopy, perform, start, tell, type Rules, type System } from './model.js';

/** One thing that happens when nothing goes wrong: a start, a wish carried out, an answer, or the end of the copy. */
export function calmly(system: System, rules: Rules): System | undefined {
  const [effect] = system.pending;
  const [fact, ...answers] = system.answers;
  if (system.policy === undefined) return start(system, rules);
  if (effect !== undefined) return perform(system, effect, false, rules);
  if (fact !== undefined) return tell({ ...system, answers }, fact, rules);
  return system.copying === undefined ? undefined : finishCopy(system, rules);
}

/** The controller's process ends, and with it a copy that nobody can say the end of. */
export function end(system: System): System {
  const isHalf = system.mirrored && system.disk.protection === 'exposed';
  const copy = isHalf ? { mirrored: false, changed: true } : {};
  return { ...system, policy: undefined, pending: [], answers: [], copying: undefined, ...copy };
}

/** Time passes until the policy wants to look. */
export function wait(system: System, rules: Rules): System {
  const at = system.policy === undefined ? undefined : rules.policy.wakeAt(system.policy);
  return tell({ ...system, now: Math.max(system.now + 1, at ?? 0) }, { kind: 'tick' }, rules);
}

/** From now on nothing goes wrong any more. */
export function comeToRest(system: System, rules: Rules): System {
  let current = system;
  for (let turn = 0; turn < 300; turn += 1) {
    const isRest = current.policy?.phase === 'duplex' && current.policy.attempt === undefined;
    const next = calmly(current, rules);
    if (next === undefined && isRest) break;
    current = next ?? wait(current, rules);
  }
  return current;
}
