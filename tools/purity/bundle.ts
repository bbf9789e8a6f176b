import { build } from 'esbuild';
import { root } from '../shared/place.js';

export interface Bundle {
  /** One script that leaves its exports in the variable `subject`. */
  readonly code: string;
  /** Sources that went into it, relative to the top folder. */
  readonly inputs: readonly string[];
}

/** Bundles for no platform at all: an import that only one platform can serve fails here. */
export async function bundle(entry: string): Promise<Bundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: 'iife',
    globalName: 'subject',
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'silent',
  });
  const code = result.outputFiles[0]?.text;
  if (code === undefined) throw new Error(`the bundler wrote nothing for ${entry}`);
  return { code, inputs: Object.keys(result.metafile.inputs) };
}
