/** A frame as the reference reads it, from the description of the format and not from our decoder. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly volume: number;
  readonly status: number;
  readonly id: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly epoch: number;
  readonly origin: number;
  readonly generation: number;
  readonly operation: number;
  readonly extra: number;
  readonly payload: Uint8Array;
  /** Position behind it in the stream. */
  readonly end: number;
}

const mostPayloadBytes = 4 * 1024 * 1024;

/** All whole frames of a stream; `isBroken` when what follows the last one is none. */
export function framesOf(stream: Uint8Array): { readonly frames: RawFrame[]; readonly isBroken: boolean } {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const number = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  const frames: RawFrame[] = [];
  let at = 0;
  while (stream.length - at >= 64) {
    const payloadBytes = view.getUint32(at + 12, true);
    if (view.getUint32(at, true) !== 0x4846_0001 || payloadBytes > mostPayloadBytes)
      return { frames, isBroken: true };
    const end = at + 64 + payloadBytes;
    if (end > stream.length) break;
    frames.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      volume: view.getUint16(at + 8, true),
      status: view.getUint16(at + 10, true),
      id: number(at + 16),
      offsetBytes: number(at + 24),
      lengthBytes: view.getUint32(at + 32, true),
      epoch: view.getUint32(at + 36, true),
      origin: view.getUint32(at + 40, true),
      generation: view.getUint32(at + 44, true),
      operation: number(at + 48),
      extra: number(at + 56),
      payload: stream.subarray(at + 64, end),
      end,
    });
    at = end;
  }
  return { frames, isBroken: false };
}

/** A number of 64 bits as it comes back from a field that it was written to as a double. */
export function echoed(value: number): number {
  return (value >>> 0) + (Math.floor(value / 2 ** 32) >>> 0) * 2 ** 32;
}

/** A frame as bytes, for streams that are to be damaged. */
export function bytesOf(fields: Partial<Omit<RawFrame, 'end'>> & { readonly type: number }): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const bytes = new Uint8Array(64 + payload.length);
  const view = new DataView(bytes.buffer);
  const number = (at: number, value = 0): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  };
  view.setUint32(0, 0x4846_0001, true);
  view.setUint16(4, fields.type, true);
  view.setUint16(6, fields.flags ?? 0, true);
  view.setUint16(8, fields.volume ?? 0, true);
  view.setUint16(10, fields.status ?? 0, true);
  view.setUint32(12, payload.length, true);
  number(16, fields.id);
  number(24, fields.offsetBytes);
  view.setUint32(32, fields.lengthBytes ?? 0, true);
  view.setUint32(36, fields.epoch ?? 0, true);
  view.setUint32(40, fields.origin ?? 0, true);
  view.setUint32(44, fields.generation ?? 0, true);
  number(48, fields.operation);
  number(56, fields.extra);
  bytes.set(payload, 64);
  return bytes;
}

export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
