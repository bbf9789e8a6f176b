/**
 * One linearizable register as the set of everything it may be: pairs of a value and of the writes that have taken effect. A read or an
 * answer rules some of them out; when none is left, no order of the operations explains what was seen. Exact, for up to three writes.
 */
export class Register {
  private static readonly values = 4;
  /** Value 0, and no write has taken effect. */
  static readonly fresh = 1;

  private static place(value: number, effects: number): number {
    return effects * Register.values + value;
  }

  /** Any of the writes that are under way may take effect at any time. */
  private static closed(states: number, underWay: readonly number[]): number {
    let all = states;
    for (let before = 0; before !== all;) {
      before = all;
      for (let effects = 0; effects < 8; effects += 1) {
        for (let value = 0; value < Register.values; value += 1) {
          if ((all & (1 << Register.place(value, effects))) === 0) continue;
          for (const write of underWay) {
            const bit = 1 << (write - 1);
            if ((effects & bit) === 0) all |= 1 << Register.place(write, effects | bit);
          }
        }
      }
    }
    return all;
  }

  /** After a read that returned `value`; 0 when that cannot be. */
  static read(states: number, value: number, underWay: readonly number[]): number {
    return Register.keep(Register.closed(states, underWay), (seen) => seen === value);
  }

  /** After the answer to write number `write`; 0 when that cannot be. */
  static acknowledged(states: number, write: number, underWay: readonly number[]): number {
    const bit = 1 << (write - 1);
    return Register.keep(Register.closed(states, underWay), (_value, effects) => (effects & bit) !== 0);
  }

  private static keep(states: number, holds: (value: number, effects: number) => boolean): number {
    let left = 0;
    for (let effects = 0; effects < 8; effects += 1) {
      for (let value = 0; value < Register.values; value += 1) {
        const place = 1 << Register.place(value, effects);
        if ((states & place) !== 0 && holds(value, effects)) left |= place;
      }
    }
    return left;
  }
}
