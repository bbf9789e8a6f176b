/**
 * One linearizable register as the set of everything it may be: pairs of a value and of the writes that have taken effect. A read or an
 * answer rules some of them out; when none is left, no order of the operations explains what was seen. Exact, for up to three writes.
 */
export const Register = {
  /** Value 0, and no write has taken effect. */
  fresh: 1,

  /** After a read that returned `value`; 0 when that cannot be. */
  read: (states: number, value: number, underWay: readonly number[]): number =>
    keep(closed(states, underWay), (seen) => seen === value),

  /** After the answer to write number `write`; 0 when that cannot be. */
  acknowledged: (states: number, write: number, underWay: readonly number[]): number =>
    keep(closed(states, underWay), (_value, effects) => (effects & (1 << (write - 1))) !== 0),
};

/** Values, and sets of writes that have taken effect: with three writes, a pair fits into 32 bits. */
const values = 4;
const effectSets = 8;

function place(value: number, effects: number): number {
  return 1 << (effects * values + value);
}

/** Any of the writes that are under way may take effect at any time. */
function closed(states: number, underWay: readonly number[]): number {
  let all = states;
  for (let before = 0; before !== all;) {
    before = all;
    for (const write of underWay) all |= withEffect(all, write);
  }
  return all;
}

function withEffect(states: number, write: number): number {
  const bit = 1 << (write - 1);
  let added = 0;
  for (let effects = 0; effects < effectSets; effects += 1) {
    if ((effects & bit) !== 0) continue;
    for (let value = 0; value < values; value += 1)
      if ((states & place(value, effects)) !== 0) added |= place(write, effects | bit);
  }
  return added;
}

function keep(states: number, holds: (value: number, effects: number) => boolean): number {
  let left = 0;
  for (let effects = 0; effects < effectSets; effects += 1) {
    for (let value = 0; value < values; value += 1)
      if ((states & place(value, effects)) !== 0 && holds(value, effects)) left |= place(value, effects);
  }
  return left;
}
