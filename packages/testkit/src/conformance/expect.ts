import { HoldfastError, type HoldfastErrorCode } from '@holdfast/core';

/** The adapter has broken a promise of its port. */
export class ConformanceFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConformanceFailure';
  }
}

/** The case asks for something that this adapter, or the fixture of its author, does not offer. */
export class NotApplicable extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'NotApplicable';
  }
}

export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new ConformanceFailure(otherwise);
}

/** @throws NotApplicable when the fixture leaves it out. */
export function needed<Way>(way: Way | undefined, reason: string): Way {
  if (way === undefined) throw new NotApplicable(reason);
  return way;
}

/** The call must reject, and not throw, with a HoldfastError of one of these codes. */
export async function refused(
  call: () => Promise<unknown>,
  codes: HoldfastErrorCode | readonly HoldfastErrorCode[],
  what: string,
): Promise<void> {
  const wanted = typeof codes === 'string' ? [codes] : codes;
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (error) {
    throw new ConformanceFailure(`${what} throws; a failure has to be a rejection: ${textOf(error)}`, {
      cause: error,
    });
  }
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason ?? 'nothing',
  );
  const said = wanted.join(' or ');
  check(error !== undefined, `${what} succeeds; it has to fail with ${said}`);
  const fits = HoldfastError.is(error) && wanted.includes(error.code);
  if (!fits)
    throw new ConformanceFailure(`${what} has to fail with ${said}, not: ${textOf(error)}`, { cause: error });
}

export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  check(
    actual.length === expected.length,
    `${what} has ${String(actual.length)} bytes, and ${String(expected.length)} were expected`,
  );
  const at = expected.findIndex((byte, index) => actual[index] !== byte);
  check(
    at < 0,
    `${what} differs first at byte ${String(at)}: ${String(actual[at])}, and ${String(expected[at])} was expected`,
  );
}

export function textOf(error: unknown): string {
  if (HoldfastError.is(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
