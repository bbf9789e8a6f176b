/** Bytes that belong to whoever read them until `release` is called; after that they may be written over. Call it once. */
export interface BlockBuffer {
  readonly bytes: Uint8Array;
  release(): void;
}

export interface WriteOptions {
  /** Force unit access: these bytes are on stable storage when the call returns. */
  readonly forceUnitAccess?: boolean;
  /**
   * Nobody waits for this write alone: the device may keep its answer to itself until `collect` is called, for a millisecond at most.
   * It does no less: only the wake-up of whoever called is saved.
   */
  readonly unhurried?: boolean;
}

/** What a device does beyond reading and flushing. What is absent or true, it does. */
export interface BlockDeviceSupport {
  /** False: a device to read from, as a snapshot is. `write` and `writeZeroes` are refused. */
  readonly writes?: boolean;
  /** False: `forceUnitAccess` is refused; write and flush instead. */
  readonly forceUnitAccess?: boolean;
  /** False: `writeZeroes` is refused; write zeros instead. */
  readonly writeZeroes?: boolean;
}

/**
 * Random access to a fixed number of bytes: a file, a loop device, a cloud volume, memory.
 *
 * Guarantee: a write that has returned is seen by every later read, and survives the death of this process. It survives the
 * loss of power only after a later `flush` has returned, or with `forceUnitAccess`. Calls may run side by side in any order;
 * overlapping ones are the caller's to keep apart. Offsets and lengths are safe integers and need no alignment.
 *
 * Errors: OUT_OF_RANGE, IO_FAILED, NO_SPACE, CLOSED. After a failed `flush` nothing written since the last good one is certain,
 * and the device refuses further flushes with IO_FAILED: a repeated flush must not "succeed".
 *
 * A device that cannot do everything says so in `supports`; what it names as false fails with NOT_SUPPORTED, and nothing is done.
 * A leg of a volume needs everything.
 */
export interface BlockDevice {
  /** For people: a path, a volume's name. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Absent: everything. */
  readonly supports?: BlockDeviceSupport;
  read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer>;
  /** `data` belongs to the device until the promise settles. */
  write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void>;
  /** Makes the range read as zeros. `mayTrim`: the space behind it may be given back. */
  writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteOptions & { readonly mayTrim?: boolean },
  ): Promise<void>;
  flush(): Promise<void>;
  /** Settles the unhurried writes that have ended; the others settle when they end. A device that keeps no answer back has none of it. */
  collect?(): void;
  [Symbol.asyncDispose](): Promise<void>;
}
