import type { consistencyGroup } from '../../src/index.js';
import { groupedOf } from './grouped.js';
import { PolarizationSystem } from './polarization.js';
import { scenes } from './scenes.js';

/**
 * Goes a kept way again, and then the calm schedule to its end. Says which rule breaks on it, or that nobody serves in the end; undefined
 * when all is well.
 */
export function brokenOn(text: string, group?: typeof consistencyGroup): string | undefined {
  const scene = scenes.find(({ name }) => text.includes(`\nexplored ${name}\n`));
  if (scene === undefined) throw new Error('the way names no scene');
  const isOther = group !== undefined && scene.group !== undefined;
  const system = new PolarizationSystem(
    isOther ? { ...scene, policy: groupedOf(group, scene.group) } : scene,
  );
  const broken = (): string | undefined => {
    for (const rule of system.invariants) {
      const detail = rule.check(world);
      if (detail !== undefined) return `${rule.name}: ${detail}`;
    }
    return undefined;
  };
  let world = system.initial()[0]!;
  for (const [, wanted = ''] of text.matchAll(/^do (.*)$/gm)) {
    const choice = system.choices(world).find((one) => system.describe(one) === wanted);
    if (choice === undefined) return `"${wanted}" cannot happen`;
    world = system.apply(world, choice);
    const detail = broken();
    if (detail !== undefined) return detail;
  }
  for (let steps = 0; !system.calm.isGood(world); steps += 1) {
    const choice = steps < system.calm.stepsMax ? system.calm.choose(world) : undefined;
    if (choice === undefined) return 'nobody mirrors in the end';
    world = system.apply(world, choice);
    const detail = broken();
    if (detail !== undefined) return detail;
  }
  return undefined;
}
