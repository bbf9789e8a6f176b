import { guards as allGuards, type Guards } from '../../src/service/guards.js';
import { type Bounds, brokenRule, Kept, moves, start, type World } from './world.js';

export interface Exploration {
  readonly states: number;
  /** True: every world within the bounds was seen. */
  readonly exhausted: boolean;
  /** Every kind of move that was made. */
  readonly labels: ReadonlySet<string>;
  readonly broken?: { readonly rule: string; readonly story: readonly string[] };
}

/** Breadth first, so that the first broken rule comes with its shortest story. */
export function explore(bounds: Bounds, guards: Guards = allGuards, statesMax = 3_000_000): Exploration {
  const kept = new Kept(guards, bounds);
  const keys = new Keys();
  const labels = new Set<string>();
  const seen = new Set<string>();
  const parents: number[] = [-1];
  const via: string[] = ['start'];
  let frontier: readonly (readonly [World, number])[] = [[start(kept), 0]];
  while (frontier.length > 0) {
    const next: [World, number][] = [];
    for (const [world, number] of frontier) {
      for (const move of moves(world, kept)) {
        labels.add(move.label);
        const key = keys.of(move.world);
        if (seen.has(key)) continue;
        seen.add(key);
        parents.push(number);
        via.push(move.label);
        const rule = brokenRule(move.world, bounds);
        if (rule !== undefined) {
          const story = storyOf(parents, via);
          return { states: seen.size, exhausted: false, labels, broken: { rule, story } };
        }
        if (seen.size >= statesMax) return { states: seen.size, exhausted: false, labels };
        next.push([move.world, parents.length - 1]);
      }
    }
    frontier = next;
  }
  return { states: seen.size, exhausted: true, labels };
}

/** Short texts that are equal exactly when two worlds are. */
class Keys {
  private readonly byText = new Map<string, number>();
  private readonly byObject = new WeakMap<object, number>();

  of(world: World): string {
    const { nodes, record, incarnation, backup, network, owners, granted } = world;
    const parts = [...nodes, record ?? 'none', backup, owners].map((part) => this.number(part));
    return `${[...parts, incarnation, ...granted].join()}|${network.join()}|${world.broken ?? ''}`;
  }

  private number(part: object | string): number {
    const known = typeof part === 'object' ? this.byObject.get(part) : undefined;
    if (known !== undefined) return known;
    const text = JSON.stringify(part);
    const number = this.byText.get(text) ?? this.byText.size;
    this.byText.set(text, number);
    if (typeof part === 'object') this.byObject.set(part, number);
    return number;
  }
}

function storyOf(parents: readonly number[], via: readonly string[]): readonly string[] {
  const story: string[] = [];
  for (let number = parents.length - 1; number > 0; number = parents[number]!) story.unshift(via[number]!);
  return story;
}
