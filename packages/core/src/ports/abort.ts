/** The part of the platform's AbortSignal that is used here, so that no ambient type is needed. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Taken as the last argument by every asynchronous call that can wait for somebody else. */
export interface CallOptions {
  /** What an abort does to work already sent is said at each call. */
  readonly signal?: AbortSignalLike;
  /** The call fails with DEADLINE_EXCEEDED after this many milliseconds. */
  readonly deadlineMs?: number;
}
