import type { BlockDevice } from '@holdfast/core';

/** Part of a device that was written. */
export interface RecordedWrite {
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

/** What a device was asked to do, in order: writes, and the flushes that make all before them stable. */
export type RecordedStep = RecordedWrite | 'flushed';

/** A device in front of another one that keeps what passes, for `crashImages`. A flush counts when it has been answered. */
export function recordingDevice(inner: BlockDevice): {
  readonly device: BlockDevice;
  readonly steps: readonly RecordedStep[];
} {
  const steps: RecordedStep[] = [];
  const write: BlockDevice['write'] = async (offsetBytes, data, options) => {
    steps.push({ offsetBytes, bytes: data.slice() });
    await inner.write(offsetBytes, data, options);
  };
  const flush: BlockDevice['flush'] = async () => {
    await inner.flush();
    steps.push('flushed');
  };
  const device = new Proxy(inner, {
    get: (target, name) => {
      if (name === 'write') return write;
      if (name === 'flush') return flush;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { device, steps };
}

const sectorBytes = 512;

/** What a device may hold after its power went. */
export interface CrashImage {
  readonly bytes: Uint8Array;
  /** So many steps had been taken. */
  readonly steps: number;
}

/**
 * Every image that a loss of power may leave: at each step, all that was flushed, and of what was not every subset of the last
 * `unflushedMax` writes, each also torn at every 512 bytes from the front and from the back.
 */
export function* crashImages(
  sizeBytes: number,
  steps: readonly RecordedStep[],
  unflushedMax = 3,
): Generator<CrashImage> {
  const stable = new Uint8Array(sizeBytes);
  let open: RecordedWrite[] = [];
  for (let taken = 0; taken <= steps.length; taken += 1) {
    const certain = open.slice(0, Math.max(0, open.length - unflushedMax));
    const doubtful = open.slice(certain.length);
    for (let subset = 0; subset < 2 ** doubtful.length; subset += 1) {
      const kept = [...certain, ...doubtful.filter((_, index) => (subset >> index) % 2 === 1)];
      yield { bytes: imageOf(stable, kept), steps: taken };
      yield* torn(stable, kept, taken);
    }
    const step = steps[taken];
    if (step === 'flushed') {
      stable.set(imageOf(stable, open));
      open = [];
    } else if (step !== undefined) open.push(step);
  }
}

/** The last of the kept writes in part. */
function* torn(stable: Uint8Array, kept: readonly RecordedWrite[], steps: number): Generator<CrashImage> {
  const last = kept.at(-1);
  if (last === undefined) return;
  const before = kept.slice(0, -1);
  for (let at = sectorBytes; at < last.bytes.length; at += sectorBytes) {
    const front = { offsetBytes: last.offsetBytes, bytes: last.bytes.subarray(0, at) };
    const back = { offsetBytes: last.offsetBytes + at, bytes: last.bytes.subarray(at) };
    yield { bytes: imageOf(stable, [...before, front]), steps };
    yield { bytes: imageOf(stable, [...before, back]), steps };
  }
}

function imageOf(stable: Uint8Array, writes: readonly RecordedWrite[]): Uint8Array {
  const image = stable.slice();
  for (const { offsetBytes, bytes } of writes) image.set(bytes, offsetBytes);
  return image;
}
