import { createHash } from 'node:crypto';

/** SHA-256 of a block: what `NodeOptions.digest` wants, from Node's own library. */
export function sha256Digest(block: Uint8Array): Uint8Array {
  return createHash('sha256').update(block).digest();
}
