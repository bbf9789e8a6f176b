import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { explore } from '@holdfast/testkit';
import { describe, expect, test } from 'vitest';
import type { consistencyGroup } from '../../src/index.js';
import { coreWithout } from '../support/source.js';
import { groupMutants } from './group-mutants.js';
import { groupedOf } from './grouped.js';
import { PolarizationSystem } from './polarization.js';
import { brokenOn } from './replay.js';
import { scenes } from './scenes.js';
import { tellExplored } from './story.js';

const folder = fileURLToPath(new URL('replays/', import.meta.url));
const textOf = (file: string): string => readFileSync(`${folder}${file}`, 'utf8');

// Each was the shortest way to a broken rule once. `npm run explore` prints such a file when it finds one.
describe('ways that once led to a broken rule', () => {
  test.each(readdirSync(folder))('%s', (file) => {
    expect(() => tellExplored(textOf(file))).not.toThrow();
    expect(brokenOn(textOf(file))).toBeUndefined();
  });
});

describe('a rule of the group that is left out is missed on such a way', () => {
  test.each(groupMutants.map((mutant) => [mutant.name, mutant] as const))('%s', async (_name, mutant) => {
    const core = await coreWithout<{ readonly consistencyGroup: typeof consistencyGroup }>('group', mutant);
    const { scene: name, within: statesMax = 0 } = mutant;
    const scene = scenes.find((one) => one.name === name);
    if (scene?.group !== undefined) {
      const policy = groupedOf(core.consistencyGroup, scene.group);
      const { violation } = explore(new PolarizationSystem({ ...scene, policy }), {
        statesMax,
        calmEvery: 4,
      });
      expect(violation).toBeDefined();
      return;
    }
    const missed = readdirSync(folder).filter((file) => {
      try {
        return brokenOn(textOf(file), core.consistencyGroup) !== undefined;
      } catch {
        // The mutant's own assertions count as well.
        return true;
      }
    });
    expect(missed).not.toEqual([]);
  });
});
