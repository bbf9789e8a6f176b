import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PolarizationSystem } from './polarization.js';
import { scenes } from './scenes.js';
import { tellExplored } from './story.js';

const folder = fileURLToPath(new URL('replays/', import.meta.url));

// Each was the shortest way to a broken rule once. `npm run explore` prints such a file when it finds one.
describe('ways that once led to a broken rule', () => {
  test.each(readdirSync(folder))('%s', (file) => {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    expect(() => tellExplored(text)).not.toThrow();

    const scene = scenes.find(({ name }) => text.includes(`\nexplored ${name}\n`))!;
    const system = new PolarizationSystem(scene);
    let world = system.initial()[0]!;
    for (const [, wanted] of text.matchAll(/^do (.*)$/gm))
      world = system.apply(
        world,
        system.choices(world).find((choice) => system.describe(choice) === wanted)!,
      );
    let steps = 0;
    for (; !system.calm.isGood(world) && steps < system.calm.stepsMax; steps += 1) {
      const next = system.calm.choose(world);
      if (next === undefined) break;
      world = system.apply(world, next);
      for (const invariant of system.invariants)
        expect(invariant.check(world), invariant.name).toBeUndefined();
    }
    expect(system.calm.isGood(world), `${String(steps)} steps of the calm schedule`).toBe(true);
  });
});
