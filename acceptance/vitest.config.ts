import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// No aliases: what is tried here is what was built, through the doors that every user has.
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    name: 'acceptance',
    include: ['src/**/*.test.ts'],
    // Real processes under real load: two clusters at once would only measure each other.
    fileParallelism: false,
    // What a machine with nothing else to do needs a tenth of.
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
