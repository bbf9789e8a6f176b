import { fileURLToPath } from 'node:url';

/** The top folder of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

export function say(line) {
  process.stderr.write(`holdfast: ${line}\n`);
}
