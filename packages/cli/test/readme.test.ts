import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const built =
  existsSync(`${root}packages/volume/dist/index.js`) && existsSync(`${root}packages/witness/dist/index.js`);

/** Runs a program given on standard input, as the README says. */
function run(program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      ['--input-type=module'],
      { cwd: root, timeout: 60_000 },
      (error, output, notes) => {
        if (error === null) resolve(output);
        else reject(new Error(`${error.message}\n${notes}`));
      },
    );
    child.stdin?.end(program);
  });
}

// Run on what is built, as a reader of the README would; `npm test` builds first.
describe.skipIf(!built && process.env['HOLDFAST_REQUIRE_CLIENTS'] !== '1')(
  'the example in the README (needs: a build)',
  () => {
    it('runs, and prints what the README says', async () => {
      const readme = await readFile(`${root}README.md`, 'utf8');
      const program = /```js\n([^]*?)```/.exec(readme)?.[1] ?? '';
      const promised = /It prints[^]*?```text\n([^]*?)```/.exec(readme)?.[1] ?? '';
      const printed = await run(program);
      const withoutNumbers = (text: string): string => text.replace(/\d+/g, 'N');
      expect(withoutNumbers(printed)).toBe(withoutNumbers(promised));
    }, 90_000);
  },
);
