import {
  consistencyGroup,
  groupLockOf,
  introduceGroup,
  type Gate,
  type GroupEffect,
  type GroupFact,
  type GroupOptions,
  type GroupRecord,
  type GroupState,
  type Introduction,
  type PolarizationEffect,
  type PolarizationEvent,
  type PolarizationMessage,
  type PolarizationOptions,
  type PolarizationState,
} from '../../src/index.js';
import { beforeSession, clockBase, later, memoryMs, sessionNow } from './clockwork.js';
import { deliveriesPerStep, type Policy } from './policy-bench.js';
import { names } from './world.js';

/*
 * The consistency group in the words of fault handling, so that the same explorer drives it: its state is the state of fault handling, with
 * the gate of the group, and everything else beside it. Messages and commands of the other policies travel in a wrapping. What planned
 * failover asks of the data path is answered at once; its messages and records take their time like all others.
 */

type Rest = Omit<GroupState, 'polarization' | 'gate'> & { readonly ownGate: Gate };
interface Grouped extends PolarizationState {
  readonly group: Rest;
}
type Wrapped =
  | { readonly kind: 'of-group'; readonly message: Extract<GroupFact, { kind: 'peer-message' }>['message'] }
  | { readonly kind: 'of-planned'; readonly message: PlannedMessage };
type PlannedEffect = Extract<GroupEffect, { kind: 'part'; policy: 'planned-failover' }>['effect'];
type PlannedFact = Extract<GroupFact, { kind: 'part'; policy: 'planned-failover' }>['fact'];
type PlannedMessage = Extract<PlannedFact, { kind: 'peer-message' }>['message'];

/** Multiples of the unit of the clockwork, like everything else. */
const timing = {
  prepareTimeoutMs: 40,
  fenceWarnMs: 40,
  fenceLimitMs: 50,
  rollbackTimeoutMs: 100,
  pollIntervalMs: 10,
  persistRetryMs: 10,
  hostIoTimeoutMs: 10_000,
};

const withPlannedFailover: Partial<GroupOptions> = {
  plannedFailover: { members: ['data'], timing },
  persistRetryMs: 10,
};

function wrap({ polarization, gate, ...rest }: GroupState): PolarizationState {
  const state: Grouped = {
    ...polarization,
    // The gate of a group says more than one of fault handling alone, and nothing here looks at what it does not know.
    gate: gate as Gate,
    group: { ...rest, deliveries: 0, absorbed: {}, ownGate: polarization.gate, ...emptied(rest) },
  };
  return state;
}

/** Counts of what fitted nothing say nothing about what comes. */
function emptied({ planned }: Omit<GroupState, 'polarization' | 'gate'>): Partial<Rest> {
  return planned === undefined ? {} : { planned: { ...planned, absorbed: {} } };
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
  const { group, gate, ...polarization } = state;
  const { ownGate, ...rest } = group;
  return {
    ...rest,
    now: state.now,
    gate: gate as GroupState['gate'],
    polarization: { ...polarization, gate: ownGate },
  };
}

function init(policy: typeof consistencyGroup, options: PolarizationOptions, at: number): PolarizationState {
  const { role: _role, record, ...own } = options;
  const preferred = (record as Partial<GroupRecord>).preferred ?? names[0];
  return wrap(policy.init({ ...own, ...withPlannedFailover, record: { ...record, preferred } }, at));
}

function step(
  policy: typeof consistencyGroup,
  state: PolarizationState,
  event: PolarizationEvent,
): { readonly state: PolarizationState; readonly effects: readonly PolarizationEffect[] } {
  const { at, sequence } = event;
  let group: GroupState = { ...groupOf(state), deliveries: sequence * deliveriesPerStep };
  const wishes: PolarizationEffect[] = [];
  const facts: GroupFact[] = [factOf(event)];
  for (let turn = 0; turn < facts.length; turn += 1) {
    const fact = facts[turn];
    if (fact === undefined) break;
    // Every 32 numbers look alike to those who look for a free one.
    const after = policy.step(group, { ...fact, at, sequence: sequence + 32 * turn });
    group = after.state;
    for (const effect of after.effects) {
      const wish = wishOf(effect);
      if (wish !== undefined) wishes.push(wish);
      const answer = answerTo(effect);
      if (answer !== undefined) facts.push({ kind: 'part', policy: 'planned-failover', fact: answer });
    }
  }
  return { state: wrap(group), effects: wishes };
}

