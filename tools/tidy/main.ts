/* `npm run tidy`: the rules of the repository that a compiler does not know. See STYLE.md for their reasons. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { finish } from '../shared/report.js';
import { root } from '../shared/place.js';
import { exceptions } from './exceptions.js';
import { tidy } from './tidy.js';
import { type TrackedFile } from './types.js';

/** What git tracks or would track, as it lies in the working copy. */
function trackedFiles(): TrackedFile[] {
  const listing = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listing
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)) && statSync(join(root, path)).isFile())
    .map((path) => {
      const bytes = readFileSync(join(root, path));
      return { path, text: bytes.includes(0) ? '' : bytes.toString('utf8'), sizeBytes: bytes.length };
    });
}

const files = trackedFiles();
const results = tidy(files, exceptions);
for (const { rule, looked, findings } of results) {
  console.log(`${findings.length === 0 ? 'ok    ' : 'BROKEN'} ${rule} (looked at ${looked})`);
  for (const { path, line, message } of findings) {
    console.log(`         ${path}${line === undefined ? '' : `:${line}`}  ${message}`);
  }
}
console.log(`${files.length} files, ${results.length} rules`);
finish({
  passed: results.filter(({ findings }) => findings.length === 0).length,
  failed: results.filter(({ findings }) => findings.length > 0).length,
});
