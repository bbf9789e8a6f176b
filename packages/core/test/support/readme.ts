import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import { transformSync } from 'esbuild';
import * as core from '../../src/index.js';

/** The first example of a README: what it prints, and the lines below it that say what it prints. */
export interface RunExample {
  readonly printed: readonly string[];
  readonly shown: readonly string[];
}

/**
 * Runs the code of a README as a reader would, with the package by its name and nothing else: an example that reaches
 * for a clock, a file or another package throws.
 *
 * @param folder - below `src/`, for instance `policies/ttl-polarization`.
 */
export function runExample(folder: string): RunExample {
  const path = new URL(`../../src/${folder}/README.md`, import.meta.url);
  const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(path, 'utf8'))?.[1];
  if (example === undefined) throw new Error(`${folder}/README.md has no example`);
  const { code } = transformSync(example, { loader: 'ts', format: 'cjs', target: 'node20' });
  const printed: string[] = [];
  const console = { log: (...words: readonly unknown[]): number => printed.push(words.join(' ').trimEnd()) };
  Reflect.apply(compileFunction(code, ['require', 'console']), undefined, [only, console]);
  const shown = example.split('\n').filter((line) => line.startsWith('// '));
  return { printed, shown: shown.map((line) => line.slice(3)) };
}

function only(name: string): typeof core {
  if (name !== '@holdfast/core') throw new Error(`an example needs @holdfast/core alone, not ${name}`);
  return core;
}
