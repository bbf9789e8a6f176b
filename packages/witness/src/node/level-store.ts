import { HoldfastError, type Store } from '@holdfast/core';
import { ClassicLevel } from 'classic-level';
import { mkdir } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/**
 * A store in a LevelDB folder, made with mode 0700 when it is not there. Every `save` and `delete` is synced when it returns.
 * LevelDB's own lock keeps a second process, and a second opening in this one, out.
 * @throws HoldfastError ALREADY_OPEN, CORRUPT, IO_FAILED, NO_SPACE
 */
export async function openLevelStore(folder: string): Promise<Store> {
  const level = new ClassicLevel<string, Uint8Array>(folder, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await level.open();
  } catch (error) {
    throw mapLevelError(error, folder);
  }
  return new LevelStore(folder, level);
}

class LevelStore implements Store {
  private failure: HoldfastError | undefined;
  private closed = false;

  constructor(
    readonly name: string,
    private readonly level: ClassicLevel<string, Uint8Array>,
  ) {}

  async load(key: string): Promise<Uint8Array | undefined> {
    this.checkOpen();
    const entry = await this.guarded(this.level.get(key));
    return entry === undefined ? undefined : unwrap(key, entry, this.name);
  }

  async save(key: string, value: Uint8Array): Promise<void> {
    await this.write(() => this.level.put(key, wrap(key, value), { sync: true }));
  }

  async delete(key: string): Promise<void> {
    await this.write(() => this.level.del(key, { sync: true }));
  }

  async keys(): Promise<readonly string[]> {
    this.checkOpen();
    return this.guarded(this.level.keys().all());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.level.close();
  }

  private async write(work: () => Promise<void>): Promise<void> {
    this.checkOpen();
    if (this.failure !== undefined) throw this.failure;
    try {
      await work();
    } catch (error) {
      // After a failed sync the system may call the next one good without having written the first: never try again.
      this.failure = mapLevelError(error, this.name);
      throw this.failure;
    }
  }

  private async guarded<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw mapLevelError(error, this.name);
    }
  }

  private checkOpen(): void {
    if (this.closed) throw new HoldfastError('CLOSED', `The store ${this.name} is closed. Open it again.`);
  }
}

/*
 * LevelDB checks what it writes to its log and, unless asked, not what it reads from its tables. So every entry carries a
 * checksum of its own, over its key too: an entry under a foreign key is as wrong as a changed one.
 */
const checksumBytes = 4;

function wrap(key: string, value: Uint8Array): Uint8Array {
  const entry = new Uint8Array(checksumBytes + value.length);
  new DataView(entry.buffer).setUint32(0, checksum(key, value));
  entry.set(value, checksumBytes);
  return entry;
}

function unwrap(key: string, entry: Uint8Array, name: string): Uint8Array {
  // A copy of its own, and no Buffer: what LevelDB gives is both a view and one.
  const value = new Uint8Array(entry.subarray(checksumBytes));
  const isWhole =
    entry.length >= checksumBytes &&
    new DataView(entry.buffer, entry.byteOffset, entry.byteLength).getUint32(0) === checksum(key, value);
  if (!isWhole) throw corrupt(name, `the checksum of the entry ${key} is wrong`);
  return value;
}

function checksum(key: string, value: Uint8Array): number {
  return crc32(value, crc32(key));
}

function mapLevelError(error: unknown, name: string): HoldfastError {
  if (HoldfastError.is(error)) return error;
  // Opening wraps the reason: the code that tells stands one or more causes down.
  const codes: string[] = [];
  const messages: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && codes.length < 8; cause = cause.cause) {
    codes.push('code' in cause && typeof cause.code === 'string' ? cause.code : '');
    messages.push(cause.message);
  }
  const said = messages.join(': ');
  if (codes.includes('LEVEL_LOCKED')) {
    return new HoldfastError(
      'ALREADY_OPEN',
      `The store ${name} is in use by another witness. Stop that one first.`,
      {
        cause: error,
      },
    );
  }
  // LevelDB calls it an input error when one of its own files is missing; the folder itself was just made.
  const isDamaged = codes.includes('LEVEL_CORRUPTION') || /no such file/i.test(said);
  if (isDamaged) return corrupt(name, said, error);
  if (codes.includes('ENOSPC') || /no space left/i.test(said)) {
    return new HoldfastError(
      'NO_SPACE',
      `The store ${name} has no space left. Make some, then start the witness again.`,
      {
        cause: error,
      },
    );
  }
  return new HoldfastError(
    'IO_FAILED',
    `The store ${name} failed: ${said}. Check its disk, then start the witness again.`,
    {
      cause: error,
    },
  );
}

function corrupt(name: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'CORRUPT',
    `The store ${name} is damaged: ${what}. Move the folder away and start the witness empty: the members register again by themselves.`,
    { cause },
  );
}
