import { describe, expect, it } from 'vitest';
import { rules, tidy } from './tidy.js';
import { type TrackedFile } from './types.js';

function file(path: string, ...lines: string[]): TrackedFile {
  const text = `${lines.join('\n')}\n`;
  return { path, text, sizeBytes: text.length };
}

/** The findings of one rule, as `path:line message`. */
function broken(rule: string, ...files: TrackedFile[]): string[] {
  const result = tidy(files, []).find((each) => each.rule === rule);
  if (result === undefined) throw new Error(`no rule is called '${rule}'`);
  return result.findings.map(
    ({ path, line, message }) => `${path}${line === undefined ? '' : `:${line}`} ${message}`,
  );
}

const policy = 'packages/core/src/policies/x';

describe('what a line must not say', () => {
  it.each([
    ['no notes to a later self', 'packages/core/src/a.ts', '// TODO: later'],
    ['no silenced compiler', 'packages/core/src/a.ts', 'const a = b as any;'],
    ['no silenced compiler', 'tools/a.ts', '// @ts-ignore'],
    ['a silenced lint rule has a reason', 'tools/a.ts', '// eslint-disable-next-line no-eval'],
    ['no test left out or singled out', 'packages/core/src/a.test.ts', "it.only('x', () => {});"],
    ['no path of one machine', 'README.md', 'see /home/someone/notes'],
    ['temporary files go where the system wants them', 'tools/a.ts', "const a = '/tmp/a';"],
    ['no registry host', 'package-lock.json', '"resolved": "https://mirror.example/a.tgz"'],
  ])('%s', (rule, path, line) => {
    expect(broken(rule, file(path, 'const fine = 1;', line))).toHaveLength(1);
    expect(broken(rule, file(path, 'const fine = 1;'))).toEqual([]);
  });

  it('a silenced lint rule passes with its reason beside it', () => {
    const line = '// eslint-disable-next-line no-eval -- the page is ours';
    expect(broken('a silenced lint rule has a reason', file('tools/a.ts', line))).toEqual([]);
  });
});

describe('what a library must not reach for', () => {
  const library = (line: string, path = 'packages/volume/src/a.ts'): TrackedFile => file(path, line);

  it.each([
    ['time comes from a Clock', 'setTimeout(run, 5);'],
    ['time comes from a Clock', 'const at = Date.now();'],
    ['time comes from a Clock', 'const at = new Date();'],
    ['time comes from a Clock', 'const at = performance.now();'],
    ['chance comes from a Random', 'const dice = Math.random();'],
    ['the platform stays under src/node/', 'const bytes = Buffer.alloc(4);'],
    ['the platform stays under src/node/', 'const home = process.env.HOME;'],
    ['libraries are silent', "console.log('here');"],
  ])('%s: %s', (rule, line) => {
    expect(broken(rule, library(line))).toHaveLength(1);
  });

  it('may name the same things in comments, types, members and texts', () => {
    const lines = [
      '// Date.now()',
      "const a = 'setTimeout';",
      'clock.setTimeout(run);',
      'let at: Date;',
      '`Buffer`;',
    ];
    for (const line of lines) {
      expect(broken('time comes from a Clock', library(line))).toEqual([]);
      expect(broken('the platform stays under src/node/', library(line))).toEqual([]);
    }
  });

  it('may use them under src/node/, in the command line and in tests', () => {
    const places = [
      'packages/volume/src/node/a.ts',
      'packages/cli/src/a.ts',
      'packages/volume/src/a.test.ts',
    ];
    for (const path of places)
      expect(broken('time comes from a Clock', library('Date.now();', path))).toEqual([]);
  });

  it('may not speak of promises in core, outside the ports', () => {
    const rule = 'no promise machinery in core';
    expect(broken(rule, library('Promise.resolve();', 'packages/core/src/a.ts'))).toHaveLength(1);
    expect(broken(rule, library('export async function f() {}', 'packages/core/src/a.ts'))).toHaveLength(1);
    expect(broken(rule, library('Promise.resolve();', 'packages/runtime/src/a.ts'))).toEqual([]);
  });

  it('may not offer a port of eight methods', () => {
    const methods = Array.from({ length: 8 }, (_, index) => `  m${index}(): void;`);
    const path = 'packages/core/src/ports/a.ts';
    expect(broken('ports are small', file(path, 'export interface A {', ...methods, '}'))).toHaveLength(1);
    expect(broken('ports are small', file(path, 'export interface A {', ...methods.slice(1), '}'))).toEqual(
      [],
    );
  });
});

