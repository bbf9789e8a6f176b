import { HoldfastError, type Store } from '@holdfast/core';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { codeOf, ioError } from '../errors.js';
import { syncDirectory } from '../leg/open-file.js';
import { type ExclusiveLock, lockExclusively } from '../lock/exclusive-lock.js';
import { decodeRecord, encodeRecord } from './record-format.js';

const recordSuffix = '.record';
const unfinishedSuffix = '.unfinished';

/**
 * Small durable records, one file each, in a directory that is made when it is missing (readable for its owner only). A save
 * writes a new file, syncs it, renames it over the old one and syncs the directory. What a crash left unfinished is removed
 * at the next open.
 *
 * Errors: ALREADY_OPEN (by this or another process of this machine), IO_FAILED, NO_SPACE, NOT_SUPPORTED (no Linux).
 */
export async function openDirectoryStore(path: string): Promise<Store> {
  const name = resolve(path);
  try {
    const created = await mkdir(name, { recursive: true, mode: 0o700 });
    if (created !== undefined) await syncDirectory(dirname(created));
    const lock = await lockExclusively(name, await stat(name, { bigint: true }));
    try {
      const unfinished = (await readdir(name)).filter((file) => file.endsWith(unfinishedSuffix));
      for (const file of unfinished) await rm(join(name, file), { force: true });
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
    return new DirectoryStore(name, lock);
  } catch (error) {
    throw HoldfastError.is(error) ? error : ioError(codeOf(error), 'opening the store', name, error);
  }
}

class DirectoryStore implements Store {
  private tail: Promise<unknown> = Promise.resolve();
  private serial = 0;
  private closing: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly lock: ExclusiveLock,
  ) {}

  async load(key: string): Promise<Uint8Array | undefined> {
    const file = this.fileOf(key);
    this.assertOpen();
    let record: Uint8Array;
    try {
      record = await readFile(file);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw ioError(codeOf(error), `loading '${key}'`, file, error);
    }
    const decoded = decodeRecord(key, record);
    if ('value' in decoded) return decoded.value;
    throw new HoldfastError(
      'CORRUPT',
      `${file} is corrupt: ${decoded.wrong}. Move it away and let this node join again as a new member; do not edit it.`,
    );
  }

  async save(key: string, value: Uint8Array): Promise<void> {
    const file = this.fileOf(key);
    const record = encodeRecord(key, value);
    await this.inOrder(`saving '${key}'`, file, async () => {
      this.serial += 1;
      const unfinished = `${file}.${this.serial}${unfinishedSuffix}`;
      try {
        const handle = await open(unfinished, 'wx', 0o600);
        try {
          await handle.writeFile(record);
          await handle.datasync();
        } finally {
          await handle.close();
        }
        await rename(unfinished, file);
      } catch (error) {
        await rm(unfinished, { force: true }).catch(() => undefined);
        throw error;
      }
      await syncDirectory(this.name);
    });
  }

  async delete(key: string): Promise<void> {
    const file = this.fileOf(key);
    await this.inOrder(`deleting '${key}'`, file, async () => {
      await rm(file, { force: true });
      await syncDirectory(this.name);
    });
  }

  async keys(): Promise<readonly string[]> {
    this.assertOpen();
    try {
      const files = await readdir(this.name);
      return files
        .filter((file) => file.endsWith(recordSuffix))
        .map((file) => decodeURIComponent(file.slice(0, -recordSuffix.length)))
        .sort();
    } catch (error) {
      throw ioError(codeOf(error), 'listing the store', this.name, error);
    }
  }

  /** Waits for the changes that are under way. */
  [Symbol.asyncDispose](): Promise<void> {
    this.closing ??= this.tail.then(() => this.lock[Symbol.asyncDispose]());
    return this.closing;
  }

  /** One change after the other: two saves of one key must end with the later one. */
  private inOrder(doing: string, file: string, change: () => Promise<void>): Promise<void> {
    if (this.closing !== undefined) return Promise.reject(this.closedError());
    const turn = this.tail.then(async () => {
      try {
        await change();
      } catch (error) {
        throw ioError(codeOf(error), doing, file, error);
      }
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  private fileOf(key: string): string {
    const encoded = encodeURIComponent(key);
    if (key === '' || encoded.length > 200) {
      throw new TypeError(
        `A key has 1 to 200 characters (percent-encoded), and this one has ${encoded.length}: '${key.slice(0, 40)}'`,
      );
    }
    return join(this.name, encoded + recordSuffix);
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw this.closedError();
  }

  private closedError(): HoldfastError {
    return new HoldfastError('CLOSED', `The store ${this.name} is closed. Open it again.`);
  }
}
