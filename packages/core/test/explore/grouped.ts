import {
  type consistencyGroup,
  groupLockOf,
  introduceGroup,
  type Gate,
  type GroupFact,
  type GroupRecord,
  type GroupState,
  type Introduction,
  type PolarizationEffect,
  type PolarizationEvent,
  type PolarizationOptions,
  type PolarizationState,
} from '../../src/index.js';
import { beforeSession, clockBase, countNow, later, memoryMs, sessionNow } from './clockwork.js';
import { answersTo, factOf, firstFacts, wishOf, type GroupParts, type Sight } from './group-parts.js';
import { deliveriesPerStep, type Policy } from './policy-bench.js';
import { names } from './world.js';

/*
 * The consistency group in the words of fault handling, so that the same explorer drives it: its state is the state of fault handling, with
 * the gate of the group, and everything else beside it. Messages and commands of the other policies travel in a wrapping.
 */

type Rest = Omit<GroupState, 'polarization' | 'gate'> & { readonly ownGate: Gate };
interface Grouped extends PolarizationState {
  readonly group: Rest;
  /** Set before each event, and no part of what is remembered. */
  readonly sight?: Sight;
}
const clearSight: Sight = { hearsWitness: true, ill: [false, false] };

function wrap({ polarization, gate, ...rest }: GroupState): PolarizationState {
  const state: Grouped = {
    ...polarization,
    // The gate of a group says more than one of fault handling alone, and nothing here looks at what it does not know.
    gate: gate as Gate,
    group: { ...rest, deliveries: 0, absorbed: {}, ownGate: polarization.gate, ...emptied(rest) },
  };
  return state;
}

/** Counts of what fitted nothing, and of what was begun or answered, say nothing about what comes once they are high. */
function emptied({
  planned,
  swap,
  failback,
  fallback,
}: Omit<GroupState, 'polarization' | 'gate'>): Partial<Rest> {
  const counted = (begun: number): number => (begun > countNow ? begun - countNow : begun);
  return {
    ...(planned === undefined ? {} : { planned: { ...planned, absorbed: {} } }),
    ...(swap === undefined
      ? {}
      : { swap: { ...swap, absorbed: {}, operationsBegun: counted(swap.operationsBegun) } }),
    ...(failback === undefined
      ? {}
      : { failback: { ...failback, absorbed: {}, operationsBegun: counted(failback.operationsBegun) } }),
    ...(fallback === undefined ? {} : { fallback: { ...fallback, absorbed: {}, sights: seen(fallback) } }),
  };
}

function seen({
  sights,
}: NonNullable<GroupState['fallback']>): NonNullable<GroupState['fallback']>['sights'] {
  const few = (count: number): number => Math.min(2, count);
  return Object.fromEntries(
    Object.entries(sights).map(([id, sight]) => [
      id,
      { ...sight, answers: few(sight.answers), fails: few(sight.fails) },
    ]),
  );
}

function isGrouped(state: PolarizationState): state is Grouped {
  return 'group' in state;
}

const groups = new WeakMap<PolarizationState, GroupState>();

export function groupOf(state: PolarizationState): GroupState {
  let known = groups.get(state);
  if (known === undefined) {
    known = unwrap(state);
    groups.set(state, known);
  }
  return known;
}

function unwrap(state: PolarizationState): GroupState {
  if (!isGrouped(state)) throw new Error('this state is of fault handling alone');
  const { group, gate, sight: _sight, ...polarization } = state;
  const { ownGate, ...rest } = group;
  return {
    ...rest,
    now: state.now,
    gate: gate as GroupState['gate'],
    polarization: { ...polarization, gate: ownGate },
  };
}

function init({ policy, parts }: Made, options: PolarizationOptions, at: number): PolarizationState {
  const { role: _role, record, faultModel, ...own } = options;
  const preferred = (record as Partial<GroupRecord>).preferred ?? names[0];
  const model = parts.mediatorFallback === undefined ? { faultModel } : {};
  return wrap(
    policy.init({ ...own, ...model, ...parts, persistRetryMs: 10, record: { ...record, preferred } }, at),
  );
}

function step(
  { policy, parts }: Made,
  state: PolarizationState,
  event: PolarizationEvent,
): { readonly state: PolarizationState; readonly effects: readonly PolarizationEffect[] } {
  const { at, sequence } = event;
  const { sight = clearSight } = state as Grouped;
  let group: GroupState = { ...groupOf(state), deliveries: sequence * deliveriesPerStep };
  const wishes: PolarizationEffect[] = [];
  const facts: GroupFact[] = [factOf(event, group), ...(group.booted ? [] : firstFacts(parts))];
  for (let turn = 0; turn < facts.length; turn += 1) {
    const fact = facts[turn];
    if (fact === undefined) break;
    // Every 32 numbers look alike to those who look for a free one.
    const after = policy.step(group, { ...fact, at, sequence: sequence + 32 * turn });
    group = after.state;
    for (const effect of after.effects) {
      const wish = wishOf(effect, group);
      if (wish !== undefined) wishes.push(wish);
      facts.push(...answersTo(effect, sight, group));
    }
    if (facts.length > 30) throw new Error('what is answered at once asks again for ever');
  }
  return { state: wrap(group), effects: wishes };
}

