import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

it('prints what its page shows', () => {
  const loader = at('../../../node_modules/tsx/dist/cli.mjs');
  const program = [loader, '--tsconfig', '../../tsconfig.json', 'src/main.ts'];
  const output = execFileSync(process.execPath, program, { cwd: at('..'), encoding: 'utf8' });
  expect(output).toBe(readFileSync(at('../expected-output.txt'), 'utf8'));
});
