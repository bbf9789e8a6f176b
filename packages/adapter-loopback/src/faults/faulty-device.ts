import type { BlockBuffer, BlockDevice, WriteOptions } from '@holdfast/core';
import type { FaultControls, FaultVerdict, FaultyOperation } from './fault-controls.js';

/**
 * A device that fails and stalls on demand; apart from that it is the one inside. Disposing it disposes the one inside.
 * Errors: those of the device inside, and the injected ones.
 */
export function faultyDevice(device: BlockDevice, controls: FaultControls): BlockDevice {
  return new FaultyDevice(device, controls);
}

class FaultyDevice implements BlockDevice {
  readonly name: string;
  readonly sizeBytes: number;
  private brokenFlush: Error | undefined;

  constructor(
    private readonly inside: BlockDevice,
    private readonly controls: FaultControls,
  ) {
    this.name = inside.name;
    this.sizeBytes = inside.sizeBytes;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    const { error } = await this.meet('read');
    if (error !== undefined) throw error;
    return this.inside.read(offsetBytes, lengthBytes);
  }

  async write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    const { error, torn } = await this.meet('write');
    if (error !== undefined) {
      if (torn) await this.inside.write(offsetBytes, data.subarray(0, data.length >> 1));
      throw error;
    }
    await this.inside.write(offsetBytes, data);
    if (options?.forceUnitAccess === true) await this.flush();
  }

  async writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteOptions & { readonly mayTrim?: boolean },
  ): Promise<void> {
    const { error, torn } = await this.meet('write');
    const trim = { mayTrim: options?.mayTrim === true };
    if (error !== undefined) {
      if (torn) await this.inside.writeZeroes(offsetBytes, lengthBytes >> 1, trim);
      throw error;
    }
    await this.inside.writeZeroes(offsetBytes, lengthBytes, trim);
    if (options?.forceUnitAccess === true) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.brokenFlush !== undefined) throw this.brokenFlush;
    const { error } = await this.meet('flush');
    // One that failed while this one was delayed counts as well.
    this.brokenFlush ??= error;
    if (this.brokenFlush !== undefined) throw this.brokenFlush;
    await this.inside.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.inside[Symbol.asyncDispose]();
  }

  private async meet(operation: FaultyOperation): Promise<FaultVerdict> {
    const verdict = this.controls.judge(operation, this.name);
    if (verdict.delayMs > 0) {
      await new Promise<void>((over) => void this.controls.clock.setTimer(verdict.delayMs, over));
    }
    return verdict;
  }
}
