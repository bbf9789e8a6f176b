import {
  freshSwapRecord,
  swapRecovery,
  type SwapRecord,
  type SwapRecoveryEffect,
  type SwapRecoveryFact,
  type SwapRecoveryOptions,
  type SwapRecoveryState,
  type SwapSite,
} from '../../src/index.js';

/** Two storages with one block, two hosts, a disk for the record, and a controller that may die. */
export interface System {
  readonly policy?: SwapRecoveryState | undefined;
  readonly disk: SwapRecord;
  readonly life: number;
  readonly sequence: number;
  readonly now: number;
  readonly pending: readonly SwapRecoveryEffect[];
  readonly answers: readonly SwapRecoveryFact[];
  readonly hosts: readonly { readonly site: SwapSite; readonly frozen: boolean; readonly fenced: boolean }[];
  readonly mirrored: boolean;
  readonly versions: Readonly<Record<SwapSite, number>>;
  readonly acked: number;
  /** The block is in the change map of the active site. */
  readonly changed: boolean;
  readonly damaged: boolean;
  readonly copying?:
    | { readonly effect: string; readonly from: SwapSite; readonly to: SwapSite; readonly whole: boolean }
    | undefined;
  readonly left: Budget;
  readonly broken?: string | undefined;
}

export interface Budget {
  readonly writes: number;
  readonly swaps: number;
  readonly crashes: number;
  readonly ticks: number;
  readonly hostFailures: number;
  readonly damages: number;
  readonly replacements: number;
  readonly refusals: number;
  readonly duplicates: number;
}

export interface Rules {
  readonly policy: typeof swapRecovery;
  readonly pretend: readonly SwapRecoveryEffect['kind'][];
  readonly lyingDisk: boolean;
}

export const soundRules: Rules = { policy: swapRecovery, pretend: [], lyingDisk: false };
export const silent: readonly string[] = ['report', 'answer', 'close-io', 'release-operation'];
export const other = (site: SwapSite): SwapSite => (site === 'first' ? 'second' : 'first');

/** Time passes by itself in here: nothing has to last, and every list is asked for at once. */
const tuning = {
  stableMs: 1,
  pollMs: 0.5,
  expectedResyncMs: 0,
  holdDownMs: 2,
  maxRestarts: 99,
  maxSwaps: 99,
  freezeTimeoutMs: 10,
};

export function options(disk: SwapRecord, life: number): SwapRecoveryOptions {
  return { groupId: 'g', nodeId: 'n', incarnation: life, record: disk, tuning };
}

export function inDuplex(left: Budget): System {
  const host = { site: 'first', frozen: false, fenced: false } as const;
  return {
    disk: freshSwapRecord({ groupId: 'g', epoch: 1 }),
    life: 0,
    sequence: 0,
    now: 0,
    pending: [],
    answers: [],
    hosts: [host, host],
    mirrored: true,
    versions: { first: 1, second: 1 },
    acked: 1,
    changed: false,
    damaged: false,
    left,
  };
}

export function start(system: System, rules: Rules): System {
  const life = system.life + 1;
  const policy = rules.policy.init(options(system.disk, life), system.now);
  const { epoch, activeSite, protection } = system.disk;
  const site = other(activeSite);
  let next: System = { ...system, life, policy, sequence: 0, pending: [], answers: [] };
  next = tell(next, { kind: 'members-changed', volumes: 1, mirrored: 1 }, rules);
  // What a storage says of itself, it says again to a controller that has not written it down.
  if (system.versions[site] < 0)
    next = tell(
      next,
      { kind: 'site-changed', site, reachable: true, inService: false, replaced: true },
      rules,
    );
  if (system.damaged) {
    const extents = [{ startBytes: 0, lengthBytes: 4096 }];
    next = tell(next, { kind: 'tracks-lost', site, extents }, rules);
  }
  return tell(next, { kind: 'epoch-known', epoch, activeSite, duplex: protection === 'duplex' }, rules);
}

export function tell(system: System, fact: SwapRecoveryFact, rules: Rules): System {
  const { policy } = system;
  if (policy === undefined) return system;
  const sequence = system.sequence + 1;
  const step = rules.policy.step(policy, { ...fact, at: system.now, sequence });
  const wishes = step.effects.filter(({ kind }) => !silent.includes(kind));
  return check({ ...system, policy: step.state, sequence, pending: [...system.pending, ...wishes] }, rules);
}

/** Carries out the oldest wish of its kind, whole, and lets the answer go its way. `fails`: as badly as it may. */
export function perform(system: System, effect: SwapRecoveryEffect, fails: boolean, rules: Rules): System {
  const pending = system.pending.filter(({ id }) => id !== effect.id);
  const isPretended = rules.pretend.includes(effect.kind) || (effect.kind === 'persist' && rules.lyingDisk);
  const before: System = { ...system, pending };
  const after = check(isPretended ? before : carryOut(before, effect, fails), rules);
  const reply = answerTo(effect, fails);
  return reply === undefined ? after : { ...after, answers: [...after.answers, reply] };
}

