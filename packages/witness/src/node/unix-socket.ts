import { HoldfastError } from '@holdfast/core';
import { randomBytes } from 'node:crypto';
import { chmod, rename, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { socketPathBytesMax } from './address.js';

/**
 * Makes a server listen at `path`, for this user only. The socket is made under a name nobody knows, closed to others, and then
 * takes its place: there is no moment at which anybody else could connect, and what a dead witness left behind is replaced.
 * Gives back what removes the socket again; call it when the server is closed.
 * @throws HoldfastError ALREADY_OPEN, CONFIG_INVALID, IO_FAILED
 */
export async function listenPrivately(server: Server, path: string): Promise<() => Promise<void>> {
  const hidden = `${path}.${randomBytes(4).toString('hex')}`;
  const lengthBytes = new TextEncoder().encode(hidden).length;
  if (lengthBytes > socketPathBytesMax) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `The socket path ${path} is too long: with 9 characters more it has ${lengthBytes} bytes, the system takes ${socketPathBytesMax}. Choose a shorter folder.`,
    );
  }
  if (await isAnswered(path)) {
    throw new HoldfastError('ALREADY_OPEN', `Somebody listens at ${path} already. Stop that one first.`);
  }
  try {
    await listening(server, hidden);
    await chmod(hidden, 0o600);
    await rename(hidden, path);
  } catch (error) {
    server.close();
    await unlink(hidden).catch(() => undefined);
    const said = error instanceof Error ? error.message : 'unknown cause';
    throw new HoldfastError('IO_FAILED', `Cannot listen at ${path}: ${said}. Check the folder.`, {
      cause: error,
    });
  }
  return async () => {
    await unlink(path).catch(() => undefined);
  };
}

async function listening(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
