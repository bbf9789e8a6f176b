/** Errors that the protocol can carry in a reply. */
export type NbdWireErrorCode =
  'EPERM' | 'EIO' | 'ENOMEM' | 'EINVAL' | 'ENOSPC' | 'EOVERFLOW' | 'ENOTSUP' | 'ESHUTDOWN';

/**
 * Everything this package throws. Codes are a contract:
 * - wire codes: the server answered a request with this error, or a backend wants it answered so
 * - `PROTOCOL`: the other side broke the protocol, or lies; the connection is closed
 * - `DISCONNECTED`: the connection ended while the call was waiting; whether the server did the work is unknown
 * - `DISCONNECT`: thrown by a backend to leave a request unanswered and have the connection reset
 * - `UNKNOWN_EXPORT`, `REFUSED`, `TLS_REQUIRED`, `TLS_FAILED`, `UNSUPPORTED`: negotiation did not succeed
 * - `ABORTED`, `DEADLINE`: the caller's signal or deadline; the work may still be done by the server
 * - `LIMIT`: a configured limit was reached
 * - `CONFIG`: options that contradict each other
 * - `CLOSED`: the object was closed by its owner
 */
export type NbdErrorCode =
  | NbdWireErrorCode
  | 'PROTOCOL'
  | 'DISCONNECTED'
  | 'DISCONNECT'
  | 'UNKNOWN_EXPORT'
  | 'REFUSED'
  | 'TLS_REQUIRED'
  | 'TLS_FAILED'
  | 'UNSUPPORTED'
  | 'ABORTED'
  | 'DEADLINE'
  | 'LIMIT'
  | 'CONFIG'
  | 'CLOSED';

const MARKER = Symbol.for('holdfast.nbd.error');

/** The one error class. Test with `NbdError.is(error)`, which also works across two copies of the package. */
export class NbdError extends Error {
  readonly code: NbdErrorCode;

  constructor(code: NbdErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'NbdError';
    this.code = code;
    Object.defineProperty(this, MARKER, { value: true });
  }

  /** True for errors of this class, whichever copy of the package made them; with `code`, only for that code. */
  static is(error: unknown, code?: NbdErrorCode): error is NbdError {
    if (typeof error !== 'object' || error === null || !(MARKER in error)) return false;
    return code === undefined || ('code' in error && error.code === code);
  }
}

/** Thrown or rejected with by a backend: do not answer this request, reset the connection, so that the client re-sends. */
export class NbdDisconnect extends NbdError {
  constructor(message = 'the backend declined to answer', options?: { readonly cause?: unknown }) {
    super('DISCONNECT', message, options);
    this.name = 'NbdDisconnect';
  }
}

const WIRE_NUMBERS: Readonly<Record<NbdWireErrorCode, number>> = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
};

/** System errors that mean one of the few the protocol knows. */
const SYSTEM_CODES: Readonly<Record<string, NbdWireErrorCode>> = {
  EROFS: 'EPERM',
  EACCES: 'EPERM',
  EDQUOT: 'ENOSPC',
  EFBIG: 'ENOSPC',
  EOPNOTSUPP: 'ENOTSUP',
  ENOSYS: 'ENOTSUP',
};

/** The number for a reply. Whatever is not known to the protocol is EIO. */
export function wireErrorNumber(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('code' in error)) return WIRE_NUMBERS.EIO;
  const code = error.code;
  if (typeof code !== 'string') return WIRE_NUMBERS.EIO;
  const mapped = SYSTEM_CODES[code] ?? code;
  return Object.hasOwn(WIRE_NUMBERS, mapped) ? WIRE_NUMBERS[mapped as NbdWireErrorCode] : WIRE_NUMBERS.EIO;
}

/** The code for a number in a reply; numbers outside the protocol's list read as EINVAL, as the protocol asks. */
export function wireErrorCode(wireNumber: number): NbdWireErrorCode {
  for (const code of Object.keys(WIRE_NUMBERS) as NbdWireErrorCode[]) {
    if (WIRE_NUMBERS[code] === wireNumber) return code;
  }
  return 'EINVAL';
}
