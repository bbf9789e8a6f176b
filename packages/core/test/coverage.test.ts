import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Rows of each policy's table of scenarios: what goes wrong, and what is to come of it. */
const rowsOf = {
  'appliance-upgrade': 15,
  'consistency-group': 16,
  'latency-failback': 8,
  'mediator-fallback': 16,
  'planned-failover': 6,
  'pool-devices': 15,
  'pooled-memory-ft': 15,
  'resource-reservation': 15,
  'selective-mirroring': 15,
  'swap-recovery': 16,
  'ttl-polarization': 23,
} as const;

type Policy = keyof typeof rowsOf;

const names = Object.keys(rowsOf) as Policy[];
const page = fileURLToPath(new URL('../../../docs/policies/coverage.md', import.meta.url));
/** The group composes policies and stands beside them. */
const roomOf = (policy: string): string => (policy === 'consistency-group' ? 'group' : `policies/${policy}`);
const folderOf = (policy: string): string =>
  fileURLToPath(new URL(`../src/${roomOf(policy)}/testdata/`, import.meta.url));

function storiesOf(policy: string): string[] {
  const folder = folderOf(policy);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort();
}

const rowPrefix = (row: number): string => `row-${String(row).padStart(2, '0')}-`;

function toldBy(policy: Policy, row: number): string[] {
  return storiesOf(policy).filter((name) => name.startsWith(rowPrefix(row)));
}

/** Policies whose every row is told: only those stand on the page. */
function complete(): Policy[] {
  return names.filter((policy) => {
    const rows = Array.from({ length: rowsOf[policy] }, (_, index) => index + 1);
    return rows.every((row) => toldBy(policy, row).length > 0);
  });
}

const intro = `# Which story tells which scenario

Each policy has a table of scenarios: what goes wrong, and what is to come of it. Every row is told by one story or more, which a test
replays. Written with \`HOLDFAST_UPDATE_TRANSCRIPTS=1\` by the test that checks it, \`packages/core/test/coverage.test.ts\`.
`;

function rendered(): string {
  const sections = complete().map((policy) => {
    const base = `../../packages/core/src/${roomOf(policy)}/testdata`;
    const link = (story: string): string => `[${story.replace(/^row-\d+-|\.txt$/g, '')}](${base}/${story})`;
    const rows = Array.from({ length: rowsOf[policy] }, (_, index) => index + 1);
    const lines = rows.map((row) => `| ${String(row)} | ${toldBy(policy, row).map(link).join(', ')} |`);
    const others = storiesOf(policy).filter((name) => !/^row-\d+-/.test(name)).length;
    const told = `${String(rows.length)} rows, and ${String(others)} stories beyond them.`;
    return [`## ${policy}`, '', told, '', '| row | told by |', '| --- | --- |', ...lines].join('\n');
  });
  return `${[intro.trimEnd(), ...sections].join('\n\n')}\n`;
}

/** Stories that the page names, by policy and row. */
function namedOnPage(): { policy: string; row: number; stories: string[] }[] {
  const text = readFileSync(page, 'utf8');
  return text
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const policy = section.slice(0, section.indexOf('\n'));
      return [...section.matchAll(/^\| +(\d+) +\|(.*)\|$/gm)].map(([, row = '', cell = '']) => ({
        policy,
        row: Number(row),
        stories: [...cell.matchAll(/\/([^/)]+\.txt)\)/g)].map(([, story = '']) => story),
      }));
    });
}

describe('the page of scenarios and stories', () => {
  if (process.env['HOLDFAST_UPDATE_TRANSCRIPTS'] === '1') writeFileSync(page, rendered());
  const named = namedOnPage();
  const policies = [...new Set(named.map(({ policy }) => policy))];

  test('names some policies, all of them known', () => {
    expect(policies.length).toBeGreaterThan(0);
    for (const policy of policies) expect(names).toContain(policy);
  });

  test.each(policies)('has every row of %s, told by a story that is there', (policy) => {
    const lines = named.filter((line) => line.policy === policy);
    const rows = Array.from({ length: rowsOf[policy as Policy] }, (_, index) => index + 1);
    expect(lines.map(({ row }) => row)).toEqual(rows);
    const present = storiesOf(policy);
    for (const { row, stories } of lines) {
      expect(stories.length, `row ${String(row)}`).toBeGreaterThan(0);
      for (const story of stories) {
        expect(present, `row ${String(row)}`).toContain(story);
        expect(story.startsWith(rowPrefix(row)), `${story} in row ${String(row)}`).toBe(true);
      }
    }
  });

  // A policy that joins is shown from the next writing on; a story of a row that its table does not have is a mistake at once.
  test.each(names)('%s has no story of a row that is not in its table', (policy) => {
    const rows = storiesOf(policy).flatMap((story) => /^row-(\d+)-/.exec(story)?.[1] ?? []);
    for (const row of rows) {
      expect(Number(row)).toBeGreaterThanOrEqual(1);
      expect(Number(row)).toBeLessThanOrEqual(rowsOf[policy]);
    }
  });
});
