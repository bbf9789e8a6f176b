import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './process.js';
import { root } from './place.js';

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  /** Name of its folder below packages/. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Every package that is meant to be published. */
export function publishablePackages(): Package[] {
  return readdirSync(join(root, 'packages'))
    .filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')) as Manifest,
    }))
    .filter(({ manifest }) => manifest.private !== true);
}

export interface Tarball {
  readonly name: string;
  readonly path: string;
  /** Paths inside the package. */
  readonly files: readonly string[];
}

/** Packs packages as a release would, into `folder`. */
export async function pack(packages: readonly Package[], folder: string): Promise<Tarball[]> {
  mkdirSync(folder, { recursive: true });
  const chosen = packages.flatMap((each) => ['--workspace', `packages/${each.folder}`]);
  const { code, output } = await npm(['pack', '--json', `--pack-destination=${folder}`, ...chosen]);
  // npm says other things around its JSON; the document starts and ends on lines of their own.
  const json = /^\[$[^]*^\]$/m.exec(output)?.[0];
  if (code !== 0 || json === undefined) throw new Error(`npm pack ended with code ${code}:\n${output}`);
  const packed = JSON.parse(json) as { name: string; filename: string; files: { path: string }[] }[];
  return packed.map(({ name, filename, files }) => ({
    name,
    path: join(folder, filename.replace('@', '').replace('/', '-')),
    files: files.map(({ path }) => path),
  }));
}
