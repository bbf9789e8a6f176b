import type { ByteStream, ByteStreamHandler } from '@holdfast/core';
import { expect, it } from 'vitest';
import { frame, frameTypes } from './frame.js';
import { FrameStream } from './frame-stream.js';

/** A stream whose other side takes nothing until it is told to. */
class SlowStream implements ByteStream {
  readonly remote = 'nowhere';
  allocatedBytes = 0;
  private waiting: (() => void)[] = [];

  attach(_handler: ByteStreamHandler): void {}

  write(_chunks: readonly Uint8Array[], flushed?: () => void): boolean {
    if (flushed !== undefined) this.waiting.push(flushed);
    return true;
  }

  allocate(lengthBytes: number): Uint8Array {
    this.allocatedBytes += lengthBytes;
    return new Uint8Array(lengthBytes);
  }

  takeAll(): number {
    const taken = this.waiting.splice(0);
    for (const flushed of taken) flushed();
    return taken.length;
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

it('sends to a side that lags behind without new memory for each frame', () => {
  const stream = new SlowStream();
  const frames = new FrameStream(stream, { frame: () => undefined, closed: () => undefined });
  const payload = new Uint8Array(128 * 1024);
  const fill = (): void => {
    for (let id = 0; id < 32; id += 1) {
      frames.send(frame(frameTypes.replicateWrite, { id, payload }));
      frames.flush();
    }
  };
  fill();
  // A payload of this size travels from where it is: what is written around it are headers.
  expect(stream.allocatedBytes).toBeLessThanOrEqual(32 * 4 * 1024);
  for (let round = 0; round < 3; round += 1) {
    expect(stream.takeAll()).toBe(32);
    stream.allocatedBytes = 0;
    fill();
    expect(stream.allocatedBytes).toBe(0);
  }
});
