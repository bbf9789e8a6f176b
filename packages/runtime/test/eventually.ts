import { expect } from 'vitest';

/** Waits for what real sockets and disks do in their own time, also on a busy machine. */
export function eventually<Value>(value: () => Value): ReturnType<typeof expect.poll<Awaited<Value>>> {
  return expect.poll<Awaited<Value>>(value as () => Awaited<Value>, { timeout: 15_000, interval: 5 });
}
