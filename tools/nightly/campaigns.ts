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
    name: 'the two nodes and their witness, explored state by state',
    command: [process.execPath, 'node_modules/tsx/dist/cli.mjs', 'tools/explore/main.ts', '--nightly'],
    runs: 1,
    needs: 'tools/explore/main.ts',
  },
  {
    name: 'the real volume, witness and initiator in simulation, 100,000 seeds',
    command: [process.execPath, 'node_modules/tsx/dist/cli.mjs', 'tools/simulate/main.ts', '--nightly'],
    runs: 1,
    needs: 'tools/simulate/main.ts',
  },
  {
    name: 'hostile streams against everything that listens, 10,000,000 frames',
    command: [process.execPath, 'node_modules/tsx/dist/cli.mjs', 'tools/fuzz/main.ts', '--nightly'],
    runs: 1,
    needs: 'tools/fuzz/main.ts',
  },
  {
    name: 'the fuzzer against parsers without a check',
    command: [process.execPath, 'node_modules/tsx/dist/cli.mjs', 'tools/fuzz/main.ts', '--mutants'],
    runs: 1,
    needs: 'tools/fuzz/main.ts',
  },
  {
    name: 'the demonstration with its faults',
    command: [process.execPath, 'packages/cli/dist/holdfast.js', 'demo'],
    runs: 20,
    needs: 'packages/cli/dist/holdfast.js',
  },
  {
    name: 'real faults, and clients that nobody here wrote',
    command: [process.execPath, 'tools/bootstrap/test-clients.mjs'],
    runs: 10,
    needs: 'tools/bootstrap/test-clients.mjs',
  },
  {
    name: 'the pause of a failover, held against its bound',
    command: [process.execPath, 'node_modules/tsx/dist/cli.mjs', 'bench/src/failover.ts', '--kills=100'],
    runs: 1,
    needs: 'bench/src/failover.ts',
  },
  {
    name: 'full load without a fault: nodes that are only busy do not part',
    command: [
      process.execPath,
      'node_modules/tsx/dist/cli.mjs',
      'bench/src/failover.ts',
      '--quiet-minutes=30',
    ],
    runs: 1,
    needs: 'bench/src/failover.ts',
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
