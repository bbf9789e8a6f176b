import type { BlockDevice } from '@holdfast/core';
import fc from 'fast-check';
import { pattern } from './temporary.js';

export type DeviceCommand =
  | { readonly kind: 'read'; readonly offset: number; readonly length: number }
  | {
      readonly kind: 'write';
      readonly offset: number;
      readonly length: number;
      readonly seed: number;
      readonly fua: boolean;
      readonly unhurried: boolean;
    }
  | { readonly kind: 'zero'; readonly offset: number; readonly length: number; readonly fua: boolean }
  | { readonly kind: 'flush' };

/** Ranges inside the device, most of them small and close together so that they overlap. */
export function commands(sizeBytes: number, count: number): fc.Arbitrary<DeviceCommand[]> {
  const range = fc
    .tuple(fc.nat(sizeBytes), fc.oneof(fc.nat(9000), fc.nat(sizeBytes)))
    .map(([offset, length]) => ({ offset, length: Math.min(length, sizeBytes - offset) }));
  return fc.array(
    fc.oneof(
      range.map((at) => ({ kind: 'read' as const, ...at })),
      fc
        .tuple(range, fc.nat(250), fc.boolean(), fc.boolean())
        .map(([at, seed, fua, unhurried]) => ({ kind: 'write' as const, ...at, seed, fua, unhurried })),
      fc.tuple(range, fc.boolean()).map(([at, fua]) => ({ kind: 'zero' as const, ...at, fua })),
      fc.constant({ kind: 'flush' as const }),
    ),
    { maxLength: count },
  );
}

/** The dumb reference: an array. Applies one command to both and compares what a read gives. */
export async function applyToBoth(
  device: BlockDevice,
  reference: Uint8Array,
  command: DeviceCommand,
): Promise<void> {
  switch (command.kind) {
    case 'read': {
      const buffer = await device.read(command.offset, command.length);
      const expected = reference.subarray(command.offset, command.offset + command.length);
      const equal = Buffer.compare(buffer.bytes, expected) === 0;
      buffer.release();
      if (!equal) throw new Error(`read of ${command.length} at ${command.offset} gave other bytes`);
      return;
    }
    case 'write': {
      const data = pattern(command.length, command.seed);
      const { fua: forceUnitAccess, unhurried } = command;
      await device.write(command.offset, data, { forceUnitAccess, unhurried });
      reference.set(data, command.offset);
      return;
    }
    case 'zero':
      await device.writeZeroes(command.offset, command.length, { forceUnitAccess: command.fua });
      reference.fill(0, command.offset, command.offset + command.length);
      return;
    case 'flush':
      await device.flush();
  }
}
