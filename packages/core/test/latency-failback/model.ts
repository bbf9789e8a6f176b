import type { FailbackGate, LatencyFailbackEffect, LatencyFailbackFact } from '../../src/index.js';
import { BLOCK_BYTES, options, silent, type Rules, type System } from './system.js';

export * from './system.js';

/** A new life of the controller. It learns at once what can be seen; which epoch is the highest it is told by others. */
export function start(system: System, rules: Rules): System {
  const life = system.life + 1;
  const policy = rules.policy.init(options({ disk: system.disk, life }), 0);
  const { up } = system;
  const facts: LatencyFailbackFact[] = [
    { kind: 'health-changed', site: 'primary', ok: up.primary, detail: '' },
    { kind: 'health-changed', site: 'secondary', ok: up.secondary, detail: '' },
    { kind: 'link-changed', up: up.link },
  ];
  let next: System = { ...system, life, policy, sequence: 0, now: 0, pending: [], answers: [], facts: [] };
  for (const fact of facts) next = tell(next, fact, rules);
  return next;
}

/** Its data path dies with it: the doors close, a hold ends, a copy stops; the lock is found free by whoever handles faults. */
export function crash(system: System): System {
  const { policy: _policy, lock: _lock, copyInFlight: _copy, ...rest } = system;
  const gate = { ...system.gate, host: 'closed', reads: 'none', writes: 'none' } as const;
  return { ...rest, pending: [], answers: [], facts: [], gate, copying: false };
}

export function tell(system: System, fact: LatencyFailbackFact, rules: Rules): System {
  const { policy } = system;
  if (policy === undefined) return system;
  const sequence = system.sequence + 1;
  const step = rules.policy.step(policy, { ...fact, at: system.now, sequence });
  const wishes = step.effects.filter(({ kind }) => !silent.includes(kind));
  return check({ ...system, policy: step.state, sequence, pending: [...system.pending, ...wishes] }, rules);
}

/** Carries one wish out, whole, and lets the answer go its way. */
export function perform(system: System, effect: LatencyFailbackEffect, rules: Rules): System {
  const pending = system.pending.filter(({ id }) => id !== effect.id);
  const after = check(
    carryOut({ ...system, pending }, effect, rules.pretend.includes(effect.kind), rules),
    rules,
  );
  const reply = answerTo(after, effect);
  return reply === undefined ? after : { ...after, answers: [...after.answers, reply] };
}

function carryOut(system: System, effect: LatencyFailbackEffect, pretended: boolean, rules: Rules): System {
  // Said and not done.
  if (pretended)
    return effect.kind === 'hand-over-map' ? { ...system, generation: system.generation + 1 } : system;
  const { group } = system;
  switch (effect.kind) {
    case 'persist': {
      if (rules.lyingDisk) return system;
      const { epoch, activeSite } = effect.record;
      const isNew = epoch > group.epoch;
      return {
        ...system,
        disk: effect.record,
        group: isNew ? { ...group, epoch, active: activeSite } : group,
      };
    }
    case 'set-gate':
      return isFenced(system, effect.gate) ? system : { ...system, gate: effect.gate };
    case 'hold-io':
      return { ...system, gate: { ...system.gate, host: 'held' } };
    case 'hand-over-map':
      return reachable(system)
        ? {
            ...system,
            generation: system.generation + 1,
            marked: { ...system.marked, primary: system.marked.secondary },
          }
        : system;
    case 'pin-survivor':
      return { ...system, group: { ...group, pinned: true } };
    case 'unpin-survivor':
      return effect.epoch < group.epoch ? system : { ...system, group: { ...group, pinned: false } };
    case 'request-operation':
      return { ...system, lock: system.lock ?? effect.operationId };
    case 'release-operation':
      return system.lock === effect.operationId ? { ...system, lock: undefined } : system;
    case 'start-recovery':
      return reachable(system)
        ? {
            ...system,
            copying: true,
            ...(effect.full
              ? { generation: system.generation + 1, marked: { primary: true, secondary: true } }
              : {}),
          }
        : system;
    case 'stop-recovery':
      return { ...system, copying: false, copyInFlight: undefined };
    default:
      return system;
  }
}

/** The epoch is the fence where it is known: a primary that is cut off has not heard of a newer one. */
function isFenced({ group, up }: System, gate: FailbackGate): boolean {
  return gate.epoch < group.epoch && (gate.site === 'secondary' || up.link);
}

export function reachable({ up }: System): boolean {
  return up.primary && up.secondary && up.link;
}

function answerTo(system: System, effect: LatencyFailbackEffect): LatencyFailbackFact | undefined {
  const { id } = effect;
  const outOfSyncBytes = outOfSync(system);
  switch (effect.kind) {
    case 'persist':
      return { kind: 'persisted', effect: id };
    case 'request-operation':
      return system.lock === effect.operationId
        ? { kind: 'operation-granted', effect: id }
        : { kind: 'operation-refused', effect: id, by: 'another operation' };
    case 'pin-survivor':
      return { kind: 'survivor-pinned', effect: id };
    case 'hold-io':
      return { kind: 'drained', effect: id };
    case 'hand-over-map':
      return reachable(system)
        ? { kind: 'map-handed-over', effect: id, generation: system.generation, outOfSyncBytes }
        : { kind: 'map-handover-failed', effect: id, detail: 'the link is down' };
    case 'start-recovery':
      return reachable(system)
        ? {
            kind: 'recovery-started',
            effect: id,
            generation: system.generation,
            outOfSyncBytes,
            totalBytes: 10 * BLOCK_BYTES,
          }
        : { kind: 'recovery-failed', effect: id, detail: 'a site does not answer' };
    default:
      return undefined;
  }
}

