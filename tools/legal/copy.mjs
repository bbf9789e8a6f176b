/* Runs before a package is packed, in its folder: what is installed carries the licence, though it is kept in one place. */
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

for (const name of ['LICENSE', 'NOTICE']) {
  copyFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), name);
}
