/*
 * Runs the demonstration as a newcomer would, with `--json`, and counts the claims it proves while it runs.
 * A demonstration that ends well but proves nothing fails here.
 */
import { spawn } from 'node:child_process';
import { countClaims } from './claims.mjs';

const args = ['tools/bootstrap/demo.mjs', '--json', ...process.argv.slice(2)];
const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
let output = '';
child.stdout.setEncoding('utf8').on('data', (chunk) => {
  output += chunk;
});
const code = await new Promise((resolve) => child.once('close', resolve));

const { passed, failed, lines } = countClaims(output, code);
for (const line of lines) console.log(line);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
