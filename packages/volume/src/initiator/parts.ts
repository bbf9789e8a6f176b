import type { SettleRequest } from './pending-request.js';

/** Takes the parts of one request together: the first error wins, and the whole settles when the last part has. */
export class PartCounter {
  private error: Error | undefined;

  constructor(
    private left: number,
    private readonly done: (error: Error | undefined) => void,
  ) {}

  readonly part: SettleRequest = (error) => {
    this.error ??= error;
    if (--this.left === 0) this.done(this.error);
  };
}
