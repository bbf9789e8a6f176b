import { defineConfig, type Options } from 'tsup';

/**
 * One build for every package: ESM and CJS side by side.
 *
 * `tsup` writes the code, `tsup --dts-only` the declarations. They are two steps because the declarations cost
 * ten times as much, and only those who install the package need them: running and testing need the code.
 */
export function preset(options: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: { index: 'src/index.ts' },
    format: ['esm', 'cjs'],
    // Each step clears what it writes itself; the other one's files stay.
    clean: ['!**/*.d.{ts,cts,mts}'],
    sourcemap: true,
    target: 'node20',
    platform: 'node',
    shims: true,
    splitting: false,
    treeshake: true,
    tsconfig: 'tsconfig.build.json',
    ...options,
  });
}
