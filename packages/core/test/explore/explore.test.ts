import { checkCodec, describeExploration, explore } from '@holdfast/testkit';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/index.js';
import { mutants, quickMutants } from './mutants.js';
import { elsewhere, equivalent } from './mutants-elsewhere.js';
import { PolarizationSystem } from './polarization.js';
import { scenes, sizes, statesOf } from './scenes.js';
import { storyOf, tellExplored } from './story.js';

const root = new URL('../../../../', import.meta.url);

describe('two policies, a link, a witness, and what may happen to them', () => {
  test.each(scenes.map((scene) => [scene.name, scene] as const))(
    '%s',
    { timeout: 120_000 },
    (_name, scene) => {
      const found = explore(new PolarizationSystem(scene), {
        statesMax: statesOf('test', scene),
        calmEvery: 16,
      });
      expect(
        found.ended,
        `${describeExploration(found)}\n${found.violation === undefined ? '' : storyOf(scene, found.violation)}`,
      ).not.toBe('violated');
      // Whoever claims to have explored must have been somewhere.
      expect(found.states).toBeGreaterThanOrEqual(Math.min(statesOf('test', scene), 1_000));
      expect(found.transitions).toBeGreaterThan(found.states / 2);
    },
  );

  test('a state is its key: read back, it behaves the same', { timeout: 60_000 }, () => {
    const prng = new Prng(11);
    for (const index of [1, 3, 9, 13]) {
      const scene = scenes[index]!;
      expect(checkCodec(new PolarizationSystem(scene), (below) => prng.below(below), 4, 60)).toBeGreaterThan(
        100,
      );
    }
  });

  test('a way through a scene is a story', () => {
    const head = '# a is gone\nexplored a crash at any moment\ndo a crashes\ndo b hears end';
    expect(tellExplored(head)).toContain('b is suspended, epoch 2, host I/O held');
    expect(() => tellExplored(`${head}\ndo cut the link`)).toThrow('"cut the link" cannot happen');
  });

  test('the sizes of the settings are those that are asked for', () => {
    expect(sizes.change).toBeGreaterThanOrEqual(1_000_000);
    expect(sizes.night).toBeGreaterThanOrEqual(10_000_000);
  });
});

describe('a rule that is left out is missed', () => {
  test.each(quickMutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    { timeout: 60_000 },
    (_name, mutant) => {
      const { violation } = explore(new PolarizationSystem(mutant.scene), {
        statesMax: mutant.within,
        calmEvery: 0,
      });
      expect(violation?.rule).toMatch(mutant.found);
    },
  );

  test('the page of mutants says what is looked for, and where', () => {
    const page = readFileSync(new URL('docs/internals/mutants.md', root), 'utf8');
    const rows = page
      .split('\n')
      .filter((line) => /^\| `/.test(line))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const wanted = [
      ...mutants.map(({ name, without }) => [`\`${name}\``, without, 'explorer']),
      ...elsewhere.map(({ name, without, caughtBy }) => [
        `\`${name}\``,
        without,
        `\`${caughtBy.file}\`: ${caughtBy.test}`,
      ]),
    ];
    expect(rows).toEqual(wanted);
    for (const { name, why } of equivalent) expect(page).toContain(`- \`${name}\`: ${why}`);
    expect(wanted.length).toBeGreaterThanOrEqual(25);
  });

  test('every other layer that is named has the test that is named', () => {
    for (const { caughtBy } of elsewhere) {
      const text = readFileSync(new URL(caughtBy.file, root), 'utf8');
      expect(text, caughtBy.test).toContain(caughtBy.test);
    }
  });
});
