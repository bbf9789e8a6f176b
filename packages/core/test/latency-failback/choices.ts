import type { LatencyFailbackFact } from '../../src/index.js';
import {
  crash,
  perform,
  primaryGoesOnAlone,
  progressOf,
  readForCopy,
  start,
  takeOver,
  tell,
  write,
  writeCopy,
  type Budget,
  type Rules,
  type System,
} from './model.js';

/** One thing that may happen next. Names only: what it does follows from the system. */
export type Choice =
  | { readonly kind: 'perform'; readonly index: number }
  | { readonly kind: 'answer'; readonly index: number; readonly again: boolean }
  | { readonly kind: 'fact' }
  | { readonly kind: 'persist-fails'; readonly index: number }
  | {
      readonly kind:
        | 'tick'
        | 'write'
        | 'copy-reads'
        | 'copy-writes'
        | 'take-over'
        | 'goes-on-alone'
        | 'tell-epoch'
        | 'crash'
        | 'start'
        | 'redirect'
        | 'revoke'
        | 'lose-map'
        | 'prove-end'
        | 'report-again';
    }
  | { readonly kind: 'fail' | 'repair'; readonly what: 'primary' | 'secondary' | 'link' };

/** Everything that may happen in this system, given what is left of the explorer's budget. */
export function choices(system: System, rules: Rules): readonly Choice[] {
  const found: Choice[] = [];
  const { policy, left } = system;
  // Effects run side by side, but wishes about one thing keep their order, and none runs before those it comes after.
  const things = new Set<string>();
  const open = new Set(system.pending.map(({ id }) => id));
  system.pending.forEach((effect, index) => {
    const thing = rules.thingOf(effect.kind);
    const isFirst = !things.has(thing);
    things.add(thing);
    if (!isFirst || effect.after?.some((id) => open.has(id)) === true) return;
    found.push({ kind: 'perform', index });
    if (effect.kind === 'persist' && left.diskFailures > 0) found.push({ kind: 'persist-fails', index });
  });
  system.answers.forEach((_, index) => {
    found.push({ kind: 'answer', index, again: false });
    if (left.duplicates > 0) found.push({ kind: 'answer', index, again: true });
  });
  if (system.facts.length > 0) found.push({ kind: 'fact' });
  if (policy === undefined) found.push({ kind: 'start' });
  else {
    if (left.crashes > 0) found.push({ kind: 'crash' });
    if (left.ticks > 0 && dueAt(system, rules) !== undefined) found.push({ kind: 'tick' });
    const waits = policy.phase === 'unknown' || policy.phase === 'awaiting';
    const isSaving = policy.saving !== undefined;
    if (!isSaving && (waits || system.group.epoch > policy.record.epoch)) found.push({ kind: 'tell-epoch' });
    if (left.redirects > 0 && (policy.phase === 'resync' || policy.phase === 'synced'))
      found.push({ kind: 'redirect' });
    if (left.revocations > 0 && policy.attempt !== undefined) found.push({ kind: 'revoke' });
    if (left.mapLosses > 0 && policy.map.state === 'known') found.push({ kind: 'lose-map' });
    if (isReportDue(system)) found.push({ kind: 'report-again' });
    if (!system.up.secondary && policy.secondary === 'failed' && !policy.secondaryEnded)
      found.push({ kind: 'prove-end' });
  }
  if (left.writes > 0 && write(system, rules) !== undefined) found.push({ kind: 'write' });
  if (readForCopy(system, rules) !== undefined) found.push({ kind: 'copy-reads' });
  if (writeCopy(system, rules) !== undefined) found.push({ kind: 'copy-writes' });
  if (takeOver(system, rules) !== undefined) found.push({ kind: 'take-over' });
  if (primaryGoesOnAlone(system) !== undefined) found.push({ kind: 'goes-on-alone' });
  for (const what of ['primary', 'secondary', 'link'] as const) {
    if (system.up[what] && left.faults > 0) found.push({ kind: 'fail', what });
    if (!system.up[what] && left.repairs > 0) found.push({ kind: 'repair', what });
  }
  return found;
}

/** The copy reports again and again: one report that is lost, or comes before the answer that it runs, does not matter. */
function isReportDue({ policy, copying, facts, answers, marked, generation, otherBlocks }: System): boolean {
  if (policy?.recovery?.running !== true || policy.map.state !== 'known' || !copying) return false;
  const isMarked = marked.secondary || otherBlocks > 0;
  const isSame = policy.map.outOfSyncBytes > 0 === isMarked && policy.map.generation === generation;
  return !isSame && facts.length === 0 && answers.length === 0;
}

/** Deadlines and retries; a window of samples never ends here. A late tick may come in any phase, also after the point of no return. */
function dueAt(system: System, rules: Rules): number | undefined {
  const { policy } = system;
  if (policy === undefined) return undefined;
  const wakeAt = rules.policy.wakeAt(policy);
  const due = policy.attempt?.stage === 'commit' ? policy.attempt.deadlineAt : wakeAt;
  return due === undefined || due > system.now + 1_000 ? undefined : Math.max(due, system.now);
}

/** Lets everything that is under way come to its end, in order, without any new fault. */
export function calm(system: System, rules: Rules): System {
  let now = system;
  for (let count = 0; count < 1_000; count += 1) {
    const next = choices(now, rules).find(({ kind }) =>
      [
        'perform',
        'answer',
        'fact',
        'start',
        'tell-epoch',
        'report-again',
        'copy-reads',
        'copy-writes',
      ].includes(kind),
    );
    if (next === undefined) return now;
    now = apply(now, next, rules);
  }
  throw new Error('It never comes to an end.');
}

