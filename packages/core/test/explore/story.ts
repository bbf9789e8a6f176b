import type { Violation } from '@holdfast/testkit';
import { explain } from '../../src/index.js';
import type { Choice } from './choices.js';
import type { Scene } from './offers.js';
import { PolarizationSystem } from './polarization.js';
import { scenes } from './scenes.js';
import { names, sides, type World } from './world.js';

/*
 * A way through a scene as a story of the policy's testdata: `explored <scene>` and one `do` line per choice above the line `---`, what the
 * nodes did and said below it.
 *   # title
 *   explored a crash at any moment
 *   do a crashes
 */

/** The story of a broken rule, ready to be kept as a file. */
export function storyOf(scene: Scene, violation: Violation<Choice>): string {
  const head = [
    `# ${violation.rule}`,
    `explored ${scene.name}`,
    ...violation.story.map((line) => `do ${line}`),
  ];
  return `${head.join('\n')}\n---\n`;
}

export function isExplored(text: string): boolean {
  return /^explored /m.test(text);
}

/** Goes the way again and gives back the whole text, with what happened below the line. Throws where a rule is broken. */
export function tellExplored(text: string): string {
  const [head = ''] = text.split('\n---');
  const title = /^explored (.*)$/m.exec(head)?.[1] ?? '';
  const scene = scenes.find((one) => one.name === title);
  if (scene === undefined) throw new Error(`there is no scene "${title}"`);
  const system = new PolarizationSystem(scene);
  const [start] = system.initial();
  if (start === undefined) throw new Error(`"${title}" has no beginning`);
  let world = start;
  const lines: string[] = [];
  for (const [, wanted = ''] of head.matchAll(/^do (.*)$/gm)) {
    const choice = system.choices(world).find((one) => system.describe(one) === wanted);
    if (choice === undefined) throw new Error(`"${wanted}" cannot happen after:\n${lines.join('\n')}`);
    const after = system.apply(world, choice);
    lines.push(wanted, ...changes(system, world, after, choice));
    for (const invariant of system.invariants) {
      const broken = invariant.check(after);
      if (broken !== undefined) throw new Error(`${invariant.name}: ${broken}\n${lines.join('\n')}`);
    }
    world = after;
  }
  return `${head.trimEnd()}\n---\n${lines.join('\n')}\n`;
}

/** What the nodes said, and what they are doing now, where that is something else than before. */
function changes(system: PolarizationSystem, before: World, after: World, choice: Choice): readonly string[] {
  const lines: string[] = [];
  for (const because of system.reasons(before, choice)) lines.push(`  ${explain(because)}`);
  for (const side of sides) {
    const [was, is] = [stance(before, side), stance(after, side)];
    if (was !== is) lines.push(`  ${names[side]} is ${is}`);
  }
  return lines;
}

function stance(world: World, side: 0 | 1): string {
  const { state } = world.nodes[side];
  if (state === null) return 'down';
  return `${state.mode}, epoch ${String(state.record.epoch)}, host I/O ${state.gate.host}`;
}
