import { Model, type Bounds, type Choice, type System } from './system.js';

export interface Exploration {
  readonly states: number;
  readonly depth: number;
  /** The choices that lead to the first violation, if there is one. */
  readonly broken?: { readonly what: string; readonly path: readonly string[] };
}

/** Breadth first, so that the way to a violation is the shortest. */
export function explore(bounds: Bounds, statesMax = 400_000): Exploration {
  const model = new Model(bounds);
  interface Visit {
    readonly system: System;
    readonly depth: number;
    readonly before?: Visit;
    readonly by?: Choice;
  }
  const begin = bounds.cold === true ? model.begin() : model.warm();
  const seen = new Set([model.key(begin)]);
  const queue: Visit[] = [{ system: begin, depth: 0 }];
  const pathOf = (visit: Visit | undefined): string[] =>
    visit?.by === undefined ? [] : [...pathOf(visit.before), describe(visit)];
  for (let index = 0; index < queue.length; index += 1) {
    const visit = queue[index]!;
    for (const by of model.choices(visit.system)) {
      let next: Visit;
      try {
        const system = model.apply(visit.system, by);
        next = { system, depth: visit.depth + 1, before: visit, by };
        const key = model.key(system);
        if (seen.has(key)) continue;
        seen.add(key);
        const what = model.violation(system);
        if (what !== undefined)
          return { states: seen.size, depth: next.depth, broken: { what, path: pathOf(next) } };
      } catch (error) {
        const path = [...pathOf(visit), JSON.stringify(by)];
        return { states: seen.size, depth: visit.depth, broken: { what: String(error), path } };
      }
      queue.push(next);
    }
    if (seen.size > statesMax) throw new Error(`more than ${statesMax} states`);
  }
  return { states: seen.size, depth: queue.at(-1)?.depth ?? 0 };

  function describe({ before, by }: Visit): string {
    if (by?.kind === 'deliver')
      return `deliver ${JSON.stringify(before?.system.wire[by.index])}${by.again ? ' (again)' : ''}`;
    if (by?.kind === 'do') return `do ${JSON.stringify(before?.system.todo[by.index])}`;
    return by?.kind ?? '';
  }
}