function factOf({ at: _at, sequence: _sequence, ...fact }: PolarizationEvent): GroupFact {
  switch (fact.kind) {
    case 'tick':
    case 'peer-disconnected':
    case 'persisted':
    case 'persist-failed':
      return fact;
    case 'peer-connected': {
      const { preferred = names[0], ...introduction } = fact.introduction as Introduction & {
        preferred?: string;
      };
      return { ...fact, introduction: { introduction, preferred } };
    }
    case 'peer-message': {
      const message = fact.message as PolarizationMessage | Wrapped;
      if (message.kind === 'of-group') return { ...fact, message: message.message };
      if (message.kind !== 'of-planned')
        return { kind: 'part', policy: 'ttl-polarization', fact: { ...fact, message } };
      return { kind: 'part', policy: 'planned-failover', fact: { ...fact, message: message.message } };
    }
    case 'command': {
      const { commandId } = fact;
      if ((fact.command.kind as string) !== 'move') return { kind: 'part', policy: 'ttl-polarization', fact };
      const command = { kind: 'start', operationId: 'move' } as const;
      return { kind: 'part', policy: 'planned-failover', fact: { kind: 'command', commandId, command } };
    }
    default:
      return { kind: 'part', policy: 'ttl-polarization', fact };
  }
}

function wishOf(effect: GroupEffect): PolarizationEffect | undefined {
  const { id, because: _because } = effect;
  // Reasons of the group are not those of fault handling, and nobody here reads them.
  const because = { kind: 'mode', mode: 'mirrored', epoch: 0 } as const;
  switch (effect.kind) {
    case 'persist':
      return { id, kind: 'persist', record: effect.record, because };
    case 'set-gate':
      return { id, kind: 'set-gate', gate: effect.gate as Gate, because };
    case 'send':
      return sending(id, effect.session, { kind: 'of-group', message: effect.message });
    case 'report':
      return undefined;
    case 'part':
      if (effect.policy === 'ttl-polarization') return effect.effect;
      return effect.policy === 'planned-failover' && effect.effect.kind === 'send'
        ? sending(id, effect.effect.session, { kind: 'of-planned', message: effect.effect.message })
        : undefined;
  }
}

function sending(id: string, session: number, message: Wrapped): PolarizationEffect {
  const because = { kind: 'mode', mode: 'mirrored', epoch: 0 } as const;
  return { id, kind: 'send', session, message: message as unknown as PolarizationMessage, because };
}

function answerTo(effect: GroupEffect): PlannedFact | undefined {
  if (effect.kind !== 'part' || effect.policy !== 'planned-failover') return undefined;
  const wish: PlannedEffect = effect.effect;
  switch (wish.kind) {
    case 'check':
      return { kind: 'checked', effect: wish.id, obstacles: [] };
    case 'make-ready':
      return { kind: 'made-ready', effect: wish.id, ready: wish.members, obstacles: [] };
    case 'drain':
      return { kind: 'drained', effect: wish.id, barrierSequence: 1 };
    case 'catch-up':
      return { kind: 'caught-up', effect: wish.id };
    case 'switch-paths':
      return { kind: 'paths-switched', effect: wish.id, warnings: [] };
    default:
      return undefined;
  }
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
    const next = typeof field === 'number' && isMeant(key) ? change(field) : changed(field, isMeant, change);
    if (next === field) continue;
    copy ??= { ...value };
    copy[key] = next;
  }
  return copy ?? value;
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
  key === 'now' || key === 'since' || key === 'at' || key.endsWith('At');
const oldest = clockBase - memoryMs;

/** A consistency group, to be explored in place of fault handling alone. */
export const groupedOf = (group: typeof consistencyGroup): Policy => ({
  name: group.name,
  stateVersion: group.stateVersion,
  init: (options, at) => init(group, options, at),
  step: (state, event) => step(group, state, event),
  wakeAt: (state) => group.wakeAt(groupOf(state)),
  explain: (effect) => effect.kind,
  invariants: group.invariants.map((invariant) => ({
    ...invariant,
    check: (state) => invariant.check(groupOf(state)),
  })),
  moves: {
    introduce: (state) => {
      const { introduction, preferred } = introduceGroup(groupOf(state));
      return { ...introduction, preferred } as Introduction;
    },
    later: (state, elapsedMs) => {
      const moved = later(state, elapsedMs);
      if (!isGrouped(moved)) return moved;
      const move = (at: number): number => Math.max(oldest, Math.round((at - elapsedMs) * 10_000) / 10_000);
      return { ...moved, group: changedRest(moved.group, isTime, move) };
    },
    beforeSession: (state) => {
      const counted = beforeSession(state);
      if (!isGrouped(counted)) return counted;
      const down = (session: number): number => Math.min(sessionNow - 1, Math.max(0, session - 1));
      return { ...counted, group: changedRest(counted.group, (key) => key === 'session', down) };
    },
    isIdle: (state) => groupLockOf(groupOf(state)) === undefined,
    asked: (state) => (isGrouped(state) ? effectsOf(state.group as unknown as Plain) : noEffects),
  },
});

export const grouped = groupedOf(consistencyGroup);
