// A node that ends with its parent, and one that would rather not end at all.
import { exitWithParent } from '../../src/index.js';

const bootId = exitWithParent(() => process.exit(0));
if (process.argv[2] === 'stubborn') process.on('SIGTERM', () => undefined);
setInterval(() => undefined, 1000);
process.stdout.write(`boot ${bootId ?? 'none'}\n`);
