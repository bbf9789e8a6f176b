/** One operation of one client on one block, as the client saw it. A request over several blocks is one operation per block. */
export interface BlockOperation {
  readonly kind: 'read' | 'write';
  readonly block: number;
  /**
   * What was written or read. Every write of a run has a stamp of its own, which the tester puts into the block's bytes; 0 stands
   * for a block that nobody wrote.
   */
  readonly value: number;
  /** When the client sent it and when it had the answer, on one clock for all. An operation that ends at the time another begins overlaps it. */
  readonly startedAt: number;
  /** Infinity for a write without an answer: it may have happened at any time since, or not at all. Reads without an answer are left out. */
  readonly endedAt: number;
  /** For messages. */
  readonly client?: string;
}

/** Why a history cannot be one of a register, with the operations that show it. */
export interface BlockViolation {
  readonly block: number;
  readonly reason: string;
  readonly operations: readonly BlockOperation[];
}

export function describeOperation(operation: BlockOperation): string {
  const { kind, value, startedAt, endedAt, client } = operation;
  const who = client === undefined ? '' : `${client}: `;
  const end = endedAt === Number.POSITIVE_INFINITY ? 'no answer' : String(endedAt);
  return `${who}${kind} ${String(value)} [${String(startedAt)} .. ${end}]`;
}

/** @throws TypeError for what is no history: a bad time, a written zero, a read without an answer. */
export function checkShape(operation: BlockOperation): void {
  const { kind, value, startedAt, endedAt } = operation;
  const timely = Number.isFinite(startedAt) && endedAt >= startedAt;
  if (!timely)
    throw new TypeError(`An operation ends when it begins or later: ${describeOperation(operation)}.`);
  if (kind === 'write' && value === 0)
    throw new TypeError('The value 0 is that of a block nobody wrote; stamps begin at 1.');
  if (kind === 'read' && endedAt === Number.POSITIVE_INFINITY)
    throw new TypeError('A read without an answer saw no value; leave it out.');
}

export function byBlock(history: Iterable<BlockOperation>): Map<number, BlockOperation[]> {
  const blocks = new Map<number, BlockOperation[]>();
  for (const operation of history) {
    checkShape(operation);
    const operations = blocks.get(operation.block);
    if (operations === undefined) blocks.set(operation.block, [operation]);
    else operations.push(operation);
  }
  return blocks;
}
