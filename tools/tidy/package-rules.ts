import { type Finding, type Rule, type TrackedFile } from './types.js';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Manifest = Readonly<Record<string, Json>>;

function packagesOf(files: readonly TrackedFile[]): { folder: string; path: string; manifest: Manifest }[] {
  return files.flatMap(({ path, text }) => {
    const folder = /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1];
    return folder === undefined ? [] : [{ folder, path, manifest: JSON.parse(text) as Manifest }];
  });
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const same = (left: Json | undefined, right: Json): boolean => JSON.stringify(left) === JSON.stringify(right);

/** What an entry must look like for both module systems to find the code and its types. */
function entry(stem: string): Json {
  return {
    import: { types: `${stem}.d.ts`, default: `${stem}.js` },
    require: { types: `${stem}.d.cts`, default: `${stem}.cjs` },
  };
}

function exportsProblems(exported: Json | undefined): string[] {
  if (typeof exported !== 'object' || exported === null || Array.isArray(exported))
    return ['`exports` must be a map'];
  const map = exported as Manifest;
  const problems = same(map['./package.json'], './package.json')
    ? []
    : ['`exports` must offer ./package.json'];
  if (map['.'] === undefined) problems.push('`exports` must offer "."');
  for (const [name, value] of Object.entries(map)) {
    if (name === './package.json') continue;
    const stem = `./dist/${name === '.' ? 'index' : name.slice(2)}`;
    const folderStem = `${stem}/index`;
    if (!same(value, entry(stem)) && !same(value, entry(folderStem))) {
      problems.push(`\`exports["${name}"]\` must be ${JSON.stringify(entry(stem))}`);
    }
  }
  return problems;
}

function dependencyProblems(folder: string, manifest: Manifest): string[] {
  const problems: string[] = [];
  const record = (field: string): Record<string, string> => (manifest[field] ?? {}) as Record<string, string>;
  for (const [name, range] of Object.entries(record('dependencies'))) {
    if (folder === 'core') problems.push(`core depends on nothing, yet \`dependencies\` names ${name}`);
    if (!/^\d+\.\d+\.\d+$/.test(range)) problems.push(`${name} must be an exact version, not ${range}`);
    if (name === '@holdfast/core' && folder !== 'cli')
      problems.push('core is a peer, so that a program has one of it');
  }
  for (const [name, range] of Object.entries(record('peerDependencies'))) {
    if (name.startsWith('@holdfast/') && range !== '>=0.1.0 <1.0.0') {
      problems.push(`peer ${name} must be '>=0.1.0 <1.0.0', or a minor release becomes a major one`);
    }
  }
  return problems;
}

const fixed: Manifest = {
  license: 'Apache-2.0',
  type: 'module',
  sideEffects: false,
  engines: { node: '>=20.19' },
  main: './dist/index.cjs',
  module: './dist/index.js',
  types: './dist/index.d.ts',
  files: ['dist', 'README.md', 'LICENSE', 'NOTICE'],
  publishConfig: { access: 'public', provenance: true },
};

function manifestProblems(folder: string, manifest: Manifest, version: Json | undefined): string[] {
  const problems: string[] = [];
  if (manifest['name'] !== `@holdfast/${folder}`) problems.push(`\`name\` must be @holdfast/${folder}`);
  if (!/\.$/.test(text(manifest['description']))) problems.push('`description` must be a sentence');
  if (manifest['private'] === true) return problems;
  for (const [field, value] of Object.entries(fixed)) {
    if (!same(manifest[field], value)) problems.push(`\`${field}\` must be ${JSON.stringify(value)}`);
  }
  if (!same(manifest['version'], version ?? null))
    problems.push('`version` must be the same in every package');
  return [...problems, ...exportsProblems(manifest['exports']), ...dependencyProblems(folder, manifest)];
}

const manifests: Rule = {
  name: 'package fields agree',
  check(files) {
    const packages = packagesOf(files);
    const version = packages.find(({ folder }) => folder === 'core')?.manifest['version'];
    const findings = packages.flatMap(({ folder, path, manifest }) =>
      manifestProblems(folder, manifest, version).map((message) => ({ path, message })),
    );
    return { looked: packages.length, findings };
  },
};

/** Every room has the same furniture, so that who knows one finds things in all. */
function missing(folder: string, wanted: readonly string[], present: ReadonlySet<string>): Finding[] {
  return wanted
    .filter(
      (name) =>
        ![...present].some((path) => path === `${folder}/${name}` || path.startsWith(`${folder}/${name}/`)),
    )
    .map((name) => ({ path: folder, message: `${name} is missing` }));
}

const packageFurniture: Rule = {
  name: 'every package has the same furniture',
  check(files) {
    const present = new Set(files.map(({ path }) => path));
    const packages = packagesOf(files);
    const all = ['README.md', 'tsconfig.json', 'src/index.ts'];
    // What is not published is run from its sources, and built by nobody.
    const published = [...all, 'tsconfig.build.json', 'tsup.config.ts'];
    return {
      looked: packages.length,
      findings: packages.flatMap(({ folder, manifest }) =>
        missing(`packages/${folder}`, manifest['private'] === true ? all : published, present),
      ),
    };
  },
};

const readmes: Rule = {
  name: 'every package shows how it is used',
  check(files) {
    const seen = files.filter(({ path }) => /^packages\/[^/]+\/README\.md$/.test(path));
    const findings = seen
      .filter(({ text }) => !/^```\w/m.test(text))
      .map(({ path }) => ({ path, message: 'shows no example: add a short one that runs' }));
    return { looked: seen.length, findings };
  },
};

const policyFurniture: Rule = {
  name: 'every policy has the same furniture',
  check(files) {
    const present = new Set(files.map(({ path }) => path));
    const folders = new Set(
      [...present].flatMap((path) => /^packages\/core\/src\/policies\/[^/]+(?=\/)/.exec(path)?.[0] ?? []),
    );
    const wanted = [
      'README.md',
      'options.ts',
      'types.ts',
      'step.ts',
      'invariants.ts',
      'step.test.ts',
      'testdata',
    ];
    return {
      looked: folders.size,
      findings: [...folders].flatMap((folder) => missing(folder, wanted, present)),
    };
  },
};

export const packageRules: readonly Rule[] = [manifests, packageFurniture, readmes, policyFurniture];
