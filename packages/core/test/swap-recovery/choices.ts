import {
  finishCopy,
  other,
  perform,
  start,
  tell,
  write,
  type Budget,
  type Rules,
  type System,
} from './model.js';

export interface Choice {
  readonly name: string;
  readonly go: () => System;
}

/** Everything that may happen in this system, given what is left of the explorer's budget. */
export function choices(system: System, rules: Rules): readonly Choice[] {
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
  // Not while a commit may be on the disk: the storage that hosts turn to would be gone with the swap half made.
  may('the other storage is replaced', 'replacements', () =>
    policy.phase === 'unknown' ||
    policy.attempt?.stage === 'commit' ||
    policy.record.activeSite !== system.disk.activeSite
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

/** Two systems that differ only in names and in times that no longer matter are one. */
export function keyOf(system: System): string {
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
