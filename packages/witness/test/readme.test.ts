import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { scratch } from './support/witness.js';

test('the example in the README prints what it says', { timeout: 60_000 }, async () => {
  await using folder = await scratch();
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const promised = /console\.log\(.*\); \/\/ (.*)/.exec(example)?.[1];
  const program = join(folder.path, 'example.mts');
  const source = new URL('../src/index.ts', import.meta.url).href;
  const here = example
    .replace("'@holdfast/witness'", JSON.stringify(source))
    .replaceAll('/run/holdfast', folder.path)
    .replaceAll('/var/lib/holdfast', folder.path)
    // A test machine may be busier than a witness's should be.
    .replace('witnessCallTimeoutMs: 50', 'witnessCallTimeoutMs: 10_000');
  await writeFile(program, here);
  const tsconfig = fileURLToPath(new URL('../../../tsconfig.json', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    env: { ...process.env, TSX_TSCONFIG_PATH: tsconfig },
  });
  expect(promised).toBe('granted denied');
  expect(stdout.trim()).toBe(promised);
});
