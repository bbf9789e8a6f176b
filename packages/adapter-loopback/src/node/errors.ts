import { HoldfastError } from '@holdfast/core';
import { getSystemErrorName } from 'node:util';

/** The name behind a negative errno, as in `ENOSPC`. */
export function errnoName(errno: number): string {
  try {
    return getSystemErrorName(errno);
  } catch {
    return `errno ${errno}`;
  }
}

/** What Node put into `code`: `ENOENT`, `EACCES`, ... */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

/** The one place where system errors become Holdfast's. `doing` reads as in "while <doing>". */
export function ioError(code: string, doing: string, file: string, cause?: unknown): HoldfastError {
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HoldfastError(
      'NO_SPACE',
      `No space left (${code}) while ${doing}: ${file}. Free space on its file system, or move it to a bigger one.`,
      { cause },
    );
  }
  if (code === 'ENOENT') {
    return new HoldfastError(
      'NOT_FOUND',
      `There is no ${file} (${code}, while ${doing}). Check the path, or create it.`,
      { cause },
    );
  }
  const wayOut =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
      ? 'Give this process the right to read and write it.'
      : code === 'EBUSY'
        ? 'Somebody else uses it: unmount it or end that program.'
        : 'Look at the kernel log (dmesg) and at the disk below; until it is repaired this copy must not serve.';
  return new HoldfastError('IO_FAILED', `I/O failed (${code}) while ${doing}: ${file}. ${wayOut}`, { cause });
}
