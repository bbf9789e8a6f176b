import { NbdClient } from '../../src/client/client.js';
import type { NbdClientOptions } from '../../src/client/options.js';
import { writeU32, writeU64 } from '../../src/codec/integers.js';
import { NbdError, type NbdErrorCode } from '../../src/errors.js';
import { ManualClock } from './clock.js';
import type { FakeServer } from './fake-server.js';

export const clock = new ManualClock();

export function connect(server: FakeServer, options: Partial<NbdClientOptions> = {}): Promise<NbdClient> {
  return NbdClient.connect(server.clientStream, { clock, ...options });
}

export async function codeOf(promise: Promise<unknown>): Promise<NbdErrorCode | 'fine'> {
  try {
    await promise;
    return 'fine';
  } catch (error) {
    if (!NbdError.is(error)) throw error;
    return error.code;
  }
}

export function at(offsetBytes: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + data.byteLength);
  writeU64(bytes, 0, offsetBytes);
  bytes.set(data, 8);
  return bytes;
}

export function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  values.forEach((value, index) => {
    writeU32(bytes, 4 * index, value);
  });
  return bytes;
}
