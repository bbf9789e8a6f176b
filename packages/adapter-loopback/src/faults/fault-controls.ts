import { type Clock, HoldfastError } from '@holdfast/core';

/** `write` covers `writeZeroes`; `flush` covers what a write with forced unit access waits for. */
export type FaultyOperation = 'read' | 'write' | 'flush';

export interface FaultRange {
  /** How many matching operations go well first. Default 0. */
  readonly after?: number;
  /** How many operations are hit then. Default: all, until `clear`. */
  readonly times?: number;
}

export interface FailureOptions extends FaultRange {
  readonly code?: 'IO_FAILED' | 'NO_SPACE';
  /** A failing write leaves its first half on the device, as a torn one does. Default false: nothing of it. */
  readonly torn?: boolean;
}

interface Rule {
  readonly operation: FaultyOperation;
  passes: number;
  hits: number;
  readonly delayMs: number;
  readonly failure: { readonly code: 'IO_FAILED' | 'NO_SPACE'; readonly torn: boolean } | undefined;
}

/** What is to happen to one operation. */
export interface FaultVerdict {
  readonly delayMs: number;
  readonly error: HoldfastError | undefined;
  readonly torn: boolean;
}

/** The switches of a faulty device. They may be changed at any time and count for operations that begin later. */
export class FaultControls {
  private rules: Rule[] = [];

  /** @param clock waits for delays; a virtual one makes them free. */
  constructor(readonly clock: Clock) {}

  /** Makes operations fail with IO_FAILED or NO_SPACE. A failed flush stays failed for good, as on every device. */
  fail(operation: FaultyOperation, options: FailureOptions = {}): this {
    const failure = { code: options.code ?? 'IO_FAILED', torn: options.torn ?? false };
    return this.add(operation, 0, failure, options);
  }

  /** Makes operations take this much longer. */
  delay(operation: FaultyOperation, delayMs: number, options: FaultRange = {}): this {
    return this.add(operation, delayMs, undefined, options);
  }

  /** From now on everything goes well. A device whose flush has failed stays as it is. */
  clear(): void {
    this.rules = [];
  }

  /** Asked by the device once for every operation. */
  judge(operation: FaultyOperation, deviceName: string): FaultVerdict {
    let delayMs = 0;
    let error: HoldfastError | undefined;
    let torn = false;
    for (const rule of this.rules) {
      if (rule.operation !== operation || rule.hits === 0) continue;
      if (rule.passes > 0) {
        rule.passes -= 1;
        continue;
      }
      rule.hits -= 1;
      delayMs += rule.delayMs;
      if (rule.failure === undefined || error !== undefined) continue;
      torn = rule.failure.torn;
      error = new HoldfastError(
        rule.failure.code,
        `A fault was injected into a ${operation} of ${deviceName}. Clear the fault controls to end it.`,
      );
    }
    return { delayMs, error, torn };
  }

  private add(
    operation: FaultyOperation,
    delayMs: number,
    failure: Rule['failure'],
    range: FaultRange,
  ): this {
    const hits = range.times ?? Number.POSITIVE_INFINITY;
    this.rules.push({ operation, passes: range.after ?? 0, hits, delayMs, failure });
    return this;
  }
}
