import type { BlockDevice } from '@holdfast/core';

/** Part of a device that was written. */
export interface RecordedWrite {
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

/** From here on these writes (positions among the steps) survive a loss of power. */
export interface RecordedStability {
  readonly stable: readonly number[];
}

/** What a device was asked to do, in order. */
export type RecordedStep = RecordedWrite | RecordedStability;

/**
 * A device in front of another one that keeps what passes, for `crashImages`. A write counts from the moment at which it is asked
 * for. A flush makes stable what had been answered when it began, a write with force unit access itself; both when they are answered.
 */
export function recordingDevice(inner: BlockDevice): {
  readonly device: BlockDevice;
  readonly steps: readonly RecordedStep[];
} {
  const steps: RecordedStep[] = [];
  const answered = new Set<number>();
  const keep = async (
    written: RecordedWrite,
    isForced: boolean | undefined,
    work: () => Promise<void>,
  ): Promise<void> => {
    const step = steps.push(written) - 1;
    await work();
    if (isForced === true) steps.push({ stable: [step] });
    else answered.add(step);
  };
  const write: BlockDevice['write'] = (offsetBytes, data, options) =>
    keep({ offsetBytes, bytes: data.slice() }, options?.forceUnitAccess, () =>
      inner.write(offsetBytes, data, options),
    );
  const writeZeroes: BlockDevice['writeZeroes'] = (offsetBytes, lengthBytes, options) =>
    keep({ offsetBytes, bytes: new Uint8Array(lengthBytes) }, options?.forceUnitAccess, () =>
      inner.writeZeroes(offsetBytes, lengthBytes, options),
    );
  const flush: BlockDevice['flush'] = async () => {
    const covered = [...answered];
    await inner.flush();
    for (const step of covered) answered.delete(step);
    steps.push({ stable: covered });
  };
  const own: Partial<BlockDevice> = { write, writeZeroes, flush };
  const device = new Proxy(inner, {
    get: (target, name) => {
      const replaced: unknown = Reflect.get(own, name);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { device, steps };
}
