import { execFileSync } from 'node:child_process';
import { type Package } from '../shared/packages.js';
import { root } from '../shared/place.js';

/** Files at the top that shape every package. */
const common = ['tsup.preset.ts', 'tsconfig.base.json', 'package-lock.json', 'tools/consumer-matrix/'];

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/** What consumers have is the last release; before the first one, everything is new to them. */
export function defaultBase(): string | undefined {
  return git('describe', '--tags', '--abbrev=0');
}

/** Files that differ from `base`, in commits and in the working copy. */
export function changedFiles(base: string): string[] {
  const listing = git('diff', '--name-only', base);
  if (listing === undefined) throw new Error(`git knows no '${base}' to compare with`);
  return listing.split('\n').filter((path) => path !== '');
}

/** Packages that changed, and those that depend on them: what breaks is often one step away. */
export function affected(packages: readonly Package[], files: readonly string[]): Package[] {
  if (files.some((file) => common.some((each) => file.startsWith(each)))) return [...packages];
  const names = new Set(
    packages
      .filter(({ folder }) => files.some((file) => file.startsWith(`packages/${folder}/`)))
      .map(({ manifest }) => manifest.name),
  );
  for (let size = -1; size !== names.size;) {
    size = names.size;
    for (const { manifest } of packages) {
      const uses = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
      if (uses.some((name) => names.has(name))) names.add(manifest.name);
    }
  }
  return packages.filter(({ manifest }) => names.has(manifest.name));
}

/** The packages with everything of ours that they need to be installed. */
export function withDependencies(packages: readonly Package[], chosen: readonly Package[]): Package[] {
  const names = new Set(chosen.map(({ manifest }) => manifest.name));
  for (const name of names) {
    const manifest = packages.find((each) => each.manifest.name === name)?.manifest;
    for (const used of Object.keys({ ...manifest?.dependencies, ...manifest?.peerDependencies })) {
      if (packages.some((each) => each.manifest.name === used)) names.add(used);
    }
  }
  return packages.filter(({ manifest }) => names.has(manifest.name));
}
