import type { BlockDevice } from '@holdfast/core';
import { check, NotApplicable, refused, sameBytes } from '../expect.js';
import {
  type ByteRange,
  type DeviceCase,
  type DeviceContext,
  opened,
  openedForWriting,
  someBytes,
  rangeWithin,
  readBytes,
  readsBack,
  windowsOf,
} from './fixture.js';

const OUTSIDE = 'OUT_OF_RANGE';

const knowsItself: DeviceCase = {
  name: 'says its name and its size',
  run: async (context) => {
    const { name, sizeBytes } = await opened(context);
    check(typeof name === 'string' && name !== '', 'its name is empty: people read it in messages');
    check(
      Number.isSafeInteger(sizeBytes) && sizeBytes > 0,
      `its size is ${String(sizeBytes)}: it has to be a safe integer above 0`,
    );
  },
};

const lengths = [1, 2, 511, 512, 513, 4095, 4096, 4097, 9000];

const everyByte: DeviceCase = {
  name: 'reads back what was written, at any offset and to the last byte',
  run: async (context) => {
    const device = await openedForWriting(context);
    const { sizeBytes } = device;
    for (const lengthBytes of lengths.filter((length) => length <= sizeBytes)) {
      for (const wanted of [0, 1, 511, 512, 4095, sizeBytes - lengthBytes - 1, sizeBytes - lengthBytes]) {
        const offsetBytes = Math.max(0, Math.min(wanted, sizeBytes - lengthBytes));
        const data = someBytes(context, lengthBytes);
        await device.write(offsetBytes, data.slice());
        await readsBack(device, offsetBytes, data, `after a write of ${String(lengthBytes)} bytes there`);
      }
    }
  },
};

const neighbours: DeviceCase = {
  name: 'leaves the bytes beside a write as they were',
  run: async (context) => {
    const device = await openedForWriting(context);
    const [first] = windowsOf(device);
    if (first === undefined || first.lengthBytes < 3)
      throw new NotApplicable('the device has no room for it');
    for (let count = 0; count < 8; count += 1) {
      const around = someBytes(context, first.lengthBytes);
      await device.write(0, around.slice());
      const inner = rangeWithin(context, { offsetBytes: 1, lengthBytes: first.lengthBytes - 2 });
      const data = someBytes(context, inner.lengthBytes);
      await device.write(inner.offsetBytes, data.slice());
      around.set(data, inner.offsetBytes);
      await readsBack(device, 0, around, `around a write of ${String(data.length)} bytes`);
    }
  },
};

const emptyRanges: DeviceCase = {
  name: 'takes a length of zero anywhere, also at its end',
  run: async (context) => {
    const device = await opened(context);
    for (const offsetBytes of [0, 1, device.sizeBytes]) {
      await readBytes(device, { offsetBytes, lengthBytes: 0 });
      if (device.supports?.writes === false) continue;
      await device.write(offsetBytes, new Uint8Array(0));
      if (device.supports?.writeZeroes !== false) await device.writeZeroes(offsetBytes, 0);
    }
  },
};

const doesNotFit: DeviceCase = {
  name: 'refuses what does not fit with OUT_OF_RANGE, and does nothing',
  run: async (context) => {
    const device = await opened(context);
    const { sizeBytes } = device;
    const windows = windowsOf(device);
    const before = await Promise.all(windows.map((window) => readBytes(device, window)));
    const outside: ByteRange[] = [
      { offsetBytes: sizeBytes, lengthBytes: 1 },
      { offsetBytes: sizeBytes - 1, lengthBytes: 2 },
      { offsetBytes: 0, lengthBytes: sizeBytes + 1 },
      { offsetBytes: -1, lengthBytes: 1 },
      { offsetBytes: sizeBytes + 4096, lengthBytes: 0 },
      { offsetBytes: 0.5, lengthBytes: 1 },
      { offsetBytes: Number.NaN, lengthBytes: 1 },
      { offsetBytes: Number.MAX_SAFE_INTEGER, lengthBytes: 1 },
    ];
    for (const { offsetBytes, lengthBytes } of outside) {
      const where = `of ${String(lengthBytes)} bytes at ${String(offsetBytes)} of ${String(sizeBytes)}`;
      await refused(() => device.read(offsetBytes, lengthBytes), OUTSIDE, `a read ${where}`);
      if (device.supports?.writes === false) continue;
      const data = new Uint8Array(Math.min(lengthBytes, sizeBytes + 1)).fill(0xa5);
      await refused(() => device.write(offsetBytes, data), OUTSIDE, `a write ${where}`);
      if (device.supports?.writeZeroes === false) continue;
      await refused(() => device.writeZeroes(offsetBytes, lengthBytes), OUTSIDE, `zeros ${where}`);
    }
    await refused(() => device.read(0, -1), OUTSIDE, 'a read of -1 bytes');
    for (const [index, window] of windows.entries())
      await readsBack(device, window.offsetBytes, before[index] ?? new Uint8Array(), 'after refused calls');
  },
};