function spend(system: System, what: keyof Budget): System {
  return { ...system, left: { ...system.left, [what]: system.left[what] - 1 } };
}

export function apply(system: System, choice: Choice, rules: Rules): System {
  switch (choice.kind) {
    case 'perform':
      return perform(system, system.pending[choice.index]!, rules);
    case 'persist-fails': {
      const effect = system.pending[choice.index]!;
      const pending = system.pending.filter((one) => one !== effect);
      const failed: LatencyFailbackFact = { kind: 'persist-failed', effect: effect.id, detail: 'EIO' };
      return spend({ ...system, pending, answers: [...system.answers, failed] }, 'diskFailures');
    }
    case 'answer': {
      const fact = system.answers[choice.index]!;
      if (choice.again) return spend(tell(system, fact, rules), 'duplicates');
      return tell({ ...system, answers: system.answers.filter((one) => one !== fact) }, fact, rules);
    }
    case 'fact': {
      const [fact, ...facts] = system.facts;
      return tell({ ...system, facts }, fact!, rules);
    }
    case 'tick':
      return spend(tell({ ...system, now: dueAt(system, rules)! }, { kind: 'tick' }, rules), 'ticks');
    case 'write':
      return spend(write(system, rules)!, 'writes');
    case 'copy-reads':
      return readForCopy(system, rules)!;
    case 'copy-writes':
      return writeCopy(system, rules)!;
    case 'take-over':
      return takeOver(system, rules)!;
    case 'goes-on-alone':
      return primaryGoesOnAlone(system)!;
    case 'tell-epoch':
      return tell(system, epochKnown(system), rules);
    case 'crash':
      return spend(crash(system), 'crashes');
    case 'start':
      return start(system, rules);
    case 'redirect': {
      const command = { kind: 'redirect', expectedEpoch: system.policy!.record.epoch } as const;
      return spend(tell(system, { kind: 'command', commandId: 'o', command }, rules), 'redirects');
    }
    case 'revoke':
      return spend(tell(system, { kind: 'operation-revoked', by: 'fault handling' }, rules), 'revocations');
    case 'lose-map': {
      const lost = { ...system, marked: { primary: true, secondary: true } };
      return spend(tell(lost, { kind: 'map-lost', site: 'primary' }, rules), 'mapLosses');
    }
    case 'prove-end':
      return tell(system, { kind: 'secondary-ended', how: 'power-off-verified' }, rules);
    case 'report-again':
      return tell(system, progressOf(system), rules);
    case 'fail':
    case 'repair':
      return turnOnOff(system, choice.what, choice.kind === 'repair');
  }
}

/** Who asks the witness hears the truth: it is asked after whatever has happened. */
function epochKnown({ group, acked, atPrimary }: System): LatencyFailbackFact {
  const isHome = group.active === 'primary' && !group.pinned && acked === atPrimary;
  const completeCopy = isHome ? 'both' : 'secondary';
  return { kind: 'epoch-known', epoch: group.epoch, activeSite: group.active, completeCopy, from: 'witness' };
}

function turnOnOff(system: System, what: 'primary' | 'secondary' | 'link', on: boolean): System {
  const up = { ...system.up, [what]: on };
  const fact: LatencyFailbackFact =
    what === 'link'
      ? { kind: 'link-changed', up: on }
      : { kind: 'health-changed', site: what, ok: on, detail: '' };
  const facts = system.policy === undefined ? [] : [...system.facts, fact];
  // What a dead site had in flight is gone.
  return spend({ ...system, up, facts, copyInFlight: undefined }, on ? 'repairs' : 'faults');
}

/** Two systems that differ only in names and in times that no longer matter are one. */
export function keyOf(system: System): string {
  const { policy, sequence: _sequence, now, life: _life, pending, ...rest } = system;
  const shown = policy === undefined ? undefined : shownPolicy(policy, now);
  const bare = pending.map(({ because: _because, ...effect }) => effect);
  const text = JSON.stringify([shown, bare, rest]);
  const names = new Map<string, string>();
  return text.replace(/g\/(?:failback\/)?c\/\d+\/\d+(?:\/\d+)?/g, (name) => {
    const short = names.get(name) ?? `#${names.size}`;
    names.set(name, short);
    return short;
  });
}

function shownPolicy(policy: NonNullable<System['policy']>, now: number): object {
  const { phase, record, saving, queued, gate, primary, secondary, link, secondaryEnded, attempt } = policy;
  const { recovery, map } = policy;
  const span = (at: number | undefined): number | undefined => (at === undefined ? undefined : at - now);
  return {
    phase,
    record,
    saving: saving === undefined ? undefined : { ...saving, retryAt: span(saving.retryAt) },
    queued: queued === undefined ? undefined : { record: queued.record, then: queued.then },
    gate,
    primary,
    secondary,
    up: link.up,
    secondaryEnded,
    recovery,
    map,
    recoverIn: Math.max(0, policy.recoverAt - now),
    attempt:
      attempt === undefined
        ? undefined
        : [attempt.stage, attempt.effect, attempt.operationId, attempt.toEpoch, span(attempt.deadlineAt)],
  };
}
