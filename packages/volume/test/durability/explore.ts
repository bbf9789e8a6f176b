import { crashImages, memoryDevice, MemoryDisk, recordingDevice, type RecordedStep } from '@holdfast/testkit';
import type { BlockDevice } from '@holdfast/core';

/** What a structure did on its device, without what a mutant leaves out. */
export interface Recording<Promised> {
  readonly steps: readonly RecordedStep[];
  /** What was answered for, after so many steps. */
  readonly promises: readonly { readonly steps: number; readonly promised: Promised }[];
}

/** Runs a structure on a device that records; `promise` is called whenever the structure has answered for something. */
export async function recorded<Promised>(
  sizeBytes: number,
  run: (device: BlockDevice, promise: (promised: Promised) => void) => Promise<void>,
  mutate: (device: BlockDevice) => BlockDevice = (device) => device,
): Promise<Recording<Promised>> {
  const { device, steps } = recordingDevice(memoryDevice(new MemoryDisk({ name: 'a.meta', sizeBytes })));
  const promises: { steps: number; promised: Promised }[] = [];
  await run(mutate(device), (promised) => void promises.push({ steps: steps.length, promised }));
  return { steps, promises };
}

/** Every image of a recording, each judged with the last promise that stood when the power went. */
export async function exploreImages<Promised>(
  sizeBytes: number,
  { steps, promises }: Recording<Promised>,
  judge: (
    device: BlockDevice,
    promised: Promised | undefined,
    takenSteps: number,
  ) => Promise<string | undefined>,
  alter: (bytes: Uint8Array) => void = () => undefined,
  randomSubsets = 20,
): Promise<{ readonly images: number; readonly problem: string | undefined }> {
  let images = 0;
  for (const { bytes, steps: taken } of crashImages(sizeBytes, steps, { randomSubsets })) {
    images += 1;
    alter(bytes);
    const disk = new MemoryDisk({ name: 'a.meta', sizeBytes });
    await memoryDevice(disk).write(0, bytes, { forceUnitAccess: true });
    const promised = promises.findLast((one) => one.steps <= taken)?.promised;
    const problem = await judge(memoryDevice(disk), promised, taken);
    if (problem !== undefined) return { images, problem: `after ${String(taken)} steps: ${problem}` };
  }
  return { images, problem: undefined };
}

type Writing = Pick<BlockDevice, 'write' | 'flush'>;

/** A device with some of its operations replaced: how a mutant is made of a structure without touching its code. */
export function replacing(
  device: BlockDevice,
  replaced: (inner: BlockDevice) => Partial<Writing>,
): BlockDevice {
  const own = replaced(device);
  return new Proxy(device, {
    get: (target, name) => {
      const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Nothing is forced to be stable, and flushes do nothing. */
export const withoutFlush = (device: BlockDevice): BlockDevice =>
  replacing(device, (inner) => ({
    write: (offsetBytes, data) => inner.write(offsetBytes, data),
    flush: () => Promise.resolve(),
  }));

/** What belongs to a second place goes to the first one. */
export const withOnePlace =
  (placeOf: (offsetBytes: number) => number) =>
  (device: BlockDevice): BlockDevice =>
    replacing(device, (inner) => ({
      write: (offsetBytes, data, options) => inner.write(placeOf(offsetBytes), data, options),
    }));
