import { apply, choices, isAtRest, type Rules, type System } from './system.js';

const times = ['since', 'until', 'renewAt', 'sentAt', 'retryAt', 'now'];

/** Two systems with the same text behave the same: times count from now, names of effects and members from their first use. */
export function canonical(system: System): string {
  const text = JSON.stringify({
    ...system,
    controllers: system.controllers.map(({ state, sequence: _sequence, requests: _requests, ...rest }) => ({
      ...rest,
      state:
        state === undefined
          ? null
          : {
              ...state,
              jobs: state.jobs.map((job) => relative({ ...job, told: '' }, state.now)),
              now: 0,
              absorbed: 0,
            },
    })),
    lab: { ...system.lab, nextGuid: 0 },
  });
  const names = new Map<string, string>();
  const rename =
    (prefix: string) =>
    (found: string): string => {
      const name = names.get(found) ?? `${prefix}${String(names.size)}`;
      names.set(found, name);
      return name;
    };
  return text.replace(/"estate\/[^"]*"/g, rename('e')).replace(/"v\d+"/g, rename('g'));
}

function relative(value: unknown, now: number): unknown {
  if (Array.isArray(value)) return value.map((each) => relative(each, now));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      times.includes(key) && typeof inner === 'number' ? Math.round(inner - now) : relative(inner, now),
    ]),
  );
}

export interface Exploration {
  readonly states: number;
  readonly depth: number;
  /** The first broken promise, with the way there. */
  readonly broken?: string;
  /** States from which no way leads to rest. */
  readonly dead: number;
  /** Every system in which everything has come to rest. */
  readonly ends: readonly System[];
}

/** Breadth-first over all choices, to exhaustion or to the first broken promise. */
export function explore(first: System, rules: Rules, limit = 200_000): Exploration {
  const known = new Map<string, number>([[canonical(first), 0]]);
  const systems: System[] = [first];
  const parents: { readonly from: number; readonly choice: string }[] = [{ from: -1, choice: '' }];
  const depths: number[] = [0];
  const reversed: number[][] = [[]];
  const ends: System[] = [];
  const restful: number[] = [];
  for (let index = 0; index < systems.length; index += 1) {
    const system = systems[index];
    if (system === undefined) break;
    if (system.broken !== undefined) {
      const depth = depths[index] ?? 0;
      return {
        states: systems.length,
        depth,
        broken: `${system.broken}\n${wayTo(parents, index)}`,
        dead: 0,
        ends,
      };
    }
    if (isAtRest(system)) {
      ends.push(system);
      restful.push(index);
    }
    for (const choice of choices(system, rules)) {
      const next = apply(system, choice, rules);
      const key = canonical(next);
      let target = known.get(key);
      if (target === undefined) {
        if (systems.length >= limit) throw new Error(`There are more than ${String(limit)} states.`);
        target = systems.push(next) - 1;
        known.set(key, target);
        parents.push({ from: index, choice: JSON.stringify(choice) });
        depths.push((depths[index] ?? 0) + 1);
        reversed.push([]);
      }
      reversed[target]?.push(index);
    }
  }
  const live = new Set(restful);
  const queue = [...restful];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const from of reversed[at] ?? []) {
      if (live.has(from)) continue;
      live.add(from);
      queue.push(from);
    }
  }
  return { states: systems.length, depth: Math.max(...depths), dead: systems.length - live.size, ends };
}

function wayTo(
  parents: readonly { readonly from: number; readonly choice: string }[],
  index: number,
): string {
  const way: string[] = [];
  for (let at = index; at > 0; at = parents[at]?.from ?? 0) way.unshift(parents[at]?.choice ?? '');
  return way.join('\n');
}
