// A finished device, as the author of the skeleton would write it.
import { type BlockBuffer, type BlockDevice, HoldfastError } from '@holdfast/core';

const media = new Map<string, Uint8Array>();

export class AcmeBlockDevice implements BlockDevice {
  readonly name: string;
  readonly sizeBytes = 100_000;
  private readonly bytes: Uint8Array;
  private closed = false;

  constructor(place: string) {
    this.name = `acme ${place}`;
    this.bytes = media.get(place) ?? new Uint8Array(this.sizeBytes);
    media.set(place, this.bytes);
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    this.check(offsetBytes, lengthBytes);
    return { bytes: this.bytes.slice(offsetBytes, offsetBytes + lengthBytes), release: () => undefined };
  }

  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    this.check(offsetBytes, data.length);
    this.bytes.set(data, offsetBytes);
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.check(offsetBytes, lengthBytes);
    this.bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
  }

  async flush(): Promise<void> {
    this.check(0, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }

  private check(offsetBytes: number, lengthBytes: number): void {
    if (this.closed) throw new HoldfastError('CLOSED', `${this.name} is closed.`);
    const isWhole = Number.isSafeInteger(offsetBytes) && Number.isSafeInteger(lengthBytes);
    if (isWhole && offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= this.sizeBytes) return;
    throw new HoldfastError('OUT_OF_RANGE', `${this.name} has ${String(this.sizeBytes)} bytes.`);
  }
}
