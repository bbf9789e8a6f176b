import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { root } from '../shared/place.js';
import { checkSizes } from './size.js';

test('a core that is built into one file brings every policy with each, and that is seen', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-size-'));
  try {
    const outfile = join(folder, 'index.mjs');
    const entry = join(root, 'packages/core/src/index.ts');
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2022',
    });
    const alone = (await checkSizes(outfile)).filter(({ name }) => name.includes('alone'));
    expect(alone.length).toBeGreaterThan(0);
    for (const { name, problems } of alone)
      expect(problems.join(), name).toContain('what is built brings more');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

test('a core that is not built is no small one', async () => {
  expect(await checkSizes(join(root, 'nowhere.js'))).toEqual([
    { name: '@holdfast/core: sizes', problems: ['it is not built'] },
  ]);
});