const callersMemory: DeviceCase = {
  name: 'shares no memory with its caller once a call has settled',
  run: async (context) => {
    const device = await openedForWriting(context);
    const data = someBytes(context, Math.min(4096, device.sizeBytes));
    const expected = data.slice();
    await device.write(0, data);
    data.fill(0);
    await readsBack(device, 0, expected, 'after the writer has used its memory for something else');
    const [first, second] = await Promise.all([device.read(0, data.length), device.read(0, data.length)]);
    first.bytes.fill(0xee);
    sameBytes(second.bytes, expected, 'a second read, beside whose memory the first was written over,');
    first.release();
    await readsBack(device, 0, expected, 'while another buffer is held');
    sameBytes(second.bytes, expected, 'a buffer that was not released yet');
    second.release();
  },
};

const zeros: DeviceCase = {
  name: 'reads zeros after writeZeroes, with and without mayTrim, and nowhere else',
  run: async (context) => {
    const device = await openedForWriting(context);
    if (device.supports?.writeZeroes === false) throw new NotApplicable('it says that it has no writeZeroes');
    for (const window of windowsOf(device)) {
      const bytes = someBytes(context, window.lengthBytes).map((byte) => byte | 1);
      await device.write(window.offsetBytes, bytes.slice());
      for (const mayTrim of [undefined, false, true]) {
        const { offsetBytes, lengthBytes } = rangeWithin(context, window);
        await device.writeZeroes(offsetBytes, lengthBytes, mayTrim === undefined ? undefined : { mayTrim });
        bytes.fill(0, offsetBytes - window.offsetBytes, offsetBytes - window.offsetBytes + lengthBytes);
        await readsBack(device, window.offsetBytes, bytes, `with mayTrim ${String(mayTrim)}`);
      }
    }
  },
};

/** One random operation on the device and on the reference, an array of bytes. */
async function operate(
  context: DeviceContext,
  device: BlockDevice,
  reference: Uint8Array,
  window: ByteRange,
): Promise<void> {
  const { random } = context;
  const range = rangeWithin(context, window);
  const at = range.offsetBytes - window.offsetBytes;
  const expected = reference.subarray(at, at + range.lengthBytes);
  const kind = random.below(10);
  if (kind < 4) {
    await readsBack(device, range.offsetBytes, expected, 'between random operations');
  } else if (kind < 8) {
    const data = someBytes(context, range.lengthBytes);
    expected.set(data);
    const forceUnitAccess = device.supports?.forceUnitAccess !== false && random.below(6) === 0;
    await device.write(range.offsetBytes, data, { forceUnitAccess });
  } else if (kind < 9 && device.supports?.writeZeroes !== false) {
    expected.fill(0);
    await device.writeZeroes(range.offsetBytes, range.lengthBytes, { mayTrim: random.below(2) === 1 });
  } else {
    await device.flush();
  }
}

const likeAnArray: DeviceCase = {
  name: 'does what an array of bytes does, over random operations',
  run: async (context) => {
    const device = await openedForWriting(context);
    for (const window of windowsOf(device)) {
      const reference = await readBytes(device, window);
      for (let count = 0; count < context.operations; count += 1)
        await operate(context, device, reference, window);
      await readsBack(device, window.offsetBytes, reference, 'at the end of random operations');
    }
  },
};

const LANES = 8;

const sideBySide: DeviceCase = {
  name: 'keeps calls apart that run side by side',
  run: async (context) => {
    const device = await openedForWriting(context);
    const [window] = windowsOf(device);
    const laneBytes = Math.floor((window?.lengthBytes ?? 0) / LANES);
    if (laneBytes === 0) throw new NotApplicable('the device has no room for it');
    const reference = await readBytes(device, { offsetBytes: 0, lengthBytes: laneBytes * LANES });
    const lanes = Array.from({ length: LANES }, (_, lane) => lane * laneBytes);
    await Promise.all(
      lanes.map(async (offsetBytes) => {
        const mine = reference.subarray(offsetBytes, offsetBytes + laneBytes);
        for (let count = 0; count < context.operations / LANES; count += 1)
          await operate(context, device, mine, { offsetBytes, lengthBytes: laneBytes });
      }),
    );
    await readsBack(device, 0, reference, 'after operations side by side');
  },
};

export const byteCases: readonly DeviceCase[] = [
  knowsItself,
  everyByte,
  neighbours,
  emptyRanges,
  doesNotFit,
  callersMemory,
  zeros,
  likeAnArray,
  sideBySide,
];
