#!/usr/bin/env node
// The wire of the demonstration: a program of its own, so that a cut is no act of a node. Arguments: listen, target and command sockets.
import { startLife } from './run/life.js';
import { runRelay } from './demo/relay/program.js';

const [listenPath, targetPath, commandPath] = process.argv.slice(2);
if (listenPath === undefined || targetPath === undefined || commandPath === undefined) {
  process.stderr.write('usage: relay LISTEN-SOCKET TARGET-SOCKET COMMAND-SOCKET\n');
  process.exit(2);
}
const { ended } = startLife();
process.stdout.write('relaying\n');
await runRelay({ listenPath, targetPath, commandPath }, ended);
