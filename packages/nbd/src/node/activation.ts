import { NbdError } from '../errors.js';

/** The first inherited socket, by the convention of systemd. */
const FIRST_FILE_DESCRIPTOR = 3;

/** The environment variables that say which sockets were inherited. */
export interface ActivationEnvironment {
  readonly LISTEN_FDS?: string | undefined;
  readonly LISTEN_PID?: string | undefined;
}

/**
 * File descriptors of listening sockets that the starter of this process (systemd, or a test tool) has opened for it.
 * Empty when there are none or when they are meant for another process. Throws `CONFIG` for nonsense.
 */
export function inheritedSockets(environment: ActivationEnvironment, processId: number): readonly number[] {
  const { LISTEN_FDS: count, LISTEN_PID: owner } = environment;
  if (count === undefined || owner === undefined) return [];
  if (!/^[0-9]{1,9}$/.test(count) || !/^[0-9]{1,9}$/.test(owner)) {
    throw new NbdError('CONFIG', `LISTEN_FDS=${count} and LISTEN_PID=${owner} must be whole numbers`);
  }
  if (Number(owner) !== processId) return [];
  return Array.from({ length: Number(count) }, (_, index) => FIRST_FILE_DESCRIPTOR + index);
}
