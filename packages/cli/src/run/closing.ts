/** What was opened, to be closed in the opposite order. (Node.js has its own AsyncDisposableStack only from version 24 on.) */
export class Closing {
  private readonly steps: (() => unknown)[] = [];

  use<Resource extends AsyncDisposable>(resource: Resource): Resource {
    this.steps.push(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** `step` may give back a promise; it is waited for. */
  defer(step: () => unknown): void {
    this.steps.push(step);
  }

  /** Closes everything, also when some of it fails; the first failure is thrown at the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
