import { describe, expect, test } from 'vitest';
import { swapRecovery, type SwapRecoveryEvent, type SwapRecoveryState } from '../../src/index.js';
import { explore, type Exploration } from '../support/explorer.js';
import {
  finishCopy,
  inDuplex,
  other,
  perform,
  soundRules,
  start,
  tell,
  write,
  type Budget,
  type Rules,
  type System,
} from './model.js';

const nothing: Budget = {
  writes: 1,
  swaps: 1,
  crashes: 0,
  ticks: 4,
  hostFailures: 0,
  damages: 0,
  replacements: 0,
  refusals: 0,
  duplicates: 0,
};

interface Choice {
  readonly name: string;
  readonly go: () => System;
}

function choices(system: System, rules: Rules): readonly Choice[] {
  const found: Choice[] = [];
  const { policy, left } = system;
  const may = (name: string, spends: keyof Budget | undefined, go: () => System | undefined): void => {
    if (spends !== undefined && left[spends] <= 0) return;
    const spend = (next: System): System =>
      spends === undefined ? next : { ...next, left: { ...next.left, [spends]: next.left[spends] - 1 } };
    const next = go();
    if (next !== undefined) found.push({ name, go: () => spend(next) });
  };
  const kinds = new Set<string>();
  for (const effect of system.pending) {
    // The doors of the hosts keep their order, and so does everything of one kind.
    const thing = ['freeze-io', 'switch-hosts', 'release-io'].includes(effect.kind) ? 'doors' : effect.kind;
    if (kinds.has(thing)) continue;
    kinds.add(thing);
    may(`perform ${effect.kind}`, undefined, () => perform(system, effect, false, rules));
    if (effect.kind === 'switch-hosts')
      may('one host fails', 'hostFailures', () => perform(system, effect, true, rules));
    if (['request-operation', 'freeze-io', 'fence-hosts'].includes(effect.kind))
      may(`${effect.kind} fails`, 'refusals', () => perform(system, effect, true, rules));
  }
  system.answers.forEach((fact, index) => {
    const rest = system.answers.filter((_, at) => at !== index);
    may(`answer ${fact.kind}`, undefined, () => tell({ ...system, answers: rest }, fact, rules));
    may(`answer ${fact.kind} twice`, 'duplicates', () => tell(system, fact, rules));
  });
  system.hosts.forEach((_, index) =>
    may(`host ${index} writes`, 'writes', () => write(system, index, rules)),
  );
  may('the copy ends', undefined, () => finishCopy(system, rules));
  if (policy === undefined) {
    may('start', undefined, () => start(system, rules));
    return found;
  }
  const { activeSite } = policy.record;
  const sick = {
    kind: 'health-reported',
    codeClass: 'C3',
    token: `T${left.swaps}`,
    severity: 'acute',
    estimatedDelayMs: 9_000,
  } as const;
  may('a condition opens', 'swaps', () => tell(system, { ...sick, site: activeSite, report: 'open' }, rules));
  may('crash', 'crashes', () => ({
    ...system,
    policy: undefined,
    pending: [],
    answers: [],
    copying: undefined,
    ...unfinished(system),
  }));
  const extents = [{ startBytes: 0, lengthBytes: 4096 }];
  if (policy.record.protection === 'exposed')
    may('tracks are lost', 'damages', () =>
      tell({ ...system, damaged: true }, { kind: 'tracks-lost', site: other(activeSite), extents }, rules),
    );
  may('the other storage is replaced', 'replacements', () =>
    policy.phase === 'unknown' || policy.record.activeSite !== system.disk.activeSite
      ? undefined
      : tell(
          { ...system, mirrored: false, versions: { ...system.versions, [other(activeSite)]: -1 } },
          {
            kind: 'site-changed',
            site: other(activeSite),
            reachable: true,
            inService: false,
            replaced: true,
          },
          rules,
        ),
  );
  const due = policy.attempt?.stage === 'commit' ? policy.attempt.deadlineAt : rules.policy.wakeAt(policy);
  if (due !== undefined)
    may('time passes', 'ticks', () =>
      tell({ ...system, now: Math.max(due, system.now) }, { kind: 'tick' }, rules),
    );
  return found;
}

/** A copy that was under way, or had ended without anybody knowing it, counts as not made. */
function unfinished({ mirrored, disk, changed }: System): Partial<System> {
  return mirrored && disk.protection === 'exposed'
    ? { mirrored: false, changed: true }
    : { mirrored, changed };
}

