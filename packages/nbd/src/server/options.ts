import type { NbdClock } from '../clock.js';
import type { ByteStream } from '../stream.js';
import type { NbdByteBudget } from './budget.js';
import type { NbdServerLimits } from './limits.js';
import type { NbdCloseReason, NbdExport, NbdExportDirectory, NbdIdentity } from './types.js';

/** What a TLS handshake leaves behind. */
export interface NbdSecuredStream {
  readonly stream: ByteStream;
  readonly identity: NbdIdentity;
}

/** How STARTTLS is carried out on the server's side; `createTlsUpgrade` makes one from certificates or keys. */
export interface NbdTlsPolicy {
  /** True: nothing but STARTTLS and ABORT is answered before TLS. */
  readonly required: boolean;
  /** Takes over the plain stream after the acknowledgement was sent. Rejects when the handshake fails. */
  upgrade(stream: ByteStream): Promise<NbdSecuredStream>;
}

/** What happened, for logs and metrics. Never carries payload or keys. */
export type NbdServerNotice =
  | { readonly kind: 'connection-accepted'; readonly connection: number; readonly remote: string }
  | { readonly kind: 'connection-refused'; readonly remote: string; readonly because: string }
  /** It did not prove who it is: it asked in plain text where TLS is required, or the handshake failed. Told once. */
  | {
      readonly kind: 'proof-refused';
      readonly connection: number;
      readonly remote: string;
      readonly because: string;
    }
  | {
      readonly kind: 'session-opened';
      readonly connection: number;
      readonly remote: string;
      readonly exportName: string;
      readonly identity: NbdIdentity;
    }
  | {
      readonly kind: 'connection-closed';
      readonly connection: number;
      readonly remote: string;
      readonly reason: NbdCloseReason;
      readonly because: string | undefined;
    };

export interface NbdServerOptions {
  readonly exports: readonly NbdExport[] | NbdExportDirectory;
  readonly clock: NbdClock;
  /** Default: 256 MiB for this server alone. */
  readonly budget?: NbdByteBudget;
  readonly limits?: Partial<NbdServerLimits>;
  readonly tls?: NbdTlsPolicy;
  /** May this client use (and see) this export? Default: everyone may. A refusal looks like an export that does not exist. */
  readonly authorize?: (identity: NbdIdentity, exportName: string) => boolean | Promise<boolean>;
  /** Offer structured replies, and with them block status. Default true. */
  readonly structuredReplies?: boolean;
  readonly observe?: (notice: NbdServerNotice) => void;
  /** Memory that need not be zeroed. Default: `new Uint8Array(length)`. */
  readonly allocate?: (lengthBytes: number) => Uint8Array;
  /** Runs the callback once at the end of the current turn; replies of one turn leave as one write. Default: a microtask. */
  readonly defer?: (callback: () => void) => void;
}

export const DEFAULT_BUDGET_BYTES = 256 * 1024 * 1024;
