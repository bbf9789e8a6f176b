import { plannedFailover, plannedFailoverTiming } from '../../src/index.js';
import {
  apply,
  begin,
  choices,
  ids,
  serves,
  withoutTime,
  type Budget,
  type Setting,
  type System,
} from './system.js';

export const exploring: Setting = {
  policy: plannedFailover,
  arbiter: 'witness',
  timing: plannedFailoverTiming,
  queue: 2,
  eager: true,
};

export interface Exploration {
  readonly states: number;
  readonly depth: number;
  /** The first state that breaks a rule: what is broken, and the choices that lead there. */
  readonly broken: string | undefined;
  /** States from which, without any further fault, service never comes back. */
  readonly stuck: string | undefined;
  readonly modes: ReadonlySet<string>;
}

export interface ExploreOptions {
  /** More states than this are an error: the system has grown beyond what a test may cost. */
  readonly limit: number;
  readonly liveness?: boolean;
  /** Only what holds between the nodes: a variant may break a rule of one node on purpose. */
  readonly betweenOnly?: boolean;
}

interface Entry {
  readonly system: System;
  readonly from: number;
  readonly choice: string;
  readonly depth: number;
}

export const faults: readonly string[] = [
  'crash',
  'crash-landed',
  'cut',
  'drop',
  'repeat',
  'swap',
  'refuse',
  'fail',
  'fail-landed',
  'abort',
  'start',
  'expire',
];

/** Breadth first, so that the first trace found is a shortest one. */
export function explore(setting: Setting, budget: Budget, options: ExploreOptions): Exploration {
  const first = withoutTime(begin(setting, budget));
  const entries: Entry[] = [{ system: first, from: -1, choice: '', depth: 0 }];
  const known = new Map<string, number>([[canonical(first), 0]]);
  const backward: number[][] = [[]];
  const modes = new Set<string>();
  let broken: string | undefined;
  for (let index = 0; index < entries.length && index < options.limit; index += 1) {
    const entry = entries[index]!;
    for (const id of ids) modes.add(entry.system.nodes[id].state.record.operation?.phase ?? 'none');
    const wrong =
      violation(entry.system) ?? (options.betweenOnly === true ? undefined : brokenInvariant(entry.system));
    if (wrong !== undefined) {
      broken = `${wrong}\n${trace(entries, index).join('\n')}`;
      break;
    }
    if (index > 0 && entry.system.budget.starts === 0 && isWell(entry.system)) continue;
    for (const choice of choices(entry.system, setting)) {
      const system = withoutTime(apply(entry.system, choice, setting));
      const key = canonical(system);
      let target = known.get(key);
      if (target === undefined) {
        target = entries.length;
        known.set(key, target);
        entries.push({ system, from: index, choice, depth: entry.depth + 1 });
        backward.push([]);
      }
      if (options.liveness === true && !faults.includes(choice.split(' ')[0] ?? ''))
        backward[target]!.push(index);
    }
  }
  if (entries.length > options.limit && broken === undefined)
    throw new Error(`more than ${String(options.limit)} states`);
  const depth = entries.at(-1)?.depth ?? 0;
  const stuck = options.liveness === true && broken === undefined ? findStuck(entries, backward) : undefined;
  return { states: entries.length, depth, broken, stuck, modes };
}

function trace(entries: readonly Entry[], index: number): string[] {
  const steps: string[] = [];
  for (let at = index; at > 0; at = entries[at]!.from) steps.unshift(entries[at]!.choice);
  return steps;
}

/** Goes back from every state that is well; what is never reached is stuck. */
function findStuck(entries: readonly Entry[], backward: readonly number[][]): string | undefined {
  const good = entries.map(({ system }) => isWell(system));
  const queue = good.flatMap((isGood, index) => (isGood ? [index] : []));
  for (let at = 0; at < queue.length; at += 1) {
    for (const before of backward[queue[at]!]!) {
      if (good[before] === true) continue;
      good[before] = true;
      queue.push(before);
    }
  }
  const index = good.indexOf(false);
  return index < 0 ? undefined : trace(entries, index).join('\n');
}

/** Both mirror, one orders, nothing is under way. */
export function isWell(system: System): boolean {
  const { a, b } = system.nodes;
  const isQuiet = [a, b].every(
    ({ up, state }) =>
      up &&
      state.standing.service === 'mirrored' &&
      state.gate.host === 'free' &&
      state.saving === undefined &&
      state.source === undefined &&
      state.target === undefined &&
      state.record.operation === undefined &&
      state.record.preparation === undefined &&
      state.record.grant === undefined,
  );
  const isSilent = system.toward.a.length === 0 && system.toward.b.length === 0;
  return isQuiet && isSilent && (serves(system, 'a') || serves(system, 'b'));
}

/** What must hold between the two nodes, whatever has happened. */
export function violation(system: System): string | undefined {
  const { nodes, acknowledged, inFlight, outcomes } = system;
  const serving = ids.filter((id) => serves(system, id));
  if (serving.length > 1) return 'both nodes serve on their own';
  for (const id of serving) {
    if (nodes[id].writes < acknowledged) return `${id} serves without an acknowledged write`;
  }
  const { a, b } = nodes;
  const [one, two] = [a.disk.roles, b.disk.roles];
  if (one.epoch === two.epoch && one.lineageId !== two.lineageId) return 'one epoch has two lineages';
  const mirrors = a.state.standing.service === 'mirrored' && b.state.standing.service === 'mirrored';
  const isOne = a.state.standing.epoch === b.state.standing.epoch;
  if (
    serving.length === 1 &&
    mirrors &&
    isOne &&
    inFlight === undefined &&
    a.up &&
    b.up &&
    a.writes !== b.writes
  )
    return 'the two legs differ while both mirror';
  for (const outcome of outcomes) {
    const [operation = ''] = outcome.split(' ');
    if (outcome.endsWith('committed') && outcomes.includes(`${operation} rolled back`))
      return `${operation} was committed and rolled back`;
  }
  return undefined;
}

export function brokenInvariant({ nodes }: System): string | undefined {
  for (const id of ids) {
    const { up, state } = nodes[id];
    if (!up) continue;
    for (const invariant of plannedFailover.invariants) {
      const wrong = invariant.check(state);
      if (wrong !== undefined) return `${id}: ${invariant.name}: ${wrong}`;
    }
  }
  return undefined;
}

const unimportant = new Set(['because', 'self', 'commandIds', 'incarnation', 'members', 'timing']);

/** Two systems with the same text behave the same: why something happened decides nothing. */
export function canonical(system: System): string {
  return JSON.stringify(system, (key, value: unknown) => (unimportant.has(key) ? undefined : value));
}
