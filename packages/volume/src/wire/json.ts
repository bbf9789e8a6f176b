import { HoldfastError } from '@holdfast/core';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** @throws HoldfastError PROTOCOL naming `what` when the bytes are no JSON object. */
export function decodeJson(bytes: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new HoldfastError('PROTOCOL', `${what} is not JSON.`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HoldfastError('PROTOCOL', `${what} is JSON, but not an object.`);
  }
  return Object.fromEntries(Object.entries(value));
}
