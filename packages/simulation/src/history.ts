import { type BlockOperation, checkBlockHistory } from '@holdfast/testkit';
import { blocksPerVolume, type Operation } from './plan.js';

/** Sectors of each block that are watched: a write that a crash cut short may have reached one and not the other. */
export const watchedSectors = [0, 7] as const;
export const sectorBytes = 512;

/** One request of a client, from its call to its end. */
export interface Request {
  readonly startedAt: number;
  /** What it writes, one for each register. Without a time of their own until the client has its answer. */
  writes: readonly RecordedWrite[];
}

interface RecordedWrite {
  readonly kind: 'write';
  readonly block: number;
  readonly value: number;
  readonly startedAt: number;
  endedAt: number;
  readonly client: string;
  readonly forceUnitAccess: boolean;
}

/** What all clients did and saw. A register is one watched sector of one block of one volume. */
export class History {
  private readonly operations: BlockOperation[] = [];
  private readonly writes: RecordedWrite[] = [];
  private readonly flushes: {
    readonly volume: number;
    readonly startedAt: number;
    readonly endedAt: number;
  }[] = [];
  private readonly pending = new Set<Request>();
  private readonly readers = new Set<(operation: Operation, values: readonly number[]) => void>();
  private lastValue = 0;
  answered = 0;
  begun = 0;

  constructor(private readonly now: () => number) {}

  get inFlight(): number {
    return this.pending.size;
  }

  begin(): Request {
    const request: Request = { startedAt: this.now(), writes: [] };
    this.pending.add(request);
    this.begun += 1;
    return request;
  }

  /** The client waits no more: it has its answer, or has died. */
  end(request: Request, hasAnswer: boolean): void {
    this.pending.delete(request);
    if (hasAnswer) this.answered += 1;
  }

  /** A stamp of its own for the next write. */
  nextValue(): number {
    this.lastValue += 1;
    return this.lastValue;
  }

  writing(request: Request, operation: Operation, value: number, client: string): void {
    const { forceUnitAccess } = operation;
    request.writes = registersOf(operation).map((block): RecordedWrite => {
      const { startedAt } = request;
      return { kind: 'write', block, value, startedAt, endedAt: Infinity, client, forceUnitAccess };
    });
    this.writes.push(...request.writes);
    this.operations.push(...request.writes);
  }

  wrote(request: Request): void {
    for (const write of request.writes) write.endedAt = this.now();
  }

  /** `values`: one for each register that the operation touches. */
  saw(operation: Operation, values: readonly number[], startedAt: number, client: string): void {
    for (const listener of this.readers) listener(operation, values);
    registersOf(operation).forEach((block, index) => {
      this.operations.push({
        kind: 'read',
        block,
        value: values[index] ?? 0,
        startedAt,
        endedAt: this.now(),
        client,
      });
    });
  }

  /** @returns what ends it. */
  onRead(listener: (operation: Operation, values: readonly number[]) => void): () => void {
    this.readers.add(listener);
    return () => this.readers.delete(listener);
  }

  flushed(volume: number, startedAt: number): void {
    this.flushes.push({ volume, startedAt, endedAt: this.now() });
  }

  /** Undefined when every block was one register. */
  contradiction(): string | undefined {
    const { violations } = checkBlockHistory(this.operations);
    const first = violations[0];
    return first === undefined ? undefined : `register ${String(first.block)}: ${first.reason}`;
  }

  /**
   * What a register may hold after both sites lost power: any write that was under way or done, unless one that came wholly after it
   * had been made stable.
   */
  mayHoldAfterBlackout(register: number): ReadonlySet<number> {
    const writes = this.writes.filter(({ block }) => block === register);
    const stable = writes.filter((write) => this.isStable(write));
    const allowed = writes.filter((write) => stable.every((later) => !(write.endedAt < later.startedAt)));
    const values = new Set(allowed.map(({ value }) => value));
    if (stable.length === 0) values.add(0);
    return values;
  }

  private isStable(write: RecordedWrite): boolean {
    if (write.endedAt === Infinity) return false;
    if (write.forceUnitAccess) return true;
    const volume = Math.floor(write.block / (blocksPerVolume * watchedSectors.length));
    return this.flushes.some((flush) => flush.volume === volume && write.endedAt <= flush.startedAt);
  }

  /** For the comparison of two runs of one seed. */
  text(): string {
    return this.operations
      .map(({ kind, block, value, startedAt, endedAt }) => [kind, block, value, startedAt, endedAt].join(' '))
      .join('\n');
  }
}

export function registersOf(operation: Operation): number[] {
  const registers: number[] = [];
  for (let block = operation.block; block < operation.block + operation.count; block += 1) {
    const first = (operation.volume * blocksPerVolume + block) * watchedSectors.length;
    watchedSectors.forEach((_sector, index) => registers.push(first + index));
  }
  return registers;
}
