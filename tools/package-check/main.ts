/*
 * `npm run check:packages`: every package as it would be installed. The tarball holds what it should and nothing else,
 * publint agrees with package.json, the types are right for both module systems and for the oldest compiler, and core costs what it
 * may.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { pack, publishablePackages, type Package, type Tarball } from '../shared/packages.js';
import { root } from '../shared/place.js';
import { inParallel, run } from '../shared/process.js';
import { finish } from '../shared/report.js';
import { newerTypes } from './declarations.js';
import { checkSizes, type SizeCheck } from './size.js';

type Check = SizeCheck;

/** Files that belong into a package besides what its build writes. */
const furniture = ['LICENSE', 'NOTICE', 'README.md', 'package.json'];

function checkContents({ name, files }: Tarball, { manifest }: Package): Check {
  const missing = furniture.filter((file) => !files.includes(file)).map((file) => `${file} is missing`);
  const stray = files
    .filter((file) => !furniture.includes(file) && !file.startsWith('dist/'))
    .map((file) => `${file} is stray`);
  const tests = files.filter((file) => /\.test\./.test(file)).map((file) => `${file} is a test`);
  const commands = Object.values(manifest.bin ?? {})
    .filter((file) => !files.includes(file.replace(/^\.\//, '')))
    .map((file) => `the command ${file} is missing`);
  return { name: `${name}: contents`, problems: [...missing, ...stray, ...tests, ...commands] };
}

async function checkFields({ name, path }: Tarball): Promise<Check> {
  const bytes = readFileSync(path);
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ strict: true, pack: { tarball } });
  const problems = messages.map((message) => formatMessage(message, pkg) ?? message.code);
  return { name: `${name}: publint`, problems };
}

async function checkTypes({ name, path }: Tarball): Promise<Check> {
  const program = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  // The oldest resolution knows no `exports`; our floor is a Node.js that does.
  const args = [program, path, '--profile', 'node16', '--format', 'ascii', '--no-color', '--no-emoji'];
  const { code, output } = await run(process.execPath, args);
  return { name: `${name}: types for both module systems`, problems: code === 0 ? [] : [output.trim()] };
}

/** The consumer matrix says the same with the compiler itself, but a minute later and only for packages that have changed. */
function checkDeclarations({ name, files }: Tarball, { folder }: Package): Check {
  const problems = files
    .filter((file) => /\.d\.[cm]?ts$/.test(file))
    .flatMap((file) =>
      newerTypes(readFileSync(join(root, 'packages', folder, file), 'utf8')).map((line) => `${file}:${line}`),
    );
  return { name: `${name}: declarations for older compilers`, problems };
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-package-check-'));
try {
  const packages = publishablePackages();
  const tarballs = await pack(packages, folder);
  const checks = await inParallel(packages, 2, async (each): Promise<Check[]> => {
    const tarball = tarballs.find(({ name }) => name === each.manifest.name);
    if (tarball === undefined) return [{ name: each.manifest.name, problems: ['npm packed nothing'] }];
    return [
      checkContents(tarball, each),
      checkDeclarations(tarball, each),
      await checkFields(tarball),
      await checkTypes(tarball),
    ];
  });
  checks.push(await checkSizes());
  for (const { name, problems } of checks.flat()) {
    console.log(`${problems.length === 0 ? 'ok    ' : 'WRONG '} ${name}`);
    for (const problem of problems) console.log(`         ${problem.replaceAll('\n', '\n         ')}`);
  }
  finish({
    passed: checks.flat().filter(({ problems }) => problems.length === 0).length,
    failed: checks.flat().filter(({ problems }) => problems.length > 0).length,
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
