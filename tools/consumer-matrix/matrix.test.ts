import { describe, expect, it } from 'vitest';
import { type Package } from '../shared/packages.js';
import { affected, withDependencies } from './changed.js';
import { compilerOptions, consumerSource, entriesFor, entriesOf, waysToCompile } from './matrix.js';

function make(folder: string, ...uses: string[]): Package {
  const dependencies = Object.fromEntries(uses.map((name) => [`@holdfast/${name}`, '0.1.0']));
  const exports = { '.': {}, './extra': {}, './package.json': './package.json' };
  return { folder, manifest: { name: `@holdfast/${folder}`, version: '0.1.0', dependencies, exports } };
}

const packages = [make('core'), make('nbd'), make('runtime', 'core'), make('volume', 'runtime', 'nbd')];
const folders = (chosen: readonly Package[]): string[] => chosen.map(({ folder }) => folder);

describe('which packages are checked', () => {
  it('those that changed, and all that stand on them', () => {
    expect(folders(affected(packages, ['packages/core/src/index.ts']))).toEqual([
      'core',
      'runtime',
      'volume',
    ]);
    expect(folders(affected(packages, ['packages/volume/README.md']))).toEqual(['volume']);
    expect(folders(affected(packages, ['docs/README.md']))).toEqual([]);
  });

  it('all of them when the build itself changed', () => {
    expect(affected(packages, ['tsup.preset.ts'])).toHaveLength(packages.length);
  });

  it('with everything they need to be installed', () => {
    expect(folders(withDependencies(packages, [make('volume', 'runtime', 'nbd')]))).toEqual(
      folders(packages),
    );
    expect(folders(withDependencies(packages, [make('runtime', 'core')]))).toEqual(['core', 'runtime']);
  });
});

describe('what a consumer compiles', () => {
  const ways = waysToCompile();

  it('covers each compiler in each style, without skipLibCheck', () => {
    expect(ways).toHaveLength(3 * 3 * 2);
    expect(ways.every((way) => compilerOptions(way, 'types')['skipLibCheck'] === false)).toBe(true);
  });

  it('asks each entry of exactly one of the two consumers, with ambient types or without', () => {
    const entries = packages.flatMap(entriesOf);
    const [bare, typed] = ways.filter((way) => way.compiler === '5.9' && way.style === 'bundler');
    const asked = [...entriesFor(bare!, entries), ...entriesFor(typed!, entries)];
    expect(asked.sort()).toEqual([...entries].sort());
    expect(compilerOptions(bare!, 'types')['types']).toEqual([]);
  });

  it('speaks the words of the module system', () => {
    const source = (style: string): string =>
      consumerSource(
        ways.find((way) => way.style === style)!,
        ['@holdfast/core/extra'],
      );
    expect(source('bundler')).toContain("import * as entry0 from '@holdfast/core/extra';");
    expect(source('nodenext require')).toContain("import entry0 = require('@holdfast/core/extra');");
  });
});
