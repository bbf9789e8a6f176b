/** Breadth-first over everything that may happen, until nothing new comes or something is broken. */
export interface Exploration<State, Choice> {
  readonly states: number;
  readonly depth: number;
  /** The shortest way to what is broken. */
  readonly broken?: { readonly rule: string; readonly path: readonly Choice[] };
  /** States that nothing leads on from. */
  readonly ends: readonly State[];
}

export interface Explorable<State, Choice> {
  readonly choices: (state: State) => readonly Choice[];
  readonly apply: (state: State, choice: Choice) => State;
  readonly keyOf: (state: State) => string;
  readonly brokenRule: (state: State) => string | undefined;
}

interface Node<State, Choice> {
  readonly state: State;
  readonly from?: Node<State, Choice>;
  readonly by?: Choice;
}

export function explore<State, Choice>(
  begin: State,
  system: Explorable<State, Choice>,
  limit: number,
): Exploration<State, Choice> {
  const seen = new Set([system.keyOf(begin)]);
  const ends: State[] = [];
  let level: Node<State, Choice>[] = [{ state: begin }];
  for (let depth = 0; ; depth += 1) {
    const next: Node<State, Choice>[] = [];
    for (const node of level) {
      const options = system.choices(node.state);
      if (options.length === 0) ends.push(node.state);
      for (const by of options) {
        const state = system.apply(node.state, by);
        const rule = system.brokenRule(state);
        if (rule !== undefined)
          return {
            states: seen.size,
            depth,
            ends,
            broken: { rule, path: pathTo({ state, from: node, by }) },
          };
        const key = system.keyOf(state);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ state, from: node, by });
      }
    }
    if (seen.size > limit)
      throw new Error(`More than ${limit} states at depth ${depth}: make the budget smaller.`);
    if (next.length === 0) return { states: seen.size, depth, ends };
    level = next;
  }
}

function pathTo<State, Choice>(last: Node<State, Choice>): Choice[] {
  const path: Choice[] = [];
  for (let node: Node<State, Choice> | undefined = last; node !== undefined; node = node.from) {
    if (node.by !== undefined) path.unshift(node.by);
  }
  return path;
}
