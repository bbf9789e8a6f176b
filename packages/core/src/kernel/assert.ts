import { InvariantError } from '../errors/index.js';

/** Stops at once when a rule of the program itself is broken. On in production: a wrong node must not go on. */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new InvariantError(rule);
}

/** Closes a switch over a union: a new member that nobody handles is a compile error, and a run-time one from foreign data. */
export function unreachable(value: never, where: string): never {
  throw new InvariantError(`${where} cannot handle ${JSON.stringify(value)}`);
}
