import { type Clock, HoldfastError, type HoldfastErrorCode, Prng, type Store } from '@holdfast/core';

export interface StoreOperation {
  readonly kind: 'load' | 'save' | 'delete';
  /** 1 for the first operation of its kind on this store, and so on. */
  readonly nth: number;
  readonly key: string;
}

export interface StoreFault {
  /** It fails with this code, and the record stays as it was. */
  readonly fail?: HoldfastErrorCode;
  /** It takes this much longer. Needs a clock. */
  readonly delayMs?: number;
  /** The process dies on the way, just before or just after the change is durable; the call never answers. */
  readonly crash?: 'before' | 'after';
}

export interface MemoryStoreOptions {
  readonly name?: string;
  readonly clock?: Clock;
  /** Milliseconds for a save or delete. Default 0. */
  readonly saveMs?: number;
  /** Decides which of the changes under way a crash keeps. Default 1. */
  readonly seed?: number;
}

/** The medium behind one or more lives of a store. */
export class MemoryRecords {
  readonly name: string;
  /** Asked before every operation. Undefined: it goes well. */
  faults: ((operation: StoreOperation) => StoreFault | undefined) | undefined;
  /** Called when a fault of kind `crash` strikes, so that a simulation can end the process. */
  crashed: (() => void) | undefined;

  private readonly clock: Clock | undefined;
  private readonly random: Prng;
  private readonly saveMs: number;
  private readonly records = new Map<string, Uint8Array | 'corrupt'>();
  private readonly underWay = new Set<() => void>();
  private readonly counts = { load: 0, save: 0, delete: 0 };
  private life = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.name = options.name ?? 'memory store';
    this.clock = options.clock;
    this.saveMs = options.saveMs ?? 0;
    this.random = new Prng(options.seed ?? 1);
  }

  get currentLife(): number {
    return this.life;
  }

  /** The process died or the power went: calls under way never answer, and each of their changes is there or is not, whole. */
  crash(): void {
    this.life += 1;
    for (const apply of this.underWay) if (this.random.below(2) === 1) apply();
    this.underWay.clear();
  }

  /** Damages a record: loading it fails with CORRUPT until it is saved again. */
  corrupt(key: string): void {
    this.records.set(key, 'corrupt');
  }

  /** All records as they stand on the medium, by key. A backup, for tests that restore an old one. */
  snapshot(): ReadonlyMap<string, Uint8Array | 'corrupt'> {
    return new Map(this.records);
  }

  /** Puts an older snapshot back, as an operator might, wrongly. */
  restore(snapshot: ReadonlyMap<string, Uint8Array | 'corrupt'>): void {
    this.life += 1;
    this.records.clear();
    for (const [key, value] of snapshot) this.records.set(key, value);
  }

  keys(): readonly string[] {
    return [...this.records.keys()].sort();
  }

  async load(key: string, life: number): Promise<Uint8Array | undefined> {
    await this.perform({ kind: 'load', nth: (this.counts.load += 1), key }, life, undefined);
    const record = this.records.get(key);
    if (record === 'corrupt')
      throw new HoldfastError('CORRUPT', `${this.name}: the checksum of record '${key}' is wrong.`);
    return record?.slice();
  }

  async change(key: string, value: Uint8Array | undefined, life: number): Promise<void> {
    const kind = value === undefined ? 'delete' : 'save';
    const apply = (): void => {
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value);
    };
    await this.perform({ kind, nth: (this.counts[kind] += 1), key }, life, apply);
  }

  private async perform(
    operation: StoreOperation,
    life: number,
    apply: (() => void) | undefined,
  ): Promise<void> {
    if (life !== this.life) await never();
    const fault = this.faults?.(operation);
    const waitMs = (apply === undefined ? 0 : this.saveMs) + (fault?.delayMs ?? 0);
    if (apply !== undefined) this.underWay.add(apply);
    if (waitMs > 0) await this.wait(waitMs);
    if (life !== this.life) await never();
    if (apply !== undefined) this.underWay.delete(apply);
    if (fault?.fail !== undefined) {
      throw new HoldfastError(
        fault.fail,
        `${this.name}: ${operation.kind} of '${operation.key}' failed, as the test asked.`,
      );
    }
    if (fault?.crash !== 'before') apply?.();
    if (fault?.crash === undefined) return;
    this.crash();
    this.crashed?.();
    await never();
  }

  private wait(durationMs: number): Promise<void> {
    const { clock } = this;
    if (clock === undefined)
      throw new TypeError(`${this.name} needs a clock to take ${String(durationMs)} ms.`);
    return new Promise((resolve) => void clock.setTimer(durationMs, resolve));
  }
}

export interface MemoryStore extends Store {
  /** The medium: faults and crashes. It outlives this store. */
  readonly records: MemoryRecords;
}

/** A store in memory. After `records.crash()` this one never answers again; open the next life with `memoryStore(records)`. */
export function memoryStore(from: MemoryRecords | MemoryStoreOptions = {}): MemoryStore {
  const records = from instanceof MemoryRecords ? from : new MemoryRecords(from);
  const life = records.currentLife;
  let closed = false;
  const check = (): void => {
    if (closed) throw new HoldfastError('CLOSED', `${records.name} is closed.`);
  };
  return {
    name: records.name,
    records,
    load: async (key) => {
      check();
      return records.load(key, life);
    },
    save: async (key, value) => {
      check();
      await records.change(key, value.slice(), life);
    },
    delete: async (key) => {
      check();
      await records.change(key, undefined, life);
    },
    keys: async () => {
      check();
      return records.keys();
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
    },
  };
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
