import { type BlockDevice, HoldfastError } from '@holdfast/core';
import { check, needed, NotApplicable, refused, textOf } from '../expect.js';
import {
  type DeviceCase,
  type DeviceContext,
  killOf,
  losePowerOf,
  opened,
  openedForWriting,
  someBytes,
  rangeWithin,
  readBytes,
  readsBack,
  reopened,
  windowsOf,
} from './fixture.js';
import { PossibleBytes } from './possible-bytes.js';

const readsTheSame: DeviceCase = {
  name: 'holds what it holds over closing and opening',
  run: async (context) => {
    const device = await opened(context);
    const [window] = windowsOf(device);
    if (window === undefined) return;
    let expected = await readBytes(device, window);
    if (device.supports?.writes !== false) {
      expected = someBytes(context, window.lengthBytes);
      await device.write(window.offsetBytes, expected.slice());
      await device.flush();
    }
    const again = await reopened(context, device);
    check(
      again.sizeBytes === device.sizeBytes,
      `it had ${String(device.sizeBytes)} bytes, and has ${String(again.sizeBytes)} when opened again`,
    );
    await readsBack(again, window.offsetBytes, expected, 'after closing and opening');
  },
};

const outlivesProcess: DeviceCase = {
  name: 'keeps every write that has returned when its process is killed',
  run: async (context) => {
    const kill = killOf(context);
    let device = await openedForWriting(context);
    const [window] = windowsOf(device);
    if (window === undefined) return;
    const expected = await readBytes(device, window);
    for (let life = 0; life < 3; life += 1) {
      for (let count = 0; count < 5; count += 1) {
        const { offsetBytes, lengthBytes } = rangeWithin(context, window);
        const data = someBytes(context, lengthBytes);
        await device.write(offsetBytes, data.slice());
        expected.set(data, offsetBytes - window.offsetBytes);
      }
      await kill();
      device = await opened(context);
      await readsBack(device, window.offsetBytes, expected, 'after the process was killed');
    }
  },
};

const LIVES = 6;

async function writeAtRandom(
  context: DeviceContext,
  device: BlockDevice,
  possible: PossibleBytes,
  rounds: number,
): Promise<void> {
  const { random } = context;
  for (let count = 0; count < rounds; count += 1) {
    const range = rangeWithin(context, possible.window);
    const kind = random.below(12);
    if (kind < 2) {
      await device.flush();
      possible.flushed();
    } else if (kind === 2 && device.supports?.writeZeroes !== false) {
      await device.writeZeroes(range.offsetBytes, range.lengthBytes);
      possible.written(range.offsetBytes, new Uint8Array(range.lengthBytes), false);
    } else {
      const forceUnitAccess = device.supports?.forceUnitAccess !== false && kind === 3;
      const data = someBytes(context, range.lengthBytes);
      await device.write(range.offsetBytes, data.slice(), { forceUnitAccess });
      possible.written(range.offsetBytes, data, forceUnitAccess);
    }
  }
}

const outlivesPower: DeviceCase = {
  name: 'keeps what a flush has covered when the power goes, and invents nothing',
  run: async (context) => {
    const losePower = losePowerOf(context);
    let device = await openedForWriting(context);
    const [window] = windowsOf(device);
    if (window === undefined) return;
    const possible = new PossibleBytes(window, await readBytes(device, window));
    await device.flush();
    for (let life = 0; life < LIVES; life += 1) {
      await writeAtRandom(context, device, possible, Math.ceil(context.operations / LIVES));
      await losePower();
      device = await opened(context);
      possible.found(await readBytes(device, window));
    }
  },
};

const flushIsInTime: DeviceCase = {
  name: 'has everything stable by the time a flush returns',
  run: async (context) => {
    const losePower = losePowerOf(context);
    for (let life = 0; life < LIVES; life += 1) {
      const device = await openedForWriting(context);
      const data = someBytes(context, Math.min(8192, device.sizeBytes));
      await device.write(0, data.slice());
      await device.flush();
      await losePower();
      await readsBack(await opened(context), 0, data, 'after a flush and a loss of power');
      await killed(context);
    }
  },
};

/** Makes room for the next life, whichever way the fixture has. */
async function killed(context: DeviceContext): Promise<void> {
  await (context.fixture.kill ?? context.fixture.losePower)?.call(context.fixture);
}

