// A parent with one child; it is killed by the test and can clean up nothing.
import { openProcessHost } from '../../src/index.js';

const host = openProcessHost();
const args = ['--import', 'tsx', process.argv[2] ?? ''];
const child = await host.start({ nodeId: 'child', command: process.execPath, args });
await child.waitForLine((line) => line.startsWith('boot'));
process.stdout.write(`child ${child.processId}\n`);
