import { type Package } from '../shared/packages.js';

/** The compilers that a consumer may have: the oldest we promise, the one we build with, the newest with a JavaScript API. */
export const compilers = { '5.4': '5.4.5', '5.9': '5.9.3', '6.0': '6.0.3' } as const;
export type Compiler = keyof typeof compilers;

/**
 * Entries whose public types name the platform, so that their consumer needs @types/node. Everything else must compile
 * for a consumer that has no ambient type at all.
 */
export const needsNodeTypes: readonly { readonly entry: string; readonly because: string }[] = [
  {
    entry: '@holdfast/cli',
    because: 'a program for Node.js; what it passes on to Node.js takes a real AbortSignal',
  },
];

/** Every `import` specifier that a package offers. */
export function entriesOf({ manifest }: Package): string[] {
  return Object.keys(manifest.exports ?? {})
    .filter((key) => key !== './package.json')
    .map((key) => `${manifest.name}${key.slice(1)}`);
}

export interface Way {
  readonly compiler: Compiler;
  readonly style: 'nodenext import' | 'nodenext require' | 'bundler';
  readonly types: 'no ambient types' | 'with @types/node';
}

export function waysToCompile(): Way[] {
  return (Object.keys(compilers) as Compiler[]).flatMap((compiler) =>
    (['nodenext import', 'nodenext require', 'bundler'] as const).flatMap((style) =>
      (['no ambient types', 'with @types/node'] as const).map((types) => ({ compiler, style, types })),
    ),
  );
}

/** Which entries a way is asked to compile; entries that need the platform are left to those who have its types. */
export function entriesFor(way: Way, entries: readonly string[]): string[] {
  const needs = new Set(needsNodeTypes.map(({ entry }) => entry));
  return entries.filter((entry) => needs.has(entry) === (way.types === 'with @types/node'));
}

/** A file that uses every export of every entry, in the words of one module system. */
export function consumerSource(way: Way, entries: readonly string[]): string {
  const lines = entries.map((entry, index) =>
    way.style === 'nodenext require'
      ? `import entry${index} = require('${entry}');`
      : `import * as entry${index} from '${entry}';`,
  );
  const uses = entries.map((_, index) => `  entry${index},`);
  return [...lines, 'export const all: readonly object[] = [', ...uses, '];', ''].join('\n');
}

export function compilerOptions(way: Way, typeRoot: string): Record<string, unknown> {
  const nodenext = { module: 'nodenext', moduleResolution: 'nodenext' };
  return {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    ...(way.style === 'bundler' ? { module: 'esnext', moduleResolution: 'bundler' } : nodenext),
    ...(way.types === 'with @types/node' ? { types: ['node'], typeRoots: [typeRoot] } : { types: [] }),
  };
}
