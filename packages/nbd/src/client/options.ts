import type { AbortSignalLike } from '../abort.js';
import type { NbdClock } from '../clock.js';
import { NbdError } from '../errors.js';
import type { ByteStream } from '../stream.js';
import type { NbdClientLimits } from './types.js';

/** How STARTTLS is carried out on the client's side. */
export interface NbdClientTls {
  /** Takes over the plain stream after the server's acknowledgement. Rejects when the server is not who it should be. */
  upgrade(stream: ByteStream): Promise<ByteStream>;
}

export interface NbdClientOptions {
  /** Default: the empty name, the server's default export. */
  readonly exportName?: string;
  readonly clock: NbdClock;
  readonly limits?: Partial<NbdClientLimits>;
  /** With it the connection is encrypted or it fails; there is no fallback to plain text. */
  readonly tls?: NbdClientTls;
  /** Ask for structured replies and, with them, for `base:allocation`. Default true. */
  readonly structuredReplies?: boolean;
  /** Ends the negotiation. */
  readonly signal?: AbortSignalLike;
  /** Called once when the connection is over; with an error unless the client closed it. */
  readonly onClose?: (error: NbdError | undefined) => void;
  readonly allocate?: (lengthBytes: number) => Uint8Array;
  /** Runs the callback once at the end of the current turn; requests of one turn leave as one write. Default: a microtask. */
  readonly defer?: (callback: () => void) => void;
}

export const DEFAULT_CLIENT_LIMITS: NbdClientLimits = {
  maxRequestsInFlight: 128,
  maxRequestBytes: 32 * 1024 * 1024,
  handshakeDeadlineMs: 10_000,
  maxListedExports: 1024,
};

export function resolveClientLimits(given: Partial<NbdClientLimits> = {}): NbdClientLimits {
  const limits = { ...DEFAULT_CLIENT_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new NbdError('CONFIG', `limit ${name} must be a positive whole number, got ${String(value)}`);
    }
  }
  return limits;
}
