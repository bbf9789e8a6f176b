/**
 * Turns many wishes for stability into few fdatasync calls. A call that is running cannot speak for a write that completed
 * after it began, so later wishes share the next one. The first failure is final: the kernel has dropped the dirty pages by
 * then, and a second call would report success for bytes that are gone.
 */
export class GroupCommit {
  // What an earlier process wrote and never flushed counts too, hence dirty from the start.
  private dirty = true;
  private running: Promise<void> | undefined;
  private following: Promise<void> | undefined;
  private failure: Error | undefined;

  constructor(private readonly sync: () => Promise<void>) {}

  /** A write has completed. */
  wrote(): void {
    this.dirty = true;
  }

  /** Settles when everything that completed before this call is stable. */
  flush(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.following !== undefined) return this.following;
    if (this.running === undefined) return this.dirty ? this.start() : Promise.resolve();
    if (!this.dirty) return this.running;
    this.following = this.running.then(() => this.start());
    return this.following;
  }

  private start(): Promise<void> {
    this.following = undefined;
    this.dirty = false;
    this.running = this.sync().then(
      () => {
        this.running = undefined;
      },
      (error: unknown) => {
        this.running = undefined;
        this.failure = error instanceof Error ? error : new Error(String(error));
        throw this.failure;
      },
    );
    return this.running;
  }
}