/** A host writes the whole block through the open gate, if it is acknowledged there. */
export function write(system: System, rules: Rules): System | undefined {
  const { gate, group, up } = system;
  if (gate.epoch !== group.epoch || !up[gate.site]) return undefined;
  const sites = rules.routeWrite(gate);
  if (sites === 'wait') return undefined;
  if (sites.some((site) => !up[site] || (site !== gate.site && !up.link))) return undefined;
  const version = system.acked + 1;
  const both = sites.length === 2;
  const marked = both
    ? { primary: false, secondary: false }
    : { ...system.marked, secondary: system.marked.secondary || !sites.includes('primary') };
  const next: System = {
    ...system,
    acked: version,
    atPrimary: sites.includes('primary') ? version : system.atPrimary,
    atSecondary: sites.includes('secondary') ? version : system.atSecondary,
    marked,
  };
  return check(progress(system, next), rules);
}

/** The copy tells when the amount that is out of sync has changed. */
function progress(before: System, after: System): System {
  if (!after.copying || before.marked.secondary === after.marked.secondary) return after;
  return { ...after, facts: [...after.facts, progressOf(after)] };
}

function outOfSync({ marked, otherBlocks }: System): number {
  return BLOCK_BYTES * (otherBlocks + (marked.secondary ? 1 : 0));
}

export function progressOf(system: System): LatencyFailbackFact {
  const { marked, generation } = system;
  return {
    kind: 'recovery-progress',
    generation,
    outOfSyncBytes: outOfSync(system),
    copiedBytes: marked.secondary ? 0 : BLOCK_BYTES,
    dirtiedBytes: marked.secondary ? BLOCK_BYTES : 0,
    copyErrors: 0,
  };
}

export function readForCopy(system: System, rules: Rules): System | undefined {
  if (!system.copying || !reachable(system) || !system.marked.secondary) return undefined;
  if (system.copyInFlight !== undefined) return undefined;
  const next = { ...system, copyInFlight: system.atSecondary };
  // A mutant clears the mark before anything is durable.
  return rules.mayClearOutOfSync(system.atPrimary, system.atSecondary)
    ? check(progress(system, { ...next, marked: { primary: false, secondary: false } }), rules)
    : next;
}

export function writeCopy(system: System, rules: Rules): System | undefined {
  const version = system.copyInFlight;
  if (version === undefined || !reachable(system)) return undefined;
  const atPrimary = rules.mayApplyCopy(version, system.atPrimary) ? version : system.atPrimary;
  const isClear = rules.mayClearOutOfSync(atPrimary, system.atSecondary);
  const next = {
    ...system,
    atPrimary,
    copyInFlight: undefined,
    marked: isClear ? { primary: false, secondary: false } : system.marked,
  };
  return check(progress(system, next), rules);
}

/** Fault handling lets the secondary take over: only when the primary has stopped for certain, and never against an operation. */
export function takeOver(system: System, rules: Rules): System | undefined {
  const { group, up, gate, lock, policy } = system;
  if (group.active === 'secondary' || !up.secondary || (reachable(system) && policy !== undefined))
    return undefined;
  // A lease that the primary may still have, or may be about to use, is waited for.
  const opens = ({ site, host }: FailbackGate): boolean =>
    site === 'primary' && host === 'open' && up.primary;
  const isOpening = system.pending.some((wish) => wish.kind === 'set-gate' && opens(wish.gate));
  if (opens(gate) || isOpening || (lock !== undefined && policy !== undefined)) return undefined;
  const epoch = group.epoch + 1;
  const broken =
    system.atSecondary === system.acked ? undefined : 'the secondary took over without an acknowledged write';
  return check(
    {
      ...system,
      broken: system.broken ?? broken,
      group: { ...group, epoch, active: 'secondary' },
      gate: { site: 'secondary', epoch, host: 'open', reads: 'local', writes: 'tracked' },
    },
    rules,
  );
}

/** The primary is preferred: without a pin it goes on alone when the two lose each other. That must not happen with an old block. */
export function primaryGoesOnAlone(system: System): System | undefined {
  const { group, up } = system;
  if (group.active !== 'primary' || group.pinned || !up.primary || (up.link && up.secondary))
    return undefined;
  return system.atPrimary === system.acked
    ? undefined
    : { ...system, broken: 'the primary went on alone without an acknowledged write' };
}

/** What must hold whenever anything has happened. */
export function check(system: System, rules: Rules): System {
  const broken = system.broken ?? brokenRule(system, rules);
  return broken === undefined ? system : { ...system, broken };
}

function brokenRule(system: System, rules: Rules): string | undefined {
  const { policy, gate, group, up, acked } = system;
  if (policy !== undefined) {
    for (const invariant of rules.policy.invariants) {
      const broken = invariant.cost === 'cheap' ? invariant.check(policy) : undefined;
      if (broken !== undefined) return `${invariant.name}: ${broken}`;
    }
  }
  if (gate.host !== 'open') return undefined;
  if (gate.epoch > group.epoch) return `a gate of epoch ${gate.epoch} is open, and ${group.epoch} is durable`;
  if (!up[gate.site]) return undefined;
  const route = rules.routeRead(gate, system.marked.primary);
  if (route === 'wait' || !up[route] || (route !== gate.site && !up.link)) return undefined;
  const read = route === 'primary' ? system.atPrimary : system.atSecondary;
  return read === acked
    ? undefined
    : `a read at the ${gate.site} (${gate.reads}) returned version ${read} of the ${route}, acknowledged is ${acked}`;
}
