import { HoldfastError } from '../errors/index.js';

/**
 * Every policy of this release reads and writes version 1 of its record and state.
 *
 * @throws HoldfastError `NOT_SUPPORTED` for what another release wrote: it is left as it is.
 */
export function requireVersionOne(what: string, found: { readonly version: number }): void {
  if (found.version === 1) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `The ${what} has version ${String(found.version)}, and this release reads version 1. Nothing was changed; run the release that wrote it.`,
  );
}
