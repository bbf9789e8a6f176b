import { defineConfig, type Options } from 'tsup';

/** One build for every package: ESM and CJS side by side, with declarations for both. */
export function preset(options: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: { index: 'src/index.ts' },
    format: ['esm', 'cjs'],
    dts: true,
    clean: true,
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
