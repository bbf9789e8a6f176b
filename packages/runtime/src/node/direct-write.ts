import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Hands bytes to the system at once, past the machinery of streams, which costs as much as the system call itself. It takes nothing while the
 * socket has bytes of its own to send, below TLS, and where a release of Node.js does not let us at the descriptor.
 *
 * @returns how many bytes the system has taken: all, some, or none. What is left, and every error, is for the socket.
 */
export function writeDirectly(socket: Socket, chunk: Uint8Array): number {
  if (socket instanceof TLSSocket || socket.connecting || socket.writableLength > 0) return 0;
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: unknown } | null };
  const descriptor = handle?.fd;
  if (typeof descriptor !== 'number' || descriptor < 0) return 0;
  try {
    // The descriptor of a socket never blocks: a full one says so.
    return writeSync(descriptor, chunk);
  } catch {
    return 0;
  }
}
