/**
 * A few small named records. Guarantee: when `save` or `delete` has returned, the change survives the loss of power; when it
 * failed or the process died on the way, the record is the old one or the new one, whole. One process holds a store at a time.
 *
 * Errors: CORRUPT when what stands there is neither (a checksum is wrong), NO_SPACE, IO_FAILED, CLOSED.
 */
export interface Store {
  /** For people: the folder, the table. */
  readonly name: string;
  load(key: string): Promise<Uint8Array | undefined>;
  save(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  keys(): Promise<readonly string[]>;
  [Symbol.asyncDispose](): Promise<void>;
}
