import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Package, type Tarball } from '../shared/packages.js';
import { npm, run } from '../shared/process.js';
import { compilerOptions, compilers, consumerSource, type Way } from './matrix.js';

export interface Check {
  readonly name: string;
  readonly problem?: string;
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value, null, 2));
}

async function install(folder: string, dependencies: Record<string, string>): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, 'package.json'), {
    name: 'consumer',
    private: true,
    version: '1.0.0',
    dependencies,
  });
  const { code, output } = await npm(['install', '--no-package-lock', '--prefer-offline'], { cwd: folder });
  if (code !== 0)
    throw new Error(`npm install of ${Object.keys(dependencies).join(', ')} ended with ${code}:\n${output}`);
}

/** Someone's program: our tarballs with what they depend on, and nothing of this repository. */
export async function installApp(folder: string, tarballs: readonly Tarball[]): Promise<void> {
  await install(folder, Object.fromEntries(tarballs.map(({ name, path }) => [name, `file:${path}`])));
}

/** Compilers and @types/node live apart, so that a program without ambient types cannot find them by accident. */
export async function installCompilers(folder: string): Promise<void> {
  const aliases = Object.entries(compilers).map(([name, version]) => [
    `typescript-${name}`,
    `npm:typescript@${version}`,
  ]);
  await install(folder, {
    ...(Object.fromEntries(aliases) as Record<string, string>),
    '@types/node': '20.19.43',
  });
}

/** Compiles a program that uses every entry, in one way. */
export async function compile(root: string, way: Way, entries: readonly string[]): Promise<Check> {
  const name = `types of ${entries.length} entries: TypeScript ${way.compiler}, ${way.style}, ${way.types}`;
  const folder = join(root, 'app', `${way.compiler} ${way.style} ${way.types}`.replace(/\W+/g, '-'));
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, 'package.json'), { type: way.style === 'nodenext require' ? 'commonjs' : 'module' });
  writeFileSync(join(folder, 'consumer.ts'), consumerSource(way, entries));
  const options = compilerOptions(way, join(root, 'compilers', 'node_modules', '@types'));
  writeJson(join(folder, 'tsconfig.json'), { compilerOptions: options, files: ['consumer.ts'] });
  const program = join(root, 'compilers', 'node_modules', `typescript-${way.compiler}`, 'lib', 'tsc.js');
  const { code, output } = await run(process.execPath, [program, '-p', '.'], { cwd: folder });
  return code === 0 ? { name } : { name, problem: output.trim() };
}

const loaders = {
  import: (entry: string) => [
    '--input-type=module',
    '-e',
    `import * as entry from '${entry}'; console.log(JSON.stringify(Object.keys(entry).sort()));`,
  ],
  require: (entry: string) => [
    '--input-type=commonjs',
    '-e',
    `console.log(JSON.stringify(Object.keys(require('${entry}')).sort()));`,
  ],
};

/** Loads an entry by import and by require in processes of their own: both must offer the same names. */
export async function load(root: string, entry: string): Promise<Check> {
  const name = `${entry} loads by import and by require`;
  const cwd = join(root, 'app');
  const [imported, required] = await Promise.all([
    run(process.execPath, loaders.import(entry), { cwd }),
    run(process.execPath, loaders.require(entry), { cwd }),
  ]);
  if (imported.code !== 0) return { name, problem: `import: ${imported.output.trim()}` };
  if (required.code !== 0) return { name, problem: `require: ${required.output.trim()}` };
  return imported.output === required.output
    ? { name }
    : { name, problem: `import offers ${imported.output.trim()}, require offers ${required.output.trim()}` };
}

/** Starts the commands that a package installs. */
export async function runCommands(root: string, { manifest }: Package): Promise<Check[]> {
  const checks: Check[] = [];
  for (const command of Object.keys(manifest.bin ?? {})) {
    const { code, output } = await run(join(root, 'app', 'node_modules', '.bin', command), ['--help'], {
      cwd: root,
    });
    const name = `${command} --help, as installed`;
    checks.push(code === 0 ? { name } : { name, problem: output.trim() });
  }
  return checks;
}
