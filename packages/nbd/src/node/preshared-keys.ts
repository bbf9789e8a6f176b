import { NbdError } from '../errors.js';

/** Keys by user name. */
export type PresharedKeys = ReadonlyMap<string, Uint8Array>;

const MIN_KEY_BYTES = 16;

/**
 * Reads the key file that GnuTLS's `psktool` writes: one `user:hexadecimal key` per line. Empty lines are passed over;
 * a name with characters of its own special meaning is written as `#` and its hexadecimal bytes.
 * Throws `CONFIG` naming the line; a message never contains key material.
 */
export function parsePresharedKeys(text: string): PresharedKeys {
  const keys = new Map<string, Uint8Array>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '') return;
    const where = `pre-shared key file, line ${index + 1}`;
    const colon = line.lastIndexOf(':');
    if (colon < 1) throw new NbdError('CONFIG', `${where}: expected user:key`);
    const user = decodeUser(line.slice(0, colon), where);
    if (keys.has(user)) throw new NbdError('CONFIG', `${where}: a second key for the same user`);
    const key = decodeHexadecimal(line.slice(colon + 1).trim());
    if (key === undefined)
      throw new NbdError('CONFIG', `${where}: the key must be hexadecimal, two digits per byte`);
    if (key.byteLength < MIN_KEY_BYTES) {
      throw new NbdError(
        'CONFIG',
        `${where}: a key of ${key.byteLength} bytes, at least ${MIN_KEY_BYTES} are needed`,
      );
    }
    keys.set(user, key);
  });
  return keys;
}

function decodeUser(written: string, where: string): string {
  if (!written.startsWith('#')) return written;
  const bytes = decodeHexadecimal(written.slice(1));
  if (bytes === undefined) throw new NbdError('CONFIG', `${where}: the user's name is not hexadecimal`);
  return Buffer.from(bytes).toString('utf8');
}

function decodeHexadecimal(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-fA-F]{2})+$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}
