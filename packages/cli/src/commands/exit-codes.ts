import { HoldfastError } from '@holdfast/core';

/** Exit codes of the command. They are a contract. */
export const exitCodes = {
  ok: 0,
  /** What was asked for failed, or was refused. */
  failed: 1,
  /** Wrong use of the command, or a mistake in the configuration. Nothing was done. */
  usage: 2,
  /** A node or the witness could not be reached. */
  unreachable: 3,
  /** The demonstration ran, and a claim of it did not hold. */
  claimFailed: 4,
  /** The demonstration was stopped, or a second signal came before everything was closed in order. */
  interrupted: 130,
} as const;

export function exitCodeOf(error: unknown): number {
  if (HoldfastError.is(error, 'CONFIG_INVALID') || HoldfastError.is(error, 'OPTIONS_INVALID'))
    return exitCodes.usage;
  if (HoldfastError.is(error, 'UNREACHABLE') || HoldfastError.is(error, 'DEADLINE_EXCEEDED'))
    return exitCodes.unreachable;
  return exitCodes.failed;
}
