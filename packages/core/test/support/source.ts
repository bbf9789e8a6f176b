import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One rule left out, in its own source. */
export interface SourceMutant {
  /** A file of the folder of the policy or the group, and the text in it that is replaced. It has to stand there exactly once. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const sources = fileURLToPath(new URL('../../src/', import.meta.url));

/** Everything that the index of one policy exports, or `group` for that of the group, with one rule left out. */
export async function coreWithout<Core>(policy: string, mutant: SourceMutant): Promise<Core> {
  const folder = policy === 'group' ? `${sources}group/` : `${sources}policies/${policy}/`;
  const path = `${folder}${mutant.file}`;
  const text = readFileSync(path, 'utf8');
  if (text.split(mutant.find).length !== 2)
    throw new Error(`"${mutant.find}" does not stand once in ${policy}/${mutant.file}`);
  const contents = text.replace(mutant.find, () => mutant.replace);
  const { outputFiles } = await build({
    entryPoints: [`${folder}index.ts`],
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
