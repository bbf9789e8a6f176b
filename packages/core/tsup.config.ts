import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Options } from 'tsup';
import { preset } from '../../tsup.preset.js';

const folder = fileURLToPath(new URL('src/policies/', import.meta.url));
const policies = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/**
 * Each policy in a file of its own behind the one entry, and the group that composes them in another: who imports one policy gets no code of the others. Within a single file a
 * bundler keeps every table that is made by a call. Declarations cost nobody anything at run time and stay in one file.
 */
const config = (given: Options): ReturnType<typeof preset> =>
  preset(
    given.dts === undefined
      ? {
          entry: {
            index: 'src/index.ts',
            group: 'src/group/index.ts',
            ...Object.fromEntries(
              policies.map((name) => [`policies/${name}`, `src/policies/${name}/index.ts`]),
            ),
          },
          splitting: true,
        }
      : {},
  );

export default config;
