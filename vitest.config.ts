import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Pure functions leave nothing behind: their tests may share the modules that one of them has loaded. */
const pure = new Set(['core']);
const packages = readdirSync(`${root}packages`);

// Tests read the sources of every package, so that a change in one room is seen by all others without a build.
// Tests that start processes run what is built.
const alias = packages.map((name) => ({
  find: new RegExp(`^@holdfast/${name}$`),
  replacement: `${root}packages/${name}/src/index.ts`,
}));

export default defineConfig({
  resolve: { alias },
  test: {
    // One worker less than there are processors, the default, leaves half of a machine with two of them idle.
    maxWorkers: '100%',
    // A machine that is busy with other things makes nothing wrong; a test that hangs is found all the same.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      ...packages.map((name) => ({
        extends: true as const,
        test: {
          name,
          root: `${root}packages/${name}`,
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          isolate: !pure.has(name),
        },
      })),
      {
        extends: true as const,
        test: { name: 'examples', root: `${root}examples`, include: ['*/test/**/*.test.ts'] },
      },
      {
        extends: true as const,
        test: { name: 'tools', root: `${root}tools`, include: ['**/*.test.{ts,mjs}'] },
      },
    ],
  },
});
