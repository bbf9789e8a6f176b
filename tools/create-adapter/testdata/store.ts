// A finished store, as the author of the skeleton would write it.
import { HoldfastError, type Store } from '@holdfast/core';

const media = new Map<string, Map<string, Uint8Array>>();

export class AcmeStore implements Store {
  readonly name: string;
  private readonly records: Map<string, Uint8Array>;
  private closed = false;

  constructor(place: string) {
    this.name = `acme ${place}`;
    this.records = media.get(place) ?? new Map<string, Uint8Array>();
    media.set(place, this.records);
  }

  async load(key: string): Promise<Uint8Array | undefined> {
    return this.open().get(key)?.slice();
  }

  async save(key: string, value: Uint8Array): Promise<void> {
    this.open().set(key, value.slice());
  }

  async delete(key: string): Promise<void> {
    this.open().delete(key);
  }

  async keys(): Promise<readonly string[]> {
    return [...this.open().keys()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }

  private open(): Map<string, Uint8Array> {
    if (this.closed) throw new HoldfastError('CLOSED', `${this.name} is closed.`);
    return this.records;
  }
}
