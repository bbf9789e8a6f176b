import { type Frame, headerBytes } from './frame.js';

/** Payloads up to this are copied behind their header: cheaper than one more piece for the system. */
export const joinedPayloadBytes = 16 * 1024;

/** Sheets of this size are used again; a turn that needs more gets one for itself. */
const keptBytes = 192 * 1024;
const keptSheets = 4;

/** Memory that the frames of one turn are written into, one behind the other. */
export interface Sheet {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Hands out sheets and takes them back when the system has their bytes. */
export class Sheets {
  private readonly free: Sheet[] = [];

  constructor(private readonly allocate: (lengthBytes: number) => Uint8Array) {}

  /** A sheet with room for the headers and all payloads that are joined to them. */
  take(frames: readonly Frame[]): Sheet {
    let lengthBytes = frames.length * headerBytes;
    for (const { payload } of frames) {
      if (payload.length <= joinedPayloadBytes) lengthBytes += payload.length;
    }
    if (lengthBytes > keptBytes) return this.make(lengthBytes);
    return this.free.pop() ?? this.make(keptBytes);
  }

  /** Only once, and not before the bytes have left. */
  give(sheet: Sheet): void {
    if (sheet.bytes.length === keptBytes && this.free.length < keptSheets) this.free.push(sheet);
  }

  private make(lengthBytes: number): Sheet {
    const bytes = this.allocate(lengthBytes);
    return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }
}
