import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * A process that does one job after the other: what it has compiled for the first serves the others. When it ends before it has an answer,
 * `lost` gives one, and another process takes its place.
 */
export class HelperProcess<Answer> {
  private child: ChildProcess | undefined;

  /** `program`: what it runs, with the arguments of this process. `lost`: the answer for a job during which it ended. */
  constructor(
    private readonly program: URL,
    private readonly lost: (why: string) => Answer,
  ) {}

  run(job: string): Promise<Answer> {
    const child = (this.child ??= fork(fileURLToPath(this.program), process.argv.slice(2), {
      execArgv: ['--import', 'tsx'],
    }));
    return new Promise((resolve) => {
      const ended = (code: number | null): void => {
        this.child = undefined;
        resolve(this.lost(`${job}: the process ended with code ${String(code)} before it had an answer`));
      };
      child.once('exit', ended);
      child.once('message', (answer) => {
        child.off('exit', ended);
        resolve(answer as Answer);
      });
      child.send(job);
    });
  }

  end(): void {
    this.child?.disconnect();
  }
}

/** In a process that a `HelperProcess` has started: does what it asks for. @returns false in any other. */
export function helps<Answer>(work: (job: string) => Answer | Promise<Answer>): boolean {
  if (process.send === undefined) return false;
  process.on('message', (job) => {
    void Promise.resolve(work(String(job))).then((answer) => process.send?.(answer));
  });
  return true;
}
