import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { root } from '../shared/place.js';

/** What one policy may cost whoever imports it alone, minified and compressed. Half of it are the sentences that say why. */
export const POLICY_LIMIT_BYTES = 24_000;

/** What composes policies may cost as much as all those that it brings. */
function limitOf({ inputs }: Bundled): number {
  const brought = new Set(inputs.flatMap((path) => /\/policies\/([^/]+)\//.exec(path)?.[1] ?? []));
  return POLICY_LIMIT_BYTES * Math.max(1, brought.size);
}

/** What all of core may cost, per policy in it. */
export const WHOLE_LIMIT_BYTES_PER_POLICY = 20_000;

export interface SizeCheck {
  readonly name: string;
  readonly problems: readonly string[];
}

interface NamedPolicy {
  readonly name: string;
}

interface Bundled {
  readonly compressedBytes: number;
  /** Built files that something was taken from. */
  readonly inputs: readonly string[];
}

/** Bundles `code`, which imports `@holdfast/core`, with what stands at `entry` in its place. */
async function bundle(code: string, entry: string): Promise<Bundled> {
  const result = await build({
    absWorkingDir: root,
    stdin: { contents: code, resolveDir: root },
    alias: { '@holdfast/core': entry },
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'silent',
  });
  const text = result.outputFiles[0]?.text ?? '';
  const inputs = Object.values(result.metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path),
  );
  return { compressedBytes: gzipSync(text, { level: 9 }).length, inputs };
}

function isPolicy(value: unknown): value is NamedPolicy {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'step' in value
  );
}

/** Every policy of a build of core, by the name under which it is exported. */
async function exportedPolicies(entry: string): Promise<readonly (readonly [string, NamedPolicy])[]> {
  const core = (await import(pathToFileURL(entry).href)) as Readonly<Record<string, unknown>>;
  return Object.entries(core).flatMap(([name, value]) => (isPolicy(value) ? [[name, value] as const] : []));
}

/** A policy with a folder of its own; what composes policies has none. */
function isOwnRoom({ inputs }: Bundled, { name }: NamedPolicy): boolean {
  return inputs.some((path) => path.includes(`/policies/${name}/`));
}

/** Code of other policies in a bundle of the sources. What composes policies has no folder of its own, and brings them all. */
function strangers({ inputs }: Bundled, { name }: NamedPolicy): readonly string[] {
  const folders = inputs.flatMap((path) => /\/policies\/([^/]+)\//.exec(path)?.[1] ?? []);
  if (!folders.includes(name)) return [];
  return [...new Set(folders.filter((folder) => folder !== name))].map(
    (folder) => `it brings code of ${folder}`,
  );
}

/**
 * Sizes of core as it would be installed: the whole, and every policy alone. The sources say file by file whether a policy brings code
 * of another; what is built may not be larger than what the sources make.
 */
export async function checkSizes(built = join(root, 'packages/core/dist/index.js')): Promise<SizeCheck[]> {
  const sources = join(root, 'packages/core/src/index.ts');
  if (!existsSync(built)) return [{ name: '@holdfast/core: sizes', problems: ['it is not built'] }];
  const policies = await exportedPolicies(built);
  if (policies.length === 0) return [{ name: '@holdfast/core: sizes', problems: ['it exports no policy'] }];
  const whole = await bundle(`export * from '@holdfast/core';`, built);
  const limit = WHOLE_LIMIT_BYTES_PER_POLICY * policies.length;
  const checks = [judge(`@holdfast/core: ${policies.length} policies`, whole, limit, [])];
  for (const [name, policy] of policies) {
    const code = `export { ${name} } from '@holdfast/core';`;
    const [alone, exact] = [await bundle(code, built), await bundle(code, sources)];
    const surplus = alone.compressedBytes > 1.05 * exact.compressedBytes;
    const problems = surplus
      ? [`the sources make ${exact.compressedBytes} bytes of it: what is built brings more`]
      : [];
    checks.push(
      judge(
        `@holdfast/core: ${name} alone`,
        alone,
        isOwnRoom(exact, policy) ? POLICY_LIMIT_BYTES : limitOf(exact),
        [...problems, ...strangers(exact, policy)],
      ),
    );
  }
  return checks;
}

function judge(name: string, bundled: Bundled, limitBytes: number, foreign: readonly string[]): SizeCheck {
  const { compressedBytes } = bundled;
  const tooLarge = compressedBytes > limitBytes ? [`${compressedBytes} bytes, at most ${limitBytes}`] : [];
  return { name: `${name}, ${compressedBytes} bytes compressed`, problems: [...tooLarge, ...foreign] };
}
