/*
 * Makes a fresh clone ready: checks Node.js, installs from the lockfile, builds what is missing.
 * Uses nothing but Node.js itself, because it runs before anything is installed. Messages go to standard error,
 * so that the output of the command that follows stays clean. Doing it twice does nothing the second time.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './child.mjs';
import { withLock } from './lock.mjs';
import { root, say } from './place.mjs';

const neededNode = [20, 19];

/** Ends the process with a readable message when Node.js is too old to run anything here. */
export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > neededNode[0] || (major === neededNode[0] && minor >= neededNode[1])) return;
  say(`Holdfast needs Node.js ${neededNode.join('.')} or newer; this is ${version}.`);
  say(
    'Install a current one from https://nodejs.org (or `nvm install` in this folder) and run the same command again.',
  );
  process.exit(1);
}

/**
 * Says why what lies in node_modules is not what the lockfile asks for, or undefined when it is.
 * npm writes a copy of the lockfile into node_modules as the last act of an install, so an interrupted install shows.
 */
export function installGap(wanted, installed) {
  if (installed === undefined) return 'nothing is installed yet';
  for (const [path, entry] of Object.entries(wanted.packages)) {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) continue;
    const present = installed.packages[path];
    // Optional packages are binaries for other platforms; npm installs only the one that fits.
    if (present === undefined && (entry.optional === true || entry.peer === true)) continue;
    if (present === undefined) return `${path} is not installed`;
    if (present.version !== entry.version || present.integrity !== entry.integrity) {
      return `${path} is at ${present.version}, the lockfile says ${entry.version}`;
    }
  }
  return undefined;
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

async function install() {
  const wanted = readJson(join(root, 'package-lock.json'));
  const gap = installGap(wanted, readJson(join(root, 'node_modules', '.package-lock.json')));
  if (gap === undefined) return;
  const count = Object.values(wanted.packages).filter((entry) => entry.link !== true).length;
  say(`Installing up to ${count} packages from the lockfile (npm ci), because ${gap}.`);
  const npm = process.env.npm_execpath;
  const [file, ...first] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
  // npm's own words go to standard error too: standard output belongs to what was asked for.
  const code = await runChild(file, [...first, 'ci', '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] });
  if (code !== 0) {
    say(`npm ci ended with code ${code}; its message is above. It needs to reach a package registry once.`);
    process.exit(1);
  }
}

async function build(filters) {
  const turbo = join(root, 'node_modules', 'turbo', 'bin', 'turbo');
  say('Building the packages (unchanged ones come from the cache).');
  const started = process.hrtime.bigint();
  const args = [
    turbo,
    'run',
    'build',
    '--output-logs=errors-only',
    ...filters.map((name) => `--filter=${name}`),
  ];
  const env = {
    ...process.env,
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
  };
  const code = await runChild(process.execPath, args, { stdio: ['ignore', 2, 2], env });
  if (code !== 0) {
    say(`The build ended with code ${code}; the first error is above.`);
    process.exit(1);
  }
  say(`Built in ${(Number(process.hrtime.bigint() - started) / 1e9).toFixed(1)} s.`);
}

/** Two commands started at once share one install and one build; the second waits for the first. */
export async function ensureReady({ filters = [] } = {}) {
  checkNode();
  await withLock(join(root, '.holdfast', 'bootstrap.lock'), async () => {
    await install();
    await build(filters);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await ensureReady();
