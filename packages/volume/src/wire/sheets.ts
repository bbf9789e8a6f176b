import { type Frame, headerBytes } from './frame.js';

/** Payloads up to this are copied behind their header: cheaper than one more piece for the system. */
export const joinedPayloadBytes = 16 * 1024;

/** Sheets of these sizes are used again, so many of each; a turn that needs more gets one for itself. */
const sizes: readonly { readonly lengthBytes: number; readonly kept: number }[] = [
  { lengthBytes: 4 * 1024, kept: 64 },
  { lengthBytes: 32 * 1024, kept: 32 },
  { lengthBytes: 192 * 1024, kept: 8 },
];

/** Memory that the frames of one turn are written into, one behind the other. */
export interface Sheet {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Hands out sheets and takes them back when the system has their bytes. */
export class Sheets {
  private readonly free: readonly Sheet[][] = sizes.map(() => []);

  constructor(private readonly allocate: (lengthBytes: number) => Uint8Array) {}

  /** A sheet with room for the headers and all payloads that are joined to them. */
  take(frames: readonly Frame[]): Sheet {
    let lengthBytes = frames.length * headerBytes;
    for (const { payload } of frames) {
      if (payload.length <= joinedPayloadBytes) lengthBytes += payload.length;
    }
    const size = sizes.findIndex((each) => lengthBytes <= each.lengthBytes);
    return this.free[size]?.pop() ?? this.make(sizes[size]?.lengthBytes ?? lengthBytes);
  }

  /** Only once, and not before the bytes have left. */
  give(sheet: Sheet): void {
    const size = sizes.findIndex((each) => sheet.bytes.length === each.lengthBytes);
    const free = this.free[size];
    if (free !== undefined && free.length < (sizes[size]?.kept ?? 0)) free.push(sheet);
  }

  private make(lengthBytes: number): Sheet {
    const bytes = this.allocate(lengthBytes);
    return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }
}
