import type { Socket } from 'node:net';

interface Entry {
  readonly socket: Socket;
  proven: boolean;
  requests: number;
}

/**
 * A bounded set of connections. When it is full, a new one takes the place of the one that has been idle longest, first among
 * those that have not proved who they are: members must get in while strangers hold sockets open.
 */
export class Connections {
  /** In the order of last use. */
  private readonly entries = new Map<string | Socket, Entry>();
  private closing = false;

  constructor(private readonly connectionsMax: number) {}

  get size(): number {
    return this.entries.size;
  }

  /** False: every connection is busy, and this one was dropped. `proven`: nothing has to be proved here. */
  admit(socket: Socket, proven: boolean): boolean {
    if (this.entries.size >= this.connectionsMax && !this.evict()) {
      socket.destroy();
      return false;
    }
    const key = keyOf(socket);
    this.entries.set(key, { socket, proven, requests: 0 });
    socket.once('close', () => {
      if (this.entries.get(key)?.socket === socket) this.entries.delete(key);
    });
    return true;
  }

  prove(socket: Socket): void {
    const entry = this.entries.get(keyOf(socket));
    if (entry !== undefined) entry.proven = true;
  }

  /** Call when a request begins on it, and the result when that request has ended. */
  use(socket: Socket): () => void {
    const key = keyOf(socket);
    const entry = this.entries.get(key);
    if (entry === undefined) return () => undefined;
    entry.requests += 1;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return () => {
      entry.requests -= 1;
      if (this.closing && entry.requests === 0) entry.socket.end();
    };
  }

  /** Lets go of those without a request now, and of the others when theirs has been answered. */
  close(): void {
    this.closing = true;
    for (const { socket, requests } of this.entries.values()) if (requests === 0) socket.destroy();
  }

  destroyAll(): void {
    for (const { socket } of this.entries.values()) socket.destroy();
  }

  private evict(): boolean {
    const idle = [...this.entries.entries()].filter(([, entry]) => entry.requests === 0);
    const [key, entry] = idle.find(([, candidate]) => !candidate.proven) ?? idle[0] ?? [];
    if (key === undefined || entry === undefined) return false;
    this.entries.delete(key);
    entry.socket.destroy();
    return true;
  }
}

/** A TLS socket does not show the one that carries it; both show the same remote end, which no other connection has. */
function keyOf(socket: Socket): string | Socket {
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined || remotePort === undefined ? socket : `${remoteAddress} ${remotePort}`;
}