function keyOf(system: System): string {
  const { sequence: _sequence, life: _life, now, policy, pending, ...rest } = system;
  const shown = policy && {
    ...policy,
    now: 0,
    absorbed: 0,
    conditions: 0,
    self: 0,
    tuning: 0,
    restarts: 0,
    swaps: 0,
    operationsBegun: 0,
  };
  const times = policy && [
    policy.pollAt,
    policy.stableSince,
    policy.cleanAskedAt,
    policy.swappedAt,
    policy.polling?.askedAt,
    policy.attempt?.deadlineAt,
    policy.attempt?.frozenAt,
  ];
  const bare = {
    ...shown,
    pollAt: 0,
    stableSince: 0,
    cleanAskedAt: 0,
    swappedAt: 0,
    polling: policy?.polling?.effect,
  };
  const attempt = policy?.attempt && { ...policy.attempt, deadlineAt: 0, frozenAt: 0 };
  const spans = times?.map((at) => (at === undefined ? 'never' : Math.max(-3, at - now)));
  const wishes = pending.map(({ because: _because, ...effect }) => effect);
  const names = new Map<string, string>();
  return JSON.stringify([{ ...bare, attempt, queued: policy?.queued?.then }, spans, wishes, rest]).replace(
    /g\/(?:swap\/)?n\/\d+\/\d+(?:\/\d+)?/g,
    (name) => {
      const short = names.get(name) ?? `#${names.size}`;
      names.set(name, short);
      return short;
    },
  );
}

function exploreWith(budget: Partial<Budget>, rules: Rules): Exploration<System, Choice> {
  return explore<System, Choice>(
    start(inDuplex({ ...nothing, ...budget }), rules),
    {
      choices: (system) => choices(system, rules),
      apply: (_, { go }) => go(),
      keyOf,
      brokenRule: ({ broken }) => broken,
    },
    200_000,
  );
}

describe('whatever happens in whatever order, all hosts are at one site, no read is old, and equal means equal', () => {
  test.each<[Partial<Budget>, number]>([
    [{}, 300],
    [{ crashes: 1, ticks: 2 }, 500],
    [{ hostFailures: 1, refusals: 1, ticks: 1 }, 300],
    [{ damages: 1 }, 300],
    [{ replacements: 1, ticks: 3 }, 300],
    [{ duplicates: 1, ticks: 1 }, 300],
  ])(
    'with %j: explored to the end, at least %i states',
    (budget, floor) => {
      const { states, depth, broken } = exploreWith(budget, soundRules);
      expect(broken && [broken.rule, ...broken.path.map(({ name }) => name)]).toBeUndefined();
      expect(states, `${states} states, depth ${depth}`).toBeGreaterThanOrEqual(floor);
    },
    120_000,
  );
});

type Change = (state: SwapRecoveryState, event: SwapRecoveryEvent) => SwapRecoveryState;

function policy(before: Change): Rules {
  const step: typeof swapRecovery.step = (state, event) => swapRecovery.step(before(state, event), event);
  return { ...soundRules, policy: { ...swapRecovery, invariants: [], step } };
}

describe('a guard that is taken out is missed by the same exploration', () => {
  test.each<[string, Rules, Partial<Budget>, RegExp]>([
    [
      'hosts go on before the commit is on the disk',
      { ...soundRules, lyingDisk: true },
      { crashes: 1, ticks: 0 },
      /is old|two sites|count as equal/,
    ],
    [
      'a host that cannot follow is left where it was',
      { ...soundRules, pretend: ['fence-hosts'] },
      { hostFailures: 1, ticks: 0 },
      /two sites/,
    ],
    [
      'hosts are not frozen while they are switched',
      { ...soundRules, pretend: ['freeze-io'] },
      { hostFailures: 1, ticks: 0 },
      /two sites/,
    ],
    [
      'damaged tracks are not marked',
      { ...soundRules, pretend: ['mark-tracks'] },
      { damages: 1, writes: 0 },
      /damaged true|versions/,
    ],
    [
      'another storage is copied to as if it were the old one',
      policy((state) => ({ ...state, record: { ...state.record, fullCopy: false } })),
      { replacements: 1, writes: 0 },
      /versions/,
    ],
    [
      'a commit that may be on the disk is taken back when time is up',
      policy((state, event) =>
        event.kind === 'tick' && state.attempt?.stage === 'commit'
          ? { ...state, phase: 'swapping', attempt: { ...state.attempt, stage: 'switch' } }
          : state,
      ),
      { crashes: 1, ticks: 1, writes: 2 },
      /is old|two sites|count as equal/,
    ],
    [
      'I/O swaps to an old copy',
      policy((state, event) =>
        event.kind === 'health-reported' && state.phase === 'waiting'
          ? {
              ...state,
              phase: 'duplex',
              swappedAt: undefined,
              record: { ...state.record, protection: 'duplex' },
              conditions: [],
            }
          : state,
      ),
      { swaps: 2, ticks: 0 },
      /is old|count as equal/,
    ],
  ])(
    '%s',
    (_name, rules, budget, breaks) => {
      const { broken } = exploreWith(budget, rules);
      expect(broken?.rule ?? 'nothing is broken').toMatch(breaks);
    },
    120_000,
  );
});
