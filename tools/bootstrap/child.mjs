import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root, say } from './place.mjs';

/** How long a child may take to clean up after it was asked to end. */
const graceMs = 10_000;

/**
 * Runs one program from the top folder and resolves to its exit code. An interrupt of this process ends the child
 * first: this process waits until it has cleaned up, and kills it only when it does not.
 */
export function runChild(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, stdio: 'inherit', ...options, shell: false });
    let killTimer;
    const pass = (signal) => {
      // A terminal sends Ctrl-C to the whole group, so the child has it already and must not take it for a second one.
      if (!(signal === 'SIGINT' && process.stdin.isTTY)) child.kill(signal);
      killTimer ??= setTimeout(() => child.kill('SIGKILL'), graceMs);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    const finish = (code) => {
      for (const signal of signals) process.off(signal, pass);
      clearTimeout(killTimer);
      // An interrupt ends everything, not only the step that was running.
      if (killTimer !== undefined) process.exit(code);
      resolve(code);
    };
    child.once('error', (error) => {
      say(`${file} could not be started: ${error.message}`);
      finish(127);
    });
    child.once('exit', (code, signal) => finish(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
