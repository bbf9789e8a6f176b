import { type BlockOperation, type BlockViolation, describeOperation } from './history.js';

/** States of the search after which it gives up. */
const DEFAULT_MAX_STATES = 1_000_000;

/**
 * The same question as `checkZones`, answered by trying: which operation could have been next, and after that? It takes values that
 * were written more than once, and exponential time in the worst case. After Wing and Gong, "Testing and Verifying Concurrent
 * Objects", 1993, with Lowe's memory of states that led nowhere.
 *
 * @throws TypeError when it would need more than `maxStates` states.
 */
export function checkBySearch(
  block: number,
  operations: readonly BlockOperation[],
  maxStates = DEFAULT_MAX_STATES,
): BlockViolation | undefined {
  const sorted = [...operations].sort((a, b) => a.startedAt - b.startedAt);
  const search = new Search(sorted, maxStates);
  if (search.possible()) return undefined;
  return {
    block,
    reason: `no order of these is one of a register: ${sorted.slice(0, 20).map(describeOperation).join('; ')}`,
    operations: sorted,
  };
}

class Search {
  private readonly operations: readonly BlockOperation[];
  private readonly done: boolean[];
  private readonly dead = new Set<string>();
  private readonly maxStates: number;

  constructor(operations: readonly BlockOperation[], maxStates: number) {
    this.operations = operations;
    this.done = operations.map(() => false);
    this.maxStates = maxStates;
  }

  possible(value = 0): boolean {
    let earliestEnd = Number.POSITIVE_INFINITY;
    this.operations.forEach(({ endedAt }, index) => {
      if (this.done[index] !== true) earliestEnd = Math.min(earliestEnd, endedAt);
    });
    // What is left has no answer and need not have happened.
    if (earliestEnd === Number.POSITIVE_INFINITY) return true;
    const key = `${String(value)}:${this.done.map((done) => (done ? '1' : '0')).join('')}`;
    if (this.dead.has(key)) return false;
    for (const [index, operation] of this.operations.entries()) {
      // Only one that began before, or just when, the first of the others ended can be next.
      if (this.done[index] === true || operation.startedAt > earliestEnd) continue;
      if (operation.kind === 'read' && operation.value !== value) continue;
      this.done[index] = true;
      if (this.possible(operation.value)) return true;
      this.done[index] = false;
    }
    if (this.dead.size >= this.maxStates)
      throw new TypeError(`Not decided after ${String(this.maxStates)} states.`);
    this.dead.add(key);
    return false;
  }
}