function carryOut(system: System, effect: SwapRecoveryEffect, fails: boolean): System {
  const { hosts } = system;
  switch (effect.kind) {
    case 'persist':
      return { ...system, disk: effect.record };
    case 'freeze-io':
      return fails ? system : { ...system, hosts: hosts.map((host) => ({ ...host, frozen: true })) };
    case 'switch-hosts':
      return {
        ...system,
        hosts: hosts.map((host, index) => (fails && index === 0 ? host : { ...host, site: effect.to })),
      };
    case 'fence-hosts':
      return {
        ...system,
        hosts: hosts.map((host, index) => (index === 0 ? { ...host, fenced: true } : host)),
      };
    case 'release-io': {
      const hasMoved =
        effect.site !== 'first' && system.mirrored && system.policy?.record.protection === 'exposed';
      return {
        ...system,
        // A host that could not follow stays where it is, unless it is fenced; an undone swap brings all back.
        hosts: hosts.map((host, index) => ({
          ...host,
          frozen: false,
          site: hasMoved && index === 0 && host.site !== effect.site ? host.site : effect.site,
        })),
        ...(hasMoved ? { mirrored: false } : {}),
      };
    }
    case 'mark-tracks':
      return effect.extents.length > 0 ? { ...system, changed: true } : system;
    case 'start-mirror': {
      const { id, from, to, full } = effect;
      return { ...system, copying: { effect: id, from, to, whole: full } };
    }
    case 'suspend-mirror':
      return { ...system, copying: undefined };
    default:
      return system;
  }
}

function answerTo({ kind, id: effect }: SwapRecoveryEffect, fails: boolean): SwapRecoveryFact | undefined {
  switch (kind) {
    case 'persist':
      return { kind: 'persisted', effect };
    case 'request-operation':
      return fails
        ? { kind: 'operation-refused', effect, by: 'another' }
        : { kind: 'operation-granted', effect };
    case 'freeze-io':
      return fails ? { kind: 'freeze-failed', effect, detail: '' } : { kind: 'io-frozen', effect };
    case 'switch-hosts':
      return { kind: 'hosts-switched', effect, failedHosts: fails ? ['h0'] : [] };
    case 'fence-hosts':
      return fails ? { kind: 'fence-failed', effect, detail: '' } : { kind: 'hosts-fenced', effect };
    case 'list-health':
      return { kind: 'health-listed', effect, open: [] };
    case 'mark-tracks':
      return { kind: 'tracks-marked', effect };
    default:
      return undefined;
  }
}

/** A host writes where it is; in duplex on both sites. */
export function write(system: System, index: number, rules: Rules): System | undefined {
  const host = system.hosts[index];
  if (host === undefined || host.frozen || host.fenced) return undefined;
  const version = system.acked + 1;
  const { versions, mirrored } = system;
  return check(
    {
      ...system,
      acked: version,
      versions: mirrored ? { first: version, second: version } : { ...versions, [host.site]: version },
      changed: system.changed || !mirrored,
    },
    rules,
  );
}

/** The copy ends: what is in its set is equal now. */
export function finishCopy(system: System, rules: Rules): System | undefined {
  const { copying, versions, changed, damaged } = system;
  if (copying === undefined) return undefined;
  const { from, to, whole, effect } = copying;
  const isIn = changed || whole;
  const done = {
    ...system,
    copying: undefined,
    versions: isIn ? { ...versions, [to]: versions[from] } : versions,
    damaged: damaged && !isIn,
    changed: false,
  };
  const fact: SwapRecoveryFact = { kind: 'mirror-changed', effect, mirror: 'duplex' };
  // From the end of the copy on, writes go to both: that is what "duplex" means.
  return check({ ...done, mirrored: true, answers: [...system.answers, fact] }, rules);
}

export function check(system: System, rules: Rules): System {
  const broken = system.broken ?? brokenRule(system, rules);
  return broken === undefined ? system : { ...system, broken };
}

function brokenRule(
  { policy, hosts, versions, acked, copying, damaged }: System,
  rules: Rules,
): string | undefined {
  for (const invariant of policy === undefined ? [] : rules.policy.invariants) {
    const broken = invariant.cost === 'cheap' ? invariant.check(policy!) : undefined;
    if (broken !== undefined) return `${invariant.name}: ${broken}`;
  }
  const { first, second } = versions;
  if (policy?.phase === 'duplex' && (first !== second || damaged))
    return `copies count as equal with versions ${first} and ${second}, damaged ${damaged}`;
  const serving = hosts.filter(({ frozen, fenced }) => !frozen && !fenced);
  if (new Set(serving.map(({ site }) => site)).size > 1) return 'hosts are served at two sites';
  const site = serving[0]?.site;
  if (site !== undefined && versions[site] !== acked) return `a read at the ${site} site is old`;
  return copying !== undefined && site !== undefined && copying.from !== site
    ? `data flows from the ${copying.from} site, and hosts are at the other`
    : undefined;
}
