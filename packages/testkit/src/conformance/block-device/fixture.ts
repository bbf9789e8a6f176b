import type { BlockDevice } from '@holdfast/core';
import { check, needed, NotApplicable, sameBytes } from '../expect.js';
import type { CaseContext, ConformanceCase, ConformanceFixture } from '../suite.js';

/** What an author gives for each case: a medium of its own, and what can be done to it. */
export interface BlockDeviceFixture extends ConformanceFixture {
  /** Opens the device. Called again for the next life, after the one before was disposed of, killed or lost its power. */
  open(): Promise<BlockDevice>;
  /** Ends the life of the open device as SIGKILL would: nothing is flushed, nothing is closed in order. */
  kill?(): Promise<void>;
  /** The power goes: what no flush has covered may be gone, in whole or in part. */
  losePower?(): Promise<void>;
  /** The next flush fails, as on a dying disk. */
  failNextFlush?(): Promise<void>;
}

export type DeviceContext = CaseContext<BlockDeviceFixture>;
export type DeviceCase = ConformanceCase<BlockDeviceFixture>;

export interface ByteRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Much more than this makes a case slow without finding more. */
export const WINDOW_BYTES = 48 * 1024;

export async function opened(context: DeviceContext): Promise<BlockDevice> {
  return context.own(await context.fixture.open());
}

export async function openedForWriting(context: DeviceContext): Promise<BlockDevice> {
  const device = await opened(context);
  if (device.supports?.writes === false) throw new NotApplicable('it says that it takes no writes');
  return device;
}

/** The next life. The one before must be over. */
export async function reopened(context: DeviceContext, device: BlockDevice): Promise<BlockDevice> {
  await device[Symbol.asyncDispose]();
  return opened(context);
}

export async function readBytes(device: BlockDevice, range: ByteRange): Promise<Uint8Array> {
  const { offsetBytes, lengthBytes } = range;
  const buffer = await device.read(offsetBytes, lengthBytes);
  const what = `${String(lengthBytes)} bytes at ${String(offsetBytes)}`;
  check(buffer.bytes.length === lengthBytes, `a read of ${what} gives ${String(buffer.bytes.length)}`);
  const bytes = buffer.bytes.slice();
  buffer.release();
  return bytes;
}

export async function readsBack(
  device: BlockDevice,
  offsetBytes: number,
  expected: Uint8Array,
  when: string,
): Promise<void> {
  const bytes = await readBytes(device, { offsetBytes, lengthBytes: expected.length });
  sameBytes(bytes, expected, `what is read at ${String(offsetBytes)} ${when}`);
}

export const killOf = (context: DeviceContext): (() => Promise<void>) =>
  needed(
    context.fixture.kill?.bind(context.fixture),
    'the fixture cannot end the process that holds the device (`kill`)',
  );

export const losePowerOf = (context: DeviceContext): (() => Promise<void>) =>
  needed(
    context.fixture.losePower?.bind(context.fixture),
    'the fixture cannot take the power away (`losePower`)',
  );

/** The first and the last bytes of the device: there the mistakes are. */
export function windowsOf({ sizeBytes }: BlockDevice): readonly ByteRange[] {
  const lengthBytes = Math.min(sizeBytes, WINDOW_BYTES);
  const last = { offsetBytes: sizeBytes - lengthBytes, lengthBytes };
  return last.offsetBytes === 0 ? [last] : [{ offsetBytes: 0, lengthBytes }, last];
}

export function rangeWithin({ random }: DeviceContext, window: ByteRange): ByteRange {
  const offset = random.below(window.lengthBytes + 1);
  const most = Math.min(window.lengthBytes - offset, random.below(4) === 0 ? window.lengthBytes : 3000);
  return { offsetBytes: window.offsetBytes + offset, lengthBytes: random.below(most + 1) };
}

export function someBytes({ random }: DeviceContext, lengthBytes: number): Uint8Array {
  return random.bytes(new Uint8Array(lengthBytes));
}
