import { HoldfastError } from '@holdfast/core';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOf, ioError } from '../errors.js';
import { type ExclusiveLock, lockExclusively } from '../lock/exclusive-lock.js';

/** `never`: it must be there. `exclusive`: it must not be there. `if-missing`: either. */
export type CreateMode = 'never' | 'exclusive' | 'if-missing';

export interface OpenedFile {
  readonly name: string;
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  readonly lock: ExclusiveLock;
}

/** Opens, locks and checks; on any failure nothing stays open. */
export async function openExclusively(
  path: string,
  create: CreateMode,
  wantedBytes: number | undefined,
  extraFlags: number,
): Promise<OpenedFile> {
  const name = resolve(path);
  if (wantedBytes !== undefined && !(Number.isSafeInteger(wantedBytes) && wantedBytes > 0)) {
    throw new TypeError(`sizeBytes must be a positive safe integer, not ${wantedBytes}`);
  }
  if (create !== 'never' && wantedBytes === undefined) throw new TypeError('creating a file needs sizeBytes');
  const { handle, made } = await openOrCreate(name, create, extraFlags);
  let lock: ExclusiveLock | undefined;
  try {
    const stats = await handle.stat({ bigint: true });
    lock = await lockExclusively(name, stats);
    // A size of 0 is what a crash between creating and sizing leaves.
    const fresh = made || (create === 'if-missing' && stats.isFile() && (await currentSize(handle)) === 0);
    if (fresh && wantedBytes !== undefined) await makeSparse(handle, name, wantedBytes);
    const sizeBytes = await checkedSize(handle, name, wantedBytes, stats);
    return { name, handle, sizeBytes, lock };
  } catch (error) {
    await handle.close();
    await lock?.[Symbol.asyncDispose]();
    throw HoldfastError.is(error) ? error : ioError(codeOf(error), 'opening it', name, error);
  }
}

async function openOrCreate(
  name: string,
  create: CreateMode,
  extraFlags: number,
): Promise<{ handle: FileHandle; made: boolean }> {
  const flags = constants.O_RDWR | extraFlags;
  try {
    if (create !== 'never') {
      try {
        return { handle: await open(name, flags | constants.O_CREAT | constants.O_EXCL, 0o600), made: true };
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        if (create === 'exclusive') throw alreadyThere(name, error);
      }
    }
    return { handle: await openExisting(name, flags), made: false };
  } catch (error) {
    throw HoldfastError.is(error) ? error : ioError(codeOf(error), 'opening it', name, error);
  }
}

async function openExisting(name: string, flags: number): Promise<FileHandle> {
  const handle = await open(name, flags);
  if (!(await handle.stat()).isBlockDevice()) return handle;
  // On a block device O_EXCL asks the kernel whether it is mounted or claimed by anybody else.
  await handle.close();
  return open(name, flags | constants.O_EXCL);
}

function alreadyThere(name: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'REFUSED',
    `${name} is there already and was left as it is. Open it without creating it, or choose another path.`,
    { cause },
  );
}

async function makeSparse(handle: FileHandle, name: string, sizeBytes: number): Promise<void> {
  await handle.truncate(sizeBytes);
  await handle.sync();
  await syncDirectory(dirname(name));
}

/** Makes the names in a directory survive the loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function currentSize(handle: FileHandle): Promise<number> {
  return (await handle.stat()).size;
}

async function checkedSize(
  handle: FileHandle,
  name: string,
  wantedBytes: number | undefined,
  stats: BigIntStats,
): Promise<number> {
  if (!stats.isFile() && !stats.isBlockDevice()) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `${name} is neither a regular file nor a block device. Name one of these.`,
    );
  }
  const sizeBytes = stats.isBlockDevice() ? await blockDeviceSize(stats.rdev) : await currentSize(handle);
  if (wantedBytes !== undefined && sizeBytes !== wantedBytes) {
    throw new HoldfastError(
      'SIZE_MISMATCH',
      `${name} has ${sizeBytes} bytes, and ${wantedBytes} were expected. Name the right file, or give the size it has.`,
    );
  }
  if (sizeBytes === 0) {
    throw new HoldfastError(
      'SIZE_MISMATCH',
      `${name} has 0 bytes, and at least 1 was expected. Name the right file, or create it with a size.`,
    );
  }
  return sizeBytes;
}

/** The kernel shows it in sectors of 512 bytes, whatever the device's own sector size is. */
async function blockDeviceSize(deviceNumber: bigint): Promise<number> {
  const major = ((deviceNumber >> 8n) & 0xfffn) | ((deviceNumber >> 32n) & 0xfffff000n);
  const minor = (deviceNumber & 0xffn) | ((deviceNumber >> 12n) & 0xffffff00n);
  return Number((await readFile(`/sys/dev/block/${major}:${minor}/size`, 'latin1')).trim()) * 512;
}
