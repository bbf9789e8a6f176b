import { HoldfastError } from '@holdfast/core';

/** For messages. */
export function detailOf(error: unknown): string {
  if (HoldfastError.is(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
