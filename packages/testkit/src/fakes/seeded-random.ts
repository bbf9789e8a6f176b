import { Prng, type Random } from '@holdfast/core';

/** The Random port for simulations: one seed makes one sequence of bytes and identities. */
export function seededRandom(seed: number | Prng): Random {
  const prng = typeof seed === 'number' ? new Prng(seed) : seed;
  return {
    bytes: (into) => prng.bytes(into),
    id: () =>
      Array.from(prng.bytes(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}
