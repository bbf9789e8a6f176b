import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One rule of a policy left out, in its own source. */
export interface SourceMutant {
  /** A file of the policy's folder, and the text in it that is replaced. It has to stand there exactly once. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const sources = fileURLToPath(new URL('../../src/', import.meta.url));

/** Everything that core exports, with one rule of one policy left out. */
export async function coreWithout<Core>(policy: string, mutant: SourceMutant): Promise<Core> {
  const path = `${sources}policies/${policy}/${mutant.file}`;
  const text = readFileSync(path, 'utf8');
  if (text.split(mutant.find).length !== 2)
    throw new Error(`"${mutant.find}" does not stand once in ${policy}/${mutant.file}`);
  const contents = text.replace(mutant.find, () => mutant.replace);
  const { outputFiles } = await build({
    entryPoints: [`${sources}policies/${policy}/index.ts`],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    logLevel: 'silent',
    plugins: [
      {
        name: 'without',
        setup: (hooks) => {
          hooks.onLoad({ filter: /\.ts$/ }, ({ path: loaded }) =>
            loaded === path ? { contents, loader: 'ts' } : undefined,
          );
        },
      },
    ],
  });
  const code = outputFiles[0]?.text ?? '';
  const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
  return (await import(/* @vite-ignore */ url)) as Core;
}
