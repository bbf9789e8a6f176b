import { HoldfastError } from '@holdfast/core';

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOENT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
]);

/** One place that turns what a socket says into a Holdfast error. */
export function mapSocketError(error: unknown, remote: string): HoldfastError {
  if (HoldfastError.is(error)) return error;
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : String(error);
  if (UNREACHABLE.has(code)) {
    return new HoldfastError(
      'UNREACHABLE',
      `${remote} cannot be reached (${code}). Is it running, and is the way open?`,
      {
        retryable: true,
        cause: error,
      },
    );
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new HoldfastError(
      'NOT_AUTHORIZED',
      `This process may not use ${remote} (${code}). Check the owner and mode of the socket.`,
      {
        cause: error,
      },
    );
  }
  if (/^ERR_(?:TLS|SSL)|CERT|ISSUER|SIGNATURE|SELF_SIGNED|EPROTO/.test(code)) {
    return new HoldfastError(
      'NOT_AUTHORIZED',
      `${remote} and this process do not trust each other (${code}: ${said}). Check the certificates or the pre-shared key of both.`,
      { cause: error },
    );
  }
  return new HoldfastError('IO_FAILED', `The stream to ${remote} failed (${code}: ${said}).`, {
    retryable: true,
    cause: error,
  });
}

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
}
