import { NbdError } from '../errors.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Every bound of a server. All may be set; the defaults are the ones the large servers use. */
export interface NbdServerLimits {
  /** Connections beyond this are closed before the greeting. Default 128. */
  readonly maxConnections: number;
  /** From accept until an export is open, TLS included. A held `open` does not count. Default 10 000. */
  readonly handshakeDeadlineMs: number;
  /** Connections whose `open` may be held at the same time. Default 128. */
  readonly maxHeldOpens: number;
  /** Options per handshake. Default 32. */
  readonly maxOptions: number;
  /** Bytes in one option; longer ones end the connection unread. Default 16 KiB. */
  readonly maxOptionBytes: number;
  /** Largest READ or WRITE that is served. Default 64 MiB. */
  readonly maxRequestBytes: number;
  /** The maximum that clients are told. Default 32 MiB. */
  readonly advertisedMaximumBytes: number;
  /** Largest piece of a READ or WRITE that a backend is given at once. Default 1 MiB. */
  readonly maxSliceBytes: number;
  /** Requests of one connection in progress; further ones wait in its socket. Default 128. */
  readonly maxRequestsInFlight: number;
  /** What each connection may always use of the byte budget, whatever the others do. Default 128 KiB. */
  readonly connectionAllowanceBytes: number;
  /** Bytes of replies handed to the carrier before a connection waits for it. Default 1 MiB. */
  readonly maxUnsentBytes: number;
  /** After DISC or `close`: how long requests in progress and unsent replies may take. Default 30 000. */
  readonly drainDeadlineMs: number;
}

export const DEFAULT_SERVER_LIMITS: NbdServerLimits = {
  maxConnections: 128,
  handshakeDeadlineMs: 10_000,
  maxHeldOpens: 128,
  maxOptions: 32,
  maxOptionBytes: 16 * KIB,
  maxRequestBytes: 64 * MIB,
  advertisedMaximumBytes: 32 * MIB,
  maxSliceBytes: 1 * MIB,
  maxRequestsInFlight: 128,
  connectionAllowanceBytes: 128 * KIB,
  maxUnsentBytes: 1 * MIB,
  drainDeadlineMs: 30_000,
};

/** The smallest slice a connection can always afford: half of its allowance, the other half being a received chunk. */
export function guaranteedSliceBytes(limits: NbdServerLimits): number {
  return Math.min(limits.maxSliceBytes, limits.connectionAllowanceBytes / 2);
}

/** Fills in defaults and refuses what cannot work, naming the numbers. */
export function resolveServerLimits(given: Partial<NbdServerLimits> = {}): NbdServerLimits {
  const limits = { ...DEFAULT_SERVER_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new NbdError('CONFIG', `limit ${name} must be a positive whole number, got ${String(value)}`);
    }
  }
  if (limits.maxOptionBytes < 4104) {
    throw new NbdError(
      'CONFIG',
      `maxOptionBytes (${limits.maxOptionBytes}) must hold a name of 4096 bytes: at least 4104`,
    );
  }
  if (limits.connectionAllowanceBytes < 16 * KIB) {
    throw new NbdError(
      'CONFIG',
      `connectionAllowanceBytes (${limits.connectionAllowanceBytes}) must be at least 16384`,
    );
  }
  if (limits.advertisedMaximumBytes > limits.maxRequestBytes) {
    throw new NbdError(
      'CONFIG',
      `advertisedMaximumBytes (${limits.advertisedMaximumBytes}) is above maxRequestBytes (${limits.maxRequestBytes})`,
    );
  }
  if (limits.maxRequestBytes > 0x7fff_ffff) {
    throw new NbdError('CONFIG', `maxRequestBytes (${limits.maxRequestBytes}) must stay below 2 GiB`);
  }
  return limits;
}
