import { readFileSync } from 'node:fs';

/** The comment lines at the end of the first example of a policy's README: what the example prints. */
export function printedBy(policy: string): string[] {
  const path = new URL(`../../src/policies/${policy}/README.md`, import.meta.url);
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(path, 'utf8')) ?? [];
  return example
    .split('\n')
    .filter((line) => line.startsWith('// '))
    .map((line) => line.slice(3));
}