const forced: DeviceCase = {
  name: 'has a write with forceUnitAccess stable when it returns',
  run: async (context) => {
    const losePower = losePowerOf(context);
    const device = await openedForWriting(context);
    if (device.supports?.forceUnitAccess === false)
      throw new NotApplicable('it says that it has no forceUnitAccess');
    const half = Math.floor(Math.min(8192, device.sizeBytes) / 2);
    const data = someBytes(context, half).map((byte) => byte | 1);
    await device.write(0, data.slice(), { forceUnitAccess: true });
    const zeroed = device.supports?.writeZeroes !== false;
    if (zeroed) {
      await device.write(half, data.slice(), { forceUnitAccess: true });
      await device.writeZeroes(half, half, { forceUnitAccess: true });
    }
    await losePower();
    const again = await opened(context);
    await readsBack(again, 0, data, 'after a forced write and a loss of power');
    if (zeroed) await readsBack(again, half, new Uint8Array(half), 'after forced zeros and a loss of power');
  },
};

const failedFlush: DeviceCase = {
  name: 'refuses every flush after one that has failed',
  run: async (context) => {
    const { fixture } = context;
    const failNextFlush = needed(
      fixture.failNextFlush?.bind(fixture),
      'the fixture cannot make a flush fail (`failNextFlush`)',
    );
    const device = await openedForWriting(context);
    await device.write(0, Uint8Array.of(1));
    await failNextFlush();
    await refused(() => device.flush(), 'IO_FAILED', 'a flush on a dying disk');
    for (let count = 0; count < 3; count += 1)
      await refused(() => device.flush(), 'IO_FAILED', 'a flush after one that has failed');
    await readBytes(device, { offsetBytes: 0, lengthBytes: 1 });
  },
};

const closedForGood: DeviceCase = {
  name: 'refuses every call with CLOSED once it is disposed of, and may be disposed of twice',
  run: async (context) => {
    const device = await opened(context);
    await device[Symbol.asyncDispose]();
    await refused(() => device.read(0, 1), 'CLOSED', 'a read after the end');
    await refused(() => device.flush(), 'CLOSED', 'a flush after the end');
    if (device.supports?.writes !== false) {
      await refused(() => device.write(0, Uint8Array.of(1)), 'CLOSED', 'a write after the end');
      if (device.supports?.writeZeroes !== false)
        await refused(() => device.writeZeroes(0, 1), 'CLOSED', 'zeros after the end');
    }
    await device[Symbol.asyncDispose]();
  },
};

const disposeWaits: DeviceCase = {
  name: 'ends every call that was under way when it is disposed of',
  run: async (context) => {
    const device = await opened(context);
    const under = Array.from({ length: 4 }, () => device.read(0, 1));
    const settled = Promise.allSettled(under);
    await device[Symbol.asyncDispose]();
    for (const result of await settled) {
      const isEnded = result.status === 'fulfilled' || HoldfastError.is(result.reason, 'CLOSED');
      check(isEnded, `a read under way fails with ${textOf(result.status === 'rejected' && result.reason)}`);
    }
  },
};

const undeclared: DeviceCase = {
  name: 'refuses with NOT_SUPPORTED what it says it cannot do, and does nothing',
  run: async (context) => {
    const device = await opened(context);
    const { writes, forceUnitAccess, writeZeroes } = device.supports ?? {};
    if (writes !== false && forceUnitAccess !== false && writeZeroes !== false)
      throw new NotApplicable('it says that it can do everything');
    const [window] = windowsOf(device);
    if (window === undefined) return;
    const before = await readBytes(device, window);
    const data = before.slice(0, 512).map((byte) => byte ^ 0xff);
    const code = 'NOT_SUPPORTED';
    if (writes === false) await refused(() => device.write(0, data), code, 'a write');
    if (writes === false || writeZeroes === false)
      await refused(() => device.writeZeroes(0, data.length), code, 'writeZeroes');
    if (forceUnitAccess === false || writes === false)
      await refused(() => device.write(0, data, { forceUnitAccess: true }), code, 'a forced write');
    if (forceUnitAccess === false && writes !== false && writeZeroes !== false)
      await refused(() => device.writeZeroes(0, 512, { forceUnitAccess: true }), code, 'forced zeros');
    await device.flush();
    await readsBack(device, window.offsetBytes, before, 'after calls that are not supported');
  },
};

export const lifeCases: readonly DeviceCase[] = [
  readsTheSame,
  outlivesProcess,
  flushIsInTime,
  outlivesPower,
  forced,
  failedFlush,
  closedForGood,
  disposeWaits,
  undeclared,
];
