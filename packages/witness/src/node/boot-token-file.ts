import { HoldfastError } from '@holdfast/core';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Proof, ProofKeeper } from '../service/proof.js';

/*
 * Two slots of one sector each, written in turn: a write that power tears apart spoils the older proof's slot only, and the
 * newest whole one stands. A slot is eight hexadecimal digits of checksum, one line of JSON, and blanks.
 */
const slotBytes = 512;

interface Slot {
  readonly write: number;
  readonly proof: Proof;
}

/**
 * The proof in a file with mode 0600, in a folder other than the store's. Put it where no backup or snapshot of the store reaches;
 * on a file system in memory it also does not survive the machine, so that a machine put back to an old image is found out.
 * @throws HoldfastError IO_FAILED
 */
export async function openBootTokenFile(path: string): Promise<ProofKeeper> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Opening for update, made if missing: 'r+' alone does not make it, 'w+' would empty it.
    const file = await open(path, 'r+').catch(async (error: unknown) => {
      if (!isMissing(error)) throw error;
      const made = await open(path, 'wx+', 0o600);
      await syncFolder(dirname(path));
      return made;
    });
    return new BootTokenFile(path, file);
  } catch (error) {
    throw failed(path, error);
  }
}

class BootTokenFile implements ProofKeeper {
  private writes = 0;
  private failure: HoldfastError | undefined;

  constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  async load(): Promise<Proof | undefined> {
    const bytes = new Uint8Array(2 * slotBytes);
    try {
      await this.file.read(bytes, 0, bytes.length, 0);
    } catch (error) {
      throw failed(this.path, error);
    }
    const slots = [decode(bytes.subarray(0, slotBytes)), decode(bytes.subarray(slotBytes))];
    const [newest] = slots
      .filter((slot) => slot !== undefined)
      .sort((left, right) => right.write - left.write);
    this.writes = newest?.write ?? 0;
    return newest?.proof;
  }

  async save(proof: Proof): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const write = this.writes + 1;
    try {
      await this.file.write(encode({ write, proof }), 0, slotBytes, (write % 2) * slotBytes);
      await this.file.datasync();
      this.writes = write;
    } catch (error) {
      this.failure = failed(this.path, error);
      throw this.failure;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.close();
  }
}

function encode({ write, proof }: Slot): Uint8Array {
  const line = JSON.stringify({ version: 1, write, ...proof });
  const text = `${crc32(line).toString(16).padStart(8, '0')} ${line}`;
  // Tokens are 32 digits and numbers at most 16: a line stays far below the sector.
  return new TextEncoder().encode(`${text.padEnd(slotBytes - 1)}\n`);
}

function decode(bytes: Uint8Array): Slot | undefined {
  const text = new TextDecoder().decode(bytes).trimEnd();
  const line = text.slice(9);
  if (text.slice(0, 8) !== crc32(line).toString(16).padStart(8, '0')) return undefined;
  try {
    return parse(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parse(value: unknown): Slot | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields: Record<string, unknown> = { ...value };
  const write = fields['write'];
  const sequence = fields['sequence'];
  const bootToken = fields['bootToken'];
  const groupsSum = fields['groupsSum'];
  const previousBootToken = fields['previousBootToken'];
  if (fields['version'] !== 1 || typeof write !== 'number' || typeof sequence !== 'number') return undefined;
  if (typeof bootToken !== 'string') return undefined;
  return {
    write,
    proof: {
      bootToken,
      sequence,
      ...(typeof previousBootToken === 'string' ? { previousBootToken } : {}),
      ...(typeof groupsSum === 'number' ? { groupsSum } : {}),
    },
  };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function failed(path: string, error: unknown): HoldfastError {
  const said = error instanceof Error ? error.message : 'unknown cause';
  return new HoldfastError(
    'IO_FAILED',
    `The boot token file ${path} failed: ${said}. Check its disk, then start the witness again.`,
    { cause: error },
  );
}
