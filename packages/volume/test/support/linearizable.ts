/** A read or write of one block, from its call to its answer. A write that was never answered ends at infinity. */
export interface BlockOperation {
  readonly kind: 'read' | 'write';
  /** Stamp written, or seen. */
  readonly value: number;
  readonly calledAt: number;
  readonly answeredAt: number;
}

/**
 * Whether the operations of one block can be put in a row in which each lies between its call and its answer, and every read sees
 * the write before it. A search with memory: good for some dozens of operations that overlap.
 */
export function isLinearizable(operations: readonly BlockOperation[], initialValue = 0): boolean {
  const sorted = [...operations].sort((a, b) => a.calledAt - b.calledAt);
  const seen = new Set<string>();
  const done = new Array<boolean>(sorted.length).fill(false);

  function search(first: number, value: number): boolean {
    while (done[first] === true) first++;
    if (sorted.every((operation, index) => done[index] === true || operation.answeredAt === Infinity))
      return true;
    const key = `${value}:${first}:${doneAfter(first)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    const earliestAnswer = earliest(first);
    for (let index = first; index < sorted.length; index++) {
      const operation = sorted[index];
      if (operation === undefined || done[index] === true) continue;
      // Everything later was called after somebody here had the answer: it cannot come first.
      if (operation.calledAt > earliestAnswer) break;
      if (operation.kind === 'read' && operation.value !== value) continue;
      done[index] = true;
      if (search(first, operation.kind === 'write' ? operation.value : value)) return true;
      done[index] = false;
    }
    return false;
  }

  function earliest(first: number): number {
    let answer = Infinity;
    for (let index = first; index < sorted.length; index++) {
      const operation = sorted[index];
      if (operation !== undefined && done[index] !== true && operation.answeredAt < answer)
        answer = operation.answeredAt;
    }
    return answer;
  }

  function doneAfter(first: number): string {
    let marks = '';
    for (let index = first; index < sorted.length; index++) if (done[index] === true) marks += `${index},`;
    return marks;
  }

  return search(0, initialValue);
}
