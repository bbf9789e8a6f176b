import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../shared/place.js';

/** Something worth doing for longer than a change can wait for. One run ends with exit code 0, or it has failed. */
export interface Campaign {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly runs: number;
  /** A campaign whose program is not part of this checkout is left out and not counted. */
  readonly needs: string;
}

const all: readonly Campaign[] = [
  {
    name: 'every test, again and again: what fails once in twenty is found here',
    command: [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--reporter=dot'],
    runs: 20,
    needs: 'vitest.config.ts',
  },
  {
    name: 'the demonstration with its faults',
    command: [process.execPath, 'packages/cli/dist/holdfast.js', 'demo'],
    runs: 20,
    needs: 'packages/cli/dist/holdfast.js',
  },
  {
    name: 'the benchmarks, side by side with the peers',
    command: [process.execPath, 'node_modules/tsx/dist/cli.mjs', 'bench/src/main.ts'],
    runs: 1,
    needs: 'bench/src/main.ts',
  },
  {
    name: 'the consumer matrix over all packages',
    command: [process.execPath, 'node_modules/tsx/dist/cli.mjs', 'tools/consumer-matrix/main.ts'],
    runs: 1,
    needs: 'tools/consumer-matrix/main.ts',
  },
];

export function campaigns(): Campaign[] {
  return all.filter(({ needs }) => existsSync(join(root, needs)));
}