describe('what a file must not be', () => {
  it('longer than its limit', () => {
    const lines = (count: number): string[] => Array.from({ length: count }, () => '');
    expect(broken('files are short', file('tools/a.ts', ...lines(401)))).toHaveLength(1);
    expect(broken('files are short', file('tools/a.ts', ...lines(400)))).toEqual([]);
    expect(broken('files are short', file(`${policy}/step.ts`, ...lines(301)))).toHaveLength(1);
  });

  it('a blob', () => {
    expect(broken('no large blobs', { path: 'a.bin', text: '', sizeBytes: 300_000 })).toHaveLength(1);
  });

  it('a page whose links lead nowhere', () => {
    const rule = 'links in the documents lead somewhere';
    const page = file('docs/a.md', '[there](../README.md#top) [web](https://example.org)', '[gone](b.md)');
    expect(broken(rule, page, file('README.md'))).toEqual([
      "docs/a.md:2 'b.md' leads nowhere: correct the link",
    ]);
  });
});

describe('what a package must have', () => {
  const manifest = {
    name: '@holdfast/x',
    version: '0.1.0',
    description: 'A package.',
    license: 'Apache-2.0',
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20.19' },
    main: './dist/index.cjs',
    module: './dist/index.js',
    types: './dist/index.d.ts',
    exports: {
      '.': {
        import: { types: './dist/index.d.ts', default: './dist/index.js' },
        require: { types: './dist/index.d.cts', default: './dist/index.cjs' },
      },
      './package.json': './package.json',
    },
    files: ['dist', 'README.md', 'LICENSE', 'NOTICE'],
    publishConfig: { access: 'public', provenance: true },
  };
  const core = file('packages/core/package.json', JSON.stringify({ ...manifest, name: '@holdfast/core' }));
  const check = (change: object): string[] =>
    broken(
      'package fields agree',
      core,
      file('packages/x/package.json', JSON.stringify({ ...manifest, ...change })),
    );

  it('is content with the common shape', () => {
    expect(check({})).toEqual([]);
    expect(
      check({ dependencies: { hono: '4.0.0' }, peerDependencies: { '@holdfast/core': '>=0.1.0 <1.0.0' } }),
    ).toEqual([]);
  });

  it.each([
    ['another name', { name: '@holdfast/y' }],
    ['another version', { version: '0.2.0' }],
    ['another floor', { engines: { node: '>=18' } }],
    ['types for one module system only', { exports: { ...manifest.exports, '.': './dist/index.js' } }],
    ['a floating dependency', { dependencies: { hono: '^4.0.0' } }],
    ['core as a plain dependency', { dependencies: { '@holdfast/core': '0.1.0' } }],
    ['a narrow peer range', { peerDependencies: { '@holdfast/core': '^0.1.0' } }],
  ])('objects to %s', (_, change) => {
    expect(check(change)).toHaveLength(1);
  });

  it('objects to a package without a readme, or one without an example', () => {
    expect(broken('every package has the same furniture', core)).toContain(
      'packages/core README.md is missing',
    );
    expect(
      broken('every package shows how it is used', file('packages/core/README.md', '# Core')),
    ).toHaveLength(1);
  });

  it('objects to a policy without its furniture', () => {
    const findings = broken('every policy has the same furniture', file(`${policy}/step.ts`));
    expect(findings).toContain(`${policy} invariants.ts is missing`);
    expect(findings).toContain(`${policy} testdata is missing`);
  });
});

describe('exceptions', () => {
  const rule = 'time comes from a Clock';
  const source = file('packages/volume/src/a.ts', 'Date.now();');

  it('silence one rule in one place', () => {
    const results = tidy([source], [{ rule, path: /volume\/src\/a\.ts$/, because: 'the test says so' }]);
    expect(results.flatMap(({ findings }) => findings)).toEqual([]);
  });

  it('go when they are no longer needed', () => {
    const results = tidy([], [{ rule, path: /gone/, because: 'it was once' }]);
    expect(results.at(-1)?.findings).toHaveLength(1);
  });

  it('name rules that exist, each once', () => {
    expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
  });
});
