/* `npm run demo`: makes the checkout ready, then runs the demonstration of the command line. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { ensureReady } from './ensure.mjs';
import { root, say } from './place.mjs';

await ensureReady({ filters: ['@holdfast/cli...'] });
const program = join(root, 'packages', 'cli', 'dist', 'holdfast.js');
if (!existsSync(program)) {
  say(`The build has left no ${program}; run \`npm run build\` and read its messages.`);
  process.exit(1);
}
process.exitCode = await runChild(process.execPath, [program, 'demo', ...process.argv.slice(2)]);
