import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What one search has found. */
export interface Found {
  /** For people. */
  readonly text: string;
  readonly states: number;
  readonly transitions: number;
  readonly isWell: boolean;
}

/**
 * A process that does one search after the other: what it has compiled for the first serves the others. One that ends before its time has
 * found nothing, and another one takes its place.
 */
export class Searcher {
  private child: ChildProcess | undefined;

  search(job: string): Promise<Found> {
    const child = (this.child ??= fork(
      fileURLToPath(new URL('main.ts', import.meta.url)),
      process.argv.slice(2),
      { execArgv: ['--import', 'tsx'] },
    ));
    return new Promise((resolve) => {
      const lost = (code: number | null): void => {
        this.child = undefined;
        const text = `${job}: the process ended with code ${String(code)} before it had an answer`;
        resolve({ text, states: 0, transitions: 0, isWell: false });
      };
      child.once('exit', lost);
      child.once('message', (found) => {
        child.off('exit', lost);
        resolve(found as Found);
      });
      child.send(job);
    });
  }

  end(): void {
    this.child?.disconnect();
  }
}

/** In a process that a `Searcher` has started: does what it asks for. @returns false in any other. */
export function serve(search: (job: string) => Found): boolean {
  if (process.send === undefined) return false;
  process.on('message', (job) => {
    process.send?.(search(String(job)));
  });
  return true;
}
