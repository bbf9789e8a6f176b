import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sourceMutants } from './mediator-fallback/source-mutants.js';

/** Where a policy's tests name the rules that they leave out, and how a name is told from other text there. */
interface Source {
  readonly policy: string;
  readonly layer: string;
  readonly file: string;
  /** Text that the names stand behind, and text that ends them. */
  readonly from?: string;
  readonly to?: string;
  readonly name: RegExp;
}

const aTest = /^ {2}test\((?:\n\s+)?'(.+)',/gm;
const aRow = /^ {2,4}\[\s*'(.+?)',/gm;
const aName = /^\s+name: ['"`](.+)['"`],$/gm;

const sources: readonly Source[] = [
  { policy: 'consistency group', layer: 'exploration', file: 'explore/group-mutants.ts', name: aName },
  {
    policy: 'consistency group',
    layer: 'story',
    file: 'group/mutants.ts',
    name: /^\/\*\* (.+)\. \*\/\nexport const/gm,
  },
  {
    policy: 'consistency group',
    layer: 'exploration',
    file: 'group/mirroring.test.ts',
    from: "describe('without one rule of the composition'",
    to: '\n});',
    name: aTest,
  },
  { policy: 'appliance-upgrade', layer: 'story', file: 'appliance-upgrade/mutants.test.ts', name: aTest },
  { policy: 'latency-failback', layer: 'exploration', file: 'latency-failback/mutants.ts', name: aName },
  {
    policy: 'mediator-fallback',
    layer: 'exploration',
    file: 'mediator-fallback/exploration.test.ts',
    from: "describe('a guard",
    name: aTest,
  },
  { policy: 'planned-failover', layer: 'exploration', file: 'planned-failover/mutants.test.ts', name: aTest },
  {
    policy: 'pool-devices',
    layer: 'story or exploration',
    file: 'pool-devices/mutants.test.ts',
    name: aTest,
  },
  {
    policy: 'pooled-memory-ft',
    layer: 'exploration',
    file: 'pooled-memory-ft/explore.test.ts',
    from: "describe('a rule",
    name: aRow,
  },
  {
    policy: 'pooled-memory-ft',
    layer: 'unit test',
    file: '../src/policies/pooled-memory-ft/step.test.ts',
    from: "describe('without one guard'",
    to: '\n});',
    name: /^ {2}(?:test\(| {2}\[)'(.+?)',/gm,
  },
  {
    policy: 'resource-reservation',
    layer: 'story',
    file: 'resource-reservation/mutants.test.ts',
    name: aTest,
  },
  {
    policy: 'selective-mirroring',
    layer: 'exploration',
    file: 'selective-mirroring/mutants.test.ts',
    from: 'const explored',
    to: '\n];',
    name: aRow,
  },
  {
    policy: 'selective-mirroring',
    layer: 'story',
    file: 'selective-mirroring/mutants.test.ts',
    from: '\n];',
    name: aTest,
  },
  { policy: 'swap-recovery', layer: 'exploration', file: 'swap-recovery/mutants.ts', name: aRow },
  {
    policy: 'ttl-polarization',
    layer: 'story',
    file: 'ttl-polarization/mutants.test.ts',
    from: "describe('a rule of the data path",
    to: '\n});',
    name: aTest,
  },
];

const page = new URL('../../../docs/internals/mutants.md', import.meta.url);
const begin = '## In the other policies\n';
const end = '\n## Left out';

function namesOf({ file, from = '', to, name }: Source): readonly string[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const start = text.indexOf(from);
  if (start < 0) throw new Error(`${file} has no "${from}"`);
  const rest = text.slice(start);
  const stop = to === undefined ? -1 : rest.indexOf(to);
  const part = stop < 0 ? rest : rest.slice(0, stop);
  return [...part.matchAll(name)].map(([, found = '']) => found.replaceAll("\\'", "'"));
}

/** Of the fence that need not be durable here: what is shown is that it changes nothing. */
const changesNothing =
  'here the two are one, and a start rolls back: then the fence need not be durable for safety';
const layers = {
  happenings: 'random orders',
  interruptions: 'interruption at every wish',
  exploration: 'exploration',
} as const;

const wanted = [
  ...sources
    .flatMap((source) => namesOf(source).map((name) => [source.policy, name, source.layer] as const))
    .filter(([, name]) => name !== changesNothing),
  ...sourceMutants.map(({ name, by }) => ['mediator-fallback', name, layers[by]] as const),
].sort(([one], [two]) => (one < two ? -1 : one > two ? 1 : 0));

function rendered(): string {
  const rows = wanted.map((cells) => `| ${cells.join(' | ')} |`);
  const intro = `Each is looked for in every test run, by the tests in \`packages/core/test/<policy>\`. The name is the rule that is left out, or what is done
instead. Written with \`HOLDFAST_UPDATE_TRANSCRIPTS=1\` by \`packages/core/test/mutants-page.test.ts\`, which also compares.`;
  return [
    '',
    intro,
    '',
    '| policy | what is left out | caught by |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

describe('the page of mutants', () => {
  const text = readFileSync(page, 'utf8');
  const head = text.slice(0, text.includes(begin) ? text.indexOf(begin) : text.indexOf(end) + 1);
  const tail = text.slice(text.indexOf(end));
  if (process.env['HOLDFAST_UPDATE_TRANSCRIPTS'] === '1')
    writeFileSync(page, `${head}${begin}${rendered()}${tail}`);

  test('names every rule that the policies leave out, and the layer that misses it', () => {
    const section = readFileSync(page, 'utf8').split(begin)[1]?.split(end)[0] ?? '';
    const rows = section
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(2)
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    expect(rows).toEqual(wanted);
  });

  test.each(sources.map((source) => [`${source.policy}: ${source.file}`, source] as const))(
    '%s names some',
    (_title, source) => {
      expect(namesOf(source).length).toBeGreaterThan(1);
    },
  );

  test('has more than a hundred in all', () => {
    const first = readFileSync(page, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `')).length;
    expect(first + wanted.length).toBeGreaterThan(100);
    expect(new Set(wanted.map((row) => row.join())).size).toBe(wanted.length);
  });
});
