import { type CallOptions, HoldfastError } from '@holdfast/core';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export interface ProcessExit {
  readonly processId: number;
  /** The exit code, or undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** 'process 4711 exited with code 1' or 'process 4711 was ended by SIGKILL' */
  readonly how: string;
}

export type ProcessSignal = 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGHUP' | 'SIGSTOP' | 'SIGCONT';

/** One life of one node. */
export interface LocalProcess {
  readonly nodeId: string;
  /** The node boot id of this life; the process finds it in HOLDFAST_BOOT_ID. */
  readonly bootId: string;
  readonly processId: number;
  /** Settles when the exit was observed: by then every thread and every open file of it is gone. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Undefined while it lives. */
  readonly exit: ProcessExit | undefined;
  /** Sends a signal; false when it has ended already. SIGSTOP and SIGCONT pause and resume it. */
  signal(name: ProcessSignal): boolean;
  /**
   * The first line, of those to come and those seen so far, for which `matches` is true. Fails with CLOSED when the process
   * ends first, and with ABORTED or DEADLINE_EXCEEDED; the process does not notice.
   */
  waitForLine(matches: (line: string) => boolean, options?: CallOptions): Promise<string>;
}

export type OutputListener = (line: string, source: 'stdout' | 'stderr') => void;

const rememberedLines = 1000;

export class ChildLife implements LocalProcess {
  readonly processId: number;
  readonly exited: Promise<ProcessExit>;
  exit: ProcessExit | undefined;
  private readonly lines: string[] = [];
  private readonly listeners = new Set<(line: string) => void>();

  constructor(
    readonly nodeId: string,
    readonly bootId: string,
    private readonly child: ChildProcessByStdio<Writable, Readable, Readable>,
    output: OutputListener | undefined,
  ) {
    this.processId = child.pid ?? 0;
    this.exited = new Promise((exited) => {
      child.once('exit', (code, signal) => {
        this.exit = describeExit(this.processId, code, signal);
        exited(this.exit);
      });
    });
    // A process that died does not read its input any more; its exit says so better than a broken pipe.
    child.stdin.on('error', () => undefined);
    for (const source of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[source] }).on('line', (line) => {
        output?.(line, source);
        this.remember(line);
      });
    }
  }

  signal(name: ProcessSignal): boolean {
    return this.exit === undefined && this.child.kill(name);
  }

  waitForLine(matches: (line: string) => boolean, options: CallOptions = {}): Promise<string> {
    const seen = this.lines.find(matches);
    if (seen !== undefined) return Promise.resolve(seen);
    return new Promise((resolve, reject) => {
      const { signal, deadlineMs } = options;
      const timer =
        deadlineMs === undefined
          ? undefined
          : setTimeout(() => fail('DEADLINE_EXCEEDED', `within ${deadlineMs} ms`), deadlineMs);
      const finish = (): void => {
        clearTimeout(timer);
        this.listeners.delete(listener);
        signal?.removeEventListener('abort', aborted);
      };
      const fail = (code: 'CLOSED' | 'ABORTED' | 'DEADLINE_EXCEEDED', why: string): void => {
        finish();
        const last = this.lines.slice(-3).join(' | ');
        reject(
          new HoldfastError(
            code,
            `${this.nodeId} (process ${this.processId}) did not print the line: ${why}. Last: ${last}`,
          ),
        );
      };
      const aborted = (): void => fail('ABORTED', 'the wait was aborted');
      const listener = (line: string): void => {
        if (!matches(line)) return;
        finish();
        resolve(line);
      };
      this.listeners.add(listener);
      signal?.addEventListener('abort', aborted);
      if (signal?.aborted === true) aborted();
      // 'close' comes after the last line, 'exit' may come before it.
      if (this.child.stdout.closed) fail('CLOSED', this.exit?.how ?? 'it closed its output');
      else this.child.once('close', () => fail('CLOSED', this.exit?.how ?? 'it ended'));
    });
  }

  private remember(line: string): void {
    this.lines.push(line);
    if (this.lines.length > rememberedLines) this.lines.shift();
    for (const listener of [...this.listeners]) listener(line);
  }
}

function describeExit(processId: number, code: number | null, signal: string | null): ProcessExit {
  const how =
    signal === null
      ? `process ${processId} exited with code ${code ?? 0}`
      : `process ${processId} was ended by ${signal}`;
  return { processId, code: code ?? undefined, signal: signal ?? undefined, how };
}
