import { KeyBuffer } from './key.js';
import type { ExplorableSystem } from './system.js';

/**
 * Holds a codec against its promise on the states of walks through the system: what is read back writes the same words, offers the same
 * choices, and leads by each of them to the same words. `pick(below)` chooses a whole number from 0 to `below - 1`; a seeded one makes
 * the walk repeatable. Gives back how many states were compared.
 * @throws Error naming the story after which they differ.
 */
export function checkCodec<State, Choice>(
  system: ExplorableSystem<State, Choice>,
  pick: (below: number) => number,
  walks = 20,
  stepsEach = 50,
): number {
  let compared = 0;
  const initial = [...system.initial()];
  for (let walk = 0; walk < walks; walk += 1) {
    let state = initial[pick(initial.length)];
    const story: string[] = [];
    for (let taken = 0; taken < stepsEach && state !== undefined; taken += 1) {
      const copy = system.codec.read(keyOf(system, state));
      compare(textOf(system, state), textOf(system, copy), story);
      const choices = system.choices(state);
      const again = system.choices(copy);
      compare(linesOf(system, choices), linesOf(system, again), story);
      compared += 1;
      const place = pick(Math.max(1, choices.length));
      const [choice, same] = [choices[place], again[place]];
      if (choice === undefined || same === undefined) break;
      story.push(system.describe(choice));
      state = system.apply(state, choice);
      compare(textOf(system, state), textOf(system, system.apply(copy, same)), story);
    }
  }
  return compared;
}

function linesOf<State, Choice>(system: ExplorableSystem<State, Choice>, choices: readonly Choice[]): string {
  return choices.map((choice) => system.describe(choice)).join('\n');
}

function keyOf<State, Choice>(system: ExplorableSystem<State, Choice>, state: State): KeyBuffer {
  const key = new KeyBuffer();
  system.codec.write(state, key);
  return key;
}

function textOf<State, Choice>(system: ExplorableSystem<State, Choice>, state: State): string {
  const key = keyOf(system, state);
  return key.words.subarray(0, key.length).join();
}

function compare(one: string, other: string, story: readonly string[]): void {
  if (one !== other)
    throw new Error(`A state and its copy differ after:\n${story.join('\n')}\n${one}\nis not\n${other}`);
}
