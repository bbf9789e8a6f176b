import { bootIdVariable } from './process-host.js';

/**
 * For programs that a process host starts: calls `ended` when the parent is gone, however it went (its end of our standard input
 * closes). Does nothing in a process that nobody supervises. Gives back the boot id of this life, if there is one.
 */
export function exitWithParent(ended: () => void): string | undefined {
  const bootId = process.env[bootIdVariable];
  if (bootId === undefined) return undefined;
  process.stdin.once('close', ended);
  process.stdin.resume();
  // Waiting for the parent's end is no reason to live on.
  if ('unref' in process.stdin) process.stdin.unref();
  return bootId;
}
