import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { consistencyGroup, policies } from '../src/index.js';

const source = new URL('../src/policies/', import.meta.url);
const tests = new URL('./', import.meta.url);
const notice = readFileSync(new URL('../../../NOTICE', import.meta.url), 'utf8');
const mutants = readFileSync(new URL('../../../docs/internals/mutants.md', import.meta.url), 'utf8');
const names = readdirSync(source, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** What stands in every folder of a policy; further files are named after the decision that they make. */
const files = [
  'index.ts',
  'invariants.ts',
  'options.ts',
  'reasons.ts',
  'selectors.ts',
  'state.ts',
  'step.test.ts',
  'step.ts',
  'turn.ts',
  'types.ts',
];

/** The sections of every README, in this order; a policy may have more between them. */
const sections = [
  /^The problem$/,
  /^The rule$/,
  /^The states$/,
  /^(Timing|Numbers)$/,
  /^What it never does$/,
  /^Questions$/,
  /^Limits$/,
];

function textsOf(folder: URL): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'));
}

test('every folder is a policy of the list, and the list has no other but the group', () => {
  const listed = policies.filter((policy) => policy !== consistencyGroup).map(({ name }) => name);
  expect(listed).toEqual(names);
  expect(names).toHaveLength(10);
});

describe.each(names)('%s', (name) => {
  const folder = new URL(`${name}/`, source);
  const ownTests = new URL(`${name}/`, tests);
  const readme = readFileSync(new URL('README.md', folder), 'utf8');
  const policy = policies.find((one) => one.name === name);

  test('has the furniture of every policy', () => {
    expect(files.filter((file) => !existsSync(new URL(file, folder)))).toEqual([]);
    const stories = readdirSync(new URL('testdata/', folder));
    expect(stories.length).toBeGreaterThan(5);
    expect(stories.filter((story) => !story.endsWith('.txt'))).toEqual([]);
    expect(typeof policy?.explain).toBe('function');
    expect(policy?.invariants.length).toBeGreaterThan(1);
    expect(policy?.stateVersion).toBeGreaterThan(0);
    expect(readFileSync(new URL('step.ts', folder), 'utf8').split('\n').length).toBeLessThan(300);
  });

  test('has a README like every other', () => {
    expect(readme.startsWith(`# ${name}: `)).toBe(true);
    const before = readme.slice(0, readme.indexOf('\n## '));
    expect(before).toContain('\nFor ');
    expect(before).toContain('npm install @holdfast/core');
    expect(before).toMatch(/```ts\nimport [^`]*from '@holdfast\/core';[^`]*\n\/\/ [^`]*```/);
    const titles = [...readme.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);
    const places = sections.map((section) => titles.findIndex((title) => section.test(title)));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((one, other) => one - other));
    expect(readme.replace(/\s+/g, ' ')).toContain('published mechanism');
    expect(notice).toContain(`    ${name}: `);
  });

  test('has the tests of every other', () => {
    for (const file of ['readme.test.ts', 'stories.test.ts'])
      expect(existsSync(new URL(file, ownTests)), file).toBe(true);
    const texts = [...textsOf(ownTests), ...textsOf(folder)];
    const has = (pattern: RegExp): boolean => texts.some((text) => pattern.test(text));
    // Options that do not go together are refused, random orders are tried, and every rule is left out once.
    expect(has(/OptionsError|\.init\([^;]*\.toThrow\(/)).toBe(true);
    expect(has(/from 'fast-check'/)).toBe(true);
    expect(mutants).toContain(name === 'ttl-polarization' ? '`policy: ' : `| ${name} `);
  });
});
