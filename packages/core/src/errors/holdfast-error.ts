const marker = Symbol.for('holdfast.error');

/**
 * Codes are a contract: they change only with a major version. Messages may change at any time.
 * One line of meaning each stands in `docs/reference/errors.md`.
 */
export type HoldfastErrorCode =
  | 'ABORTED'
  | 'ALREADY_OPEN'
  | 'CLOSED'
  | 'CONFIG_INVALID'
  | 'CORRUPT'
  | 'DEADLINE_EXCEEDED'
  | 'FENCED'
  | 'FOREIGN_LEG'
  | 'INVARIANT_BROKEN'
  | 'IO_FAILED'
  | 'NOT_AUTHORIZED'
  | 'NOT_FOUND'
  | 'NOT_SUPPORTED'
  | 'NO_SPACE'
  | 'NO_SURVIVOR'
  | 'OPTIONS_INVALID'
  | 'OUT_OF_RANGE'
  | 'PROTOCOL'
  | 'REFUSED'
  | 'SIZE_MISMATCH'
  | 'SPLIT_BRAIN'
  | 'STALE_EPOCH'
  | 'UNREACHABLE'
  | 'WITNESS_REFUSED';

export interface HoldfastErrorOptions {
  /** Whether the same call may succeed later without anybody changing anything. Default false. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** Base of every error that Holdfast throws on purpose. Programming mistakes are plain `TypeError`s. */
export class HoldfastError extends Error {
  readonly code: HoldfastErrorCode;
  readonly retryable: boolean;

  /** @param message what happened, where, and the way out. */
  constructor(code: HoldfastErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    Object.defineProperty(this, marker, { value: true });
  }

  /** True for errors of any copy of this package: `instanceof` fails across ESM and CJS builds, this does not. */
  static is(error: unknown, code?: HoldfastErrorCode): error is HoldfastError {
    if (typeof error !== 'object' || error === null || !(marker in error)) return false;
    return code === undefined || ('code' in error && error.code === code);
  }
}

/** A relation between options does not hold. `relation` names it, `numbers` are the values that broke it. */
export class OptionsError extends HoldfastError {
  readonly relation: string;
  readonly numbers: Readonly<Record<string, number>>;

  constructor(relation: string, numbers: Readonly<Record<string, number>>, wayOut: string) {
    const shown = Object.entries(numbers)
      .map(([name, value]) => `${name} = ${String(Math.round(value * 1000) / 1000)}`)
      .join(', ');
    super('OPTIONS_INVALID', `${relation} does not hold: ${shown}. ${wayOut}`);
    this.name = 'OptionsError';
    this.relation = relation;
    this.numbers = numbers;
  }
}

/** A rule of the program itself is broken. The node that sees it stops serving. */
export class InvariantError extends HoldfastError {
  constructor(rule: string) {
    super('INVARIANT_BROKEN', `Broken rule of the program: ${rule}. Stop this node and report it.`);
    this.name = 'InvariantError';
  }
}
