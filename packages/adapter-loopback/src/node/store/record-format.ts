import { crc32 } from 'node:zlib';

/**
 * A record on disk: the magic, a version, the length of the value, a CRC-32 over key and value, the value. The key is
 * covered so that a file that was renamed to another key is not taken for it.
 */
const magic = 'HFRECORD';
const version = 1;
const headerBytes = 20;

export function encodeRecord(key: string, value: Uint8Array): Uint8Array {
  const record = new Uint8Array(headerBytes + value.length);
  const view = new DataView(record.buffer);
  record.set(new TextEncoder().encode(magic), 0);
  view.setUint32(8, version);
  view.setUint32(12, value.length);
  view.setUint32(16, checksum(key, value));
  record.set(value, headerBytes);
  return record;
}

/** The value, or what is wrong, in words that fit behind "is corrupt: ". */
export function decodeRecord(key: string, record: Uint8Array): { value: Uint8Array } | { wrong: string } {
  if (record.length < headerBytes) return { wrong: `it has ${record.length} bytes, less than its header` };
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  if (new TextDecoder('latin1').decode(record.subarray(0, 8)) !== magic)
    return { wrong: 'it is not a record' };
  if (view.getUint32(8) !== version)
    return { wrong: `it has version ${view.getUint32(8)}, and this program knows ${version}` };
  if (view.getUint32(12) !== record.length - headerBytes) {
    return { wrong: `it says ${view.getUint32(12)} bytes and holds ${record.length - headerBytes}` };
  }
  const value = new Uint8Array(record.subarray(headerBytes));
  if (view.getUint32(16) !== checksum(key, value)) return { wrong: 'its checksum does not fit' };
  return { value };
}

function checksum(key: string, value: Uint8Array): number {
  return crc32(value, crc32(`${key}\n`));
}
