import { volumeId } from './layout.js';
import { type Running, start } from './programs.js';

const regionBytes = 16 * 1024;
const regions = 48;
const lookEveryMs = 5;

/** `qemu-io` at an NBD port over TLS, asked by typing. It does not reconnect: what it notices, it says and fails. */
export class QemuIo {
  /** The last pattern that was acknowledged, by region. */
  private readonly patterns = new Map<number, number>();
  private stopping = false;
  private working: Promise<void> | undefined;
  private asking: Promise<void> = Promise.resolve();
  /** What ended the load before its time. */
  failure: Error | undefined;
  writes = 0;
  longestAnswerMs = 0;

  private constructor(private readonly running: Running) {}

  /** @param credentials an `--object` of QEMU with the id `tls0`. */
  static open(port: number, credentials: string): QemuIo {
    const server = `file.server.type=inet,file.server.host=127.0.0.1,file.server.port=${port}`;
    const image = `driver=raw,file.driver=nbd,${server},file.export=${volumeId},file.tls-creds=tls0`;
    return new QemuIo(start('qemu-io', ['--object', credentials, '--image-opts', image]));
  }

  get printed(): string {
    return this.running.printed;
  }

  async write(region: number, pattern: number): Promise<void> {
    await this.ask(`write -P ${pattern} ${region * regionBytes} ${regionBytes}`, /wrote \d+/g);
    this.patterns.set(region, pattern);
    this.writes += 1;
  }

  /** Reads all that was acknowledged, through this session or another one. */
  async readBack(through: QemuIo = this): Promise<void> {
    for (const [region, pattern] of this.patterns)
      await through.ask(`read -P ${pattern} ${region * regionBytes} ${regionBytes}`, /read \d+/g);
  }

  /** A small load: one write after the other. */
  startLoad(): void {
    this.stopping = false;
    const work = async (): Promise<void> => {
      for (let turn = 0; !this.stopping; turn += 1) await this.write(turn % regions, 1 + (turn % 251));
    };
    this.working = work();
    this.working.catch((error: unknown) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  /** @throws Error when a write failed. */
  async stopLoad(): Promise<void> {
    this.stopping = true;
    await this.working;
  }

  /** Ends it in order. @returns everything it printed. */
  async close(): Promise<string> {
    this.running.type('flush');
    this.running.endInput();
    return this.running.succeeded();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.running[Symbol.asyncDispose]();
  }

  /**
   * One command at a time. Of two lines that arrive together `qemu-io` takes both out of the pipe, does the first, and then waits for
   * the pipe to become readable again: the second stays in its buffer until somebody types a third.
   */
  private ask(command: string, answer: RegExp): Promise<void> {
    const asked = this.asking.then(() => this.askNow(command, answer));
    this.asking = asked.catch(() => undefined);
    return asked;
  }

  private async askNow(command: string, answer: RegExp): Promise<void> {
    const answers = (): number => this.printed.match(answer)?.length ?? 0;
    const before = answers();
    const askedAt = performance.now();
    this.running.type(command);
    while (answers() === before) {
      if (this.running.hasExited || performance.now() - askedAt > 60_000)
        throw new Error(`no answer to '${command}': ${this.printed}`);
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
    this.longestAnswerMs = Math.max(this.longestAnswerMs, performance.now() - askedAt);
    if (/failed|error/i.test(this.printed)) throw new Error(`'${command}' went wrong: ${this.printed}`);
  }
}
