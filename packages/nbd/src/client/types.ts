import type { AbortSignalLike } from '../abort.js';

/** What the server said about the export. */
export interface NbdExportInfo {
  readonly name: string;
  /** A safe integer; a server that says more is refused. */
  readonly sizeBytes: number;
  readonly description: string | undefined;
  readonly readOnly: boolean;
  readonly canFlush: boolean;
  readonly canFua: boolean;
  readonly canTrim: boolean;
  readonly canWriteZeroes: boolean;
  readonly canFastZero: boolean;
  readonly canCache: boolean;
  readonly canMultiConn: boolean;
  readonly rotational: boolean;
  /** True when `base:allocation` was granted. */
  readonly canBlockStatus: boolean;
  readonly structuredReplies: boolean;
  readonly tls: boolean;
  readonly minimumBlockBytes: number;
  readonly preferredBlockBytes: number;
  readonly maximumRequestBytes: number;
}

/** Options of every call. An abort or a deadline ends the waiting; what was sent may still be done by the server. */
export interface NbdCallOptions {
  readonly signal?: AbortSignalLike;
  /** Milliseconds from now. */
  readonly deadlineMs?: number;
}

export interface NbdClientWriteOptions extends NbdCallOptions {
  /** Answer only when this data is on stable storage. */
  readonly fua?: boolean;
}

export interface NbdClientZeroOptions extends NbdClientWriteOptions {
  /** Allow the server to punch a hole. Default true. */
  readonly mayPunchHole?: boolean;
  /** Fail with ENOTSUP rather than write zeroes slowly. */
  readonly fastOnly?: boolean;
}

export interface NbdClientBlockStatusOptions extends NbdCallOptions {
  readonly onlyFirst?: boolean;
}

export interface NbdClientLimits {
  /** Requests sent and not yet answered; further calls wait their turn. Default 128. */
  readonly maxRequestsInFlight: number;
  /** Calls are cut into requests of at most this (and of what the server accepts). Default 32 MiB. */
  readonly maxRequestBytes: number;
  /** From the connection until the export is chosen. Default 10 000. */
  readonly handshakeDeadlineMs: number;
  /** Most that `list` accepts. Default 1024. */
  readonly maxListedExports: number;
}

/** An export as LIST names it. */
export interface NbdListedExport {
  readonly name: string;
  readonly description: string;
}
