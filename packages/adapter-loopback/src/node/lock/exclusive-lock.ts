import { HoldfastError } from '@holdfast/core';
import type { BigIntStats } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';

/** Held until it is disposed or the process is gone. */
export interface ExclusiveLock {
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * One holder per file on this machine. The lock is an abstract Unix socket named after the file's identity (device and inode,
 * or the device number of a block device), so other names of the same file are the same lock. The kernel gives it back when
 * the last thread of the holder is gone, that is, after its last system call on the file; nothing is left behind by a crash.
 *
 * Its limits: it holds within one network namespace of one Linux machine. Two containers with networks of their own, or two
 * machines on a shared file system, do not see each other's lock.
 */
export async function lockExclusively(what: string, stats: BigIntStats): Promise<ExclusiveLock> {
  if (process.platform !== 'linux') {
    throw new HoldfastError(
      'NOT_SUPPORTED',
      `No lock for ${what} on ${process.platform}: it needs the abstract sockets of Linux. Run it in a Linux machine or container.`,
    );
  }
  const identity = stats.isBlockDevice() ? `block-${stats.rdev}` : `file-${stats.dev}-${stats.ino}`;
  const address = `\0holdfast-lock-${identity}`;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    // Whoever is refused wants to know by whom.
    socket.end(String(process.pid));
  });
  try {
    await listen(server, address);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    const holder = await askHolder(address);
    throw new HoldfastError(
      'ALREADY_OPEN',
      `${what} is open already, ${holder}. Two writers would destroy it: end the other one first.`,
      { cause: error },
    );
  }
  server.unref();
  return {
    [Symbol.asyncDispose]: () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
      }),
  };
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((listening, failed) => {
    server.once('error', failed);
    // Exclusive: the members of a cluster would otherwise share one socket, and all of them hold the lock.
    server.listen({ path: address, exclusive: true }, () => {
      server.removeListener('error', failed);
      listening();
    });
  });
}

/** A stopped holder does not answer; then its number stays unknown. */
function askHolder(address: string): Promise<string> {
  return new Promise((answered) => {
    let text = '';
    const socket = connect(address);
    const finish = (): void => {
      socket.destroy();
      const processId = Number(text);
      if (!(processId > 0)) answered('by a process that does not answer');
      else answered(processId === process.pid ? 'by this very process' : `by process ${processId}`);
    };
    socket.setTimeout(500, finish);
    socket.on('error', finish);
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('end', finish);
  });
}
