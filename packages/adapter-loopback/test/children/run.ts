import { fileURLToPath } from 'node:url';
import type { StartOptions } from '../../src/index.js';

/** How to run one of the programs beside this file, from the sources. */
export function childProgram(name: string, ...args: readonly string[]): StartOptions {
  return {
    nodeId: name,
    command: process.execPath,
    args: ['--import', 'tsx', childPath(name), ...args],
    workingDirectory: fileURLToPath(new URL('../..', import.meta.url)),
  };
}

export function childPath(name: string): string {
  return fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
}
