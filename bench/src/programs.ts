import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where a program of another project lies. What is not there is said by name, with where to get it. */
export function findProgram(name: string, from: string): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`missing: ${name} (on Debian in the package ${from})`);
}
