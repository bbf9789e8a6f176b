import type { AbortSignalLike } from '../abort.js';

/** Who a client has proved to be. */
export type NbdIdentity =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'preshared-key'; readonly user: string }
  | {
      readonly kind: 'certificate';
      /** Subject of the verified client certificate, one `KEY=value` per line as in the certificate. */
      readonly subject: string;
      readonly commonName: string | undefined;
      readonly subjectAltNames: readonly string[];
      /** SHA-256 of the certificate, colon separated hex. */
      readonly fingerprint256: string;
    };

/** One client's use of one export, from the open until the connection is gone. */
export interface NbdSession {
  /** Unique within the server object, counting from 1. */
  readonly id: number;
  readonly exportName: string;
  readonly identity: NbdIdentity;
  readonly remote: string;
  /** Aborts the moment the client is gone, even while requests are still being worked on. */
  readonly signal: AbortSignalLike;
  /** Resets the connection now. Requests in progress stay unanswered. */
  abort(reason?: string): void;
}

/** Bytes for a READ. `release` is called exactly once, when the bytes were handed over or are no longer wanted. */
export interface NbdReadBuffer {
  /** Exactly as long as was asked for. May lie in a SharedArrayBuffer. */
  readonly bytes: Uint8Array;
  release(): void;
}

export interface NbdWriteOptions {
  /** Answer only when this data is on stable storage. */
  readonly fua: boolean;
}

export interface NbdZeroOptions extends NbdWriteOptions {
  /** The client allows a hole; false: keep the range allocated. */
  readonly mayPunchHole: boolean;
  /** Fail with ENOTSUP at once unless this is faster than writing zeroes. */
  readonly fastOnly: boolean;
}

/** A run of blocks with one allocation status (`base:allocation`). Reporting neither is always correct. */
export interface NbdExtent {
  readonly lengthBytes: number;
  readonly hole: boolean;
  readonly zero: boolean;
}

export interface NbdBlockStatusOptions {
  /** Only the first extent is wanted. */
  readonly onlyFirst: boolean;
}

/** Why a backend is closed. */
export type NbdCloseReason =
  'client-disconnected' | 'connection-lost' | 'protocol-error' | 'server-closed' | 'aborted';

/**
 * What serves one session. Calls run concurrently, ranges are inside the export, zero-length requests never arrive.
 * A method may answer at once or with a promise. To fail a request throw or reject with an `NbdError` of a wire code
 * (anything else becomes EIO); with `NbdDisconnect` the request stays unanswered and the connection is reset.
 */
export interface NbdBackend {
  read(offsetBytes: number, lengthBytes: number): NbdReadBuffer | Promise<NbdReadBuffer>;
  /** `data` may be used until the call has answered, and not longer: the memory is used again. */
  write(offsetBytes: number, data: Uint8Array, options: NbdWriteOptions): void | Promise<void>;
  /** Covers every write that was answered before. */
  flush?(): void | Promise<void>;
  trim?(offsetBytes: number, lengthBytes: number, options: NbdWriteOptions): void | Promise<void>;
  writeZeroes?(offsetBytes: number, lengthBytes: number, options: NbdZeroOptions): void | Promise<void>;
  cache?(offsetBytes: number, lengthBytes: number): void | Promise<void>;
  /** At least one extent, in order from `offsetBytes`; may cover less than was asked, and the rest is cut off. */
  blockStatus?(
    offsetBytes: number,
    lengthBytes: number,
    options: NbdBlockStatusOptions,
  ): readonly NbdExtent[] | Promise<readonly NbdExtent[]>;
  /** Called once, after every call of this backend has answered. */
  close?(reason: NbdCloseReason): void | Promise<void>;
}

/** What clients may be told about an export. A feature that is on needs the backend's method of that name. */
export interface NbdExportFeatures {
  readonly flush: boolean;
  readonly fua: boolean;
  readonly trim: boolean;
  readonly writeZeroes: boolean;
  readonly fastZero?: boolean;
  /** Flush and FUA on one connection are visible on all. */
  readonly multiConn: boolean;
  readonly cache?: boolean;
  readonly blockStatus: boolean;
  readonly rotational?: boolean;
}

/** Something to serve, known by name. */
export interface NbdExport {
  /** At most 4096 bytes of UTF-8; the empty name is the default export. */
  readonly name: string;
  readonly description?: string;
  /** A safe integer. */
  readonly sizeBytes: number;
  readonly readOnly?: boolean;
  readonly features: NbdExportFeatures;
  /** Smallest unit of offset and length, a power of two up to 65536. Default 1. */
  readonly minimumBlockBytes?: number;
  /** What clients should prefer. Default 4096. */
  readonly preferredBlockBytes?: number;
  /**
   * Called for each connection once it has chosen this export, after TLS and authorization. The reply is held until
   * it resolves. `UNKNOWN_EXPORT`, `REFUSED` and `ESHUTDOWN` are told to the client; `NbdDisconnect` resets.
   */
  open(session: NbdSession): NbdBackend | Promise<NbdBackend>;
}

/** Where exports come from when the list changes over time. */
export interface NbdExportDirectory {
  find(name: string): NbdExport | undefined;
  list(): readonly NbdExport[];
}
