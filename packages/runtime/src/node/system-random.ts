import type { Random } from '@holdfast/core';
import { randomBytes, randomFillSync } from 'node:crypto';

/** The operating system's source of randomness: fit for secrets and identities. */
export function systemRandom(): Random {
  return {
    bytes: (into) => randomFillSync(into),
    id: () => randomBytes(16).toString('hex'),
  };
}