type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** What stays the same for a whole life: nothing in it is a time, a session, or something that was asked. */
const isLasting = (key: string): boolean => key === 'self' || key === 'record';

/** Every number under one of those names, changed. What has none of them is the same object as before. */
function changed(value: Plain, isMeant: (key: string) => boolean, change: (from: number) => number): Plain {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) {
    const items = value.map((item) => changed(item, isMeant, change));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  let copy: Record<string, Plain> | undefined;
  for (const key in value) {
    const field = value[key];
    if (field === undefined || isLasting(key)) continue;
    const next =
      isMeant(key) && (typeof field === 'number' || isNumbers(field))
        ? changedNumbers(field, change)
        : changed(field, isMeant, change);
    if (next === field) continue;
    copy ??= { ...value };
    copy[key] = next;
  }
  return copy ?? value;
}

function isNumbers(field: Plain): field is readonly number[] {
  return isList(field) && field.every((item) => typeof item === 'number');
}

function changedNumbers(field: number | readonly number[], change: (from: number) => number): Plain {
  if (typeof field === 'number') return change(field);
  const items = field.map(change);
  return items.every((item, index) => item === field[index]) ? field : items;
}

const isList = (value: Plain): value is readonly Plain[] => Array.isArray(value);

function changedRest(rest: Rest, isMeant: (key: string) => boolean, change: (from: number) => number): Rest {
  // Names of fields and their types stay as they are.
  return changed(rest as unknown as Plain, isMeant, change) as unknown as Rest;
}

const noEffects: readonly string[] = [];
/** A part of a state is the same object wherever it stands, so it is looked through once. */
const effectsIn = new WeakMap<object, readonly string[]>();

/** Everything in it that names an effect. */
function effectsOf(value: Plain): readonly string[] {
  if (typeof value === 'string') return /^g\/[ab]\/\d/.test(value) ? [value] : noEffects;
  if (typeof value !== 'object' || value === null) return noEffects;
  let found = effectsIn.get(value);
  if (found !== undefined) return found;
  found = isList(value)
    ? value.flatMap((item) => effectsOf(item))
    : Object.entries(value).flatMap(([key, field]) => (isLasting(key) ? noEffects : effectsOf(field)));
  effectsIn.set(value, found.length === 0 ? noEffects : found);
  return found;
}

const isTime = (key: string): boolean =>
  key === 'now' ||
  key === 'since' ||
  key === 'at' ||
  key.endsWith('At') ||
  key.endsWith('Since') ||
  isTimes(key);
/** Lists of times. */
const isTimes = (key: string): boolean => key === 'moves' || key === 'swaps' || key === 'restarts';
const oldest = clockBase - memoryMs;

interface Made {
  readonly policy: typeof consistencyGroup;
  readonly parts: GroupParts;
}

/** A consistency group of these policies, to be explored in place of fault handling alone. */
export function groupedOf(policy: typeof consistencyGroup, parts: GroupParts): Policy {
  const made = { policy, parts };
  return {
    name: policy.name,
    stateVersion: policy.stateVersion,
    init: (options, at) => init(made, options, at),
    step: (state, event) => step(made, state, event),
    wakeAt: (state) => policy.wakeAt(groupOf(state)),
    explain: (effect) => effect.kind,
    invariants: policy.invariants.map((invariant) => ({
      ...invariant,
      check: (state) => invariant.check(groupOf(state)),
    })),
    moves: {
      parts,
      introduce: (state) => {
        const { introduction, preferred } = introduceGroup(groupOf(state));
        return { ...introduction, preferred } as Introduction;
      },
      later: laterGroup,
      beforeSession: beforeGroupSession,
      isIdle: (state) => groupLockOf(groupOf(state)) === undefined,
      asked: (state) => (isGrouped(state) ? effectsOf(state.group as unknown as Plain) : noEffects),
      see: (state, sight) => ({ ...state, sight }) as Grouped,
    },
  };
}

function laterGroup(state: PolarizationState, elapsedMs: number): PolarizationState {
  const moved = later(state, elapsedMs);
  if (!isGrouped(moved)) return moved;
  const move = (at: number): number => Math.max(oldest, Math.round((at - elapsedMs) * 10_000) / 10_000);
  const rest: Pick<Grouped, 'group'> = { group: changedRest(moved.group, isTime, move) };
  return { ...moved, ...rest };
}

function beforeGroupSession(state: PolarizationState): PolarizationState {
  const counted = beforeSession(state);
  if (!isGrouped(counted)) return counted;
  const down = (session: number): number => Math.min(sessionNow - 1, Math.max(0, session - 1));
  const rest: Pick<Grouped, 'group'> = {
    group: changedRest(counted.group, (key) => key === 'session', down),
  };
  return { ...counted, ...rest };
}
