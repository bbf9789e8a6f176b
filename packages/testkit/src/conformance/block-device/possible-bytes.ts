import { check } from '../expect.js';
import type { ByteRange } from './fixture.js';

/**
 * The dumb reference for the loss of power: for each byte, every value that it may have afterwards. The first is stable, the
 * others were written since and no flush has covered them.
 */
export class PossibleBytes {
  private readonly values: number[][];

  constructor(
    readonly window: ByteRange,
    stable: Uint8Array,
  ) {
    this.values = Array.from(stable, (byte) => [byte]);
  }

  written(offsetBytes: number, data: Uint8Array, forced: boolean): void {
    for (const [index, byte] of data.entries()) {
      const at = offsetBytes - this.window.offsetBytes + index;
      if (forced) this.values[at] = [byte];
      else this.values[at]?.push(byte);
    }
  }

  flushed(): void {
    for (const [at, values] of this.values.entries()) this.values[at] = values.slice(-1);
  }

  /** @throws ConformanceFailure when a byte has a value that it cannot have. From now on what was found is what stands there. */
  found(bytes: Uint8Array): void {
    for (const [at, byte] of bytes.entries()) {
      const values = this.values[at] ?? [];
      check(
        values.includes(byte),
        `byte ${String(this.window.offsetBytes + at)} is ${String(byte)} after a loss of power; only ${values.join(', ')} are possible`,
      );
      this.values[at] = [byte];
    }
  }
}
