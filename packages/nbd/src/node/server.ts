import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { NbdClock } from '../clock.js';
import { NbdError } from '../errors.js';
import type { NbdServerOptions } from '../server/options.js';
import { NbdServer } from '../server/server.js';
import { inheritedSockets } from './activation.js';
import { systemClock } from './clock.js';
import { KEEP_ALIVE_MS } from './connect.js';
import { readingInto, ReceiveMemory } from './receive-memory.js';
import { SocketStream } from './socket-stream.js';

/** Options of `createNbdServer`: those of `NbdServer`, with the system's clock by default. */
export type NodeNbdServerOptions = Omit<NbdServerOptions, 'clock'> & {
  readonly clock?: NbdClock;
};

/** Keep-alive, because a host that vanished without a word would keep its place for ever. */
const LISTENER_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
};

/** Where to listen. */
export type NbdListenOptions =
  | {
      /** A Unix socket, made with mode 0600. A stale socket file is replaced, one in use is not. */
      readonly socketPath: string;
    }
  | {
      readonly host: string;
      /** 0 lets the system choose. The protocol's own port is 10809. */
      readonly port: number;
      /** Without required TLS, TCP is refused unless this says that the network is trusted. */
      readonly allowPlaintext?: boolean;
    }
  | {
      /** Sockets passed in by systemd (LISTEN_FDS). Whoever made them answers for who may connect. */
      readonly activation: 'systemd';
    };

/** Where a listener is. */
export type NbdListenAddress =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'inherited'; readonly fileDescriptor: number };

/** An NBD server with listening sockets. */
export class NodeNbdServer implements AsyncDisposable {
  readonly protocol: NbdServer;
  readonly #tls: 'none' | 'offered' | 'required';
  readonly #listeners = new Set<Server>();

  constructor(options: NodeNbdServerOptions) {
    this.#tls = options.tls === undefined ? 'none' : options.tls.required ? 'required' : 'offered';
    this.protocol = new NbdServer({
      clock: systemClock,
      allocate: (lengthBytes) => Buffer.allocUnsafeSlow(lengthBytes),
      defer: setImmediate,
      ...options,
    });
  }

  /** Listens on one more place; resolves once clients can connect. */
  async listen(where: NbdListenOptions): Promise<readonly NbdListenAddress[]> {
    if ('socketPath' in where) return [await this.#listenUnix(where.socketPath)];
    if ('activation' in where) return this.#listenInherited();
    if (this.#tls !== 'required' && where.allowPlaintext !== true) {
      throw new NbdError(
        'CONFIG',
        `refusing to listen on ${where.host}:${where.port} without TLS: give tls with required: true, or say allowPlaintext`,
      );
    }
    const server = this.#makeListener();
    await listening(server, () => server.listen({ host: where.host, port: where.port }));
    const address = server.address() as AddressInfo;
    return [{ kind: 'tcp', host: address.address, port: address.port }];
  }

  /** Stops listening, lets requests in progress finish, closes all connections. */
  async close(): Promise<void> {
    const closing = [...this.#listeners].map((listener) => closed(listener));
    this.#listeners.clear();
    await this.protocol.close();
    await Promise.all(closing);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listenUnix(socketPath: string): Promise<NbdListenAddress> {
    await removeStaleSocket(socketPath);
    const server = this.#makeListener();
    // The file must never be there with wider rights, not even for a moment.
    const before = process.umask(0o177);
    try {
      await listening(server, () => server.listen(socketPath));
    } finally {
      process.umask(before);
    }
    await chmod(socketPath, 0o600);
    return { kind: 'unix', socketPath };
  }

  async #listenInherited(): Promise<readonly NbdListenAddress[]> {
    const descriptors = inheritedSockets(process.env, process.pid);
    if (descriptors.length === 0) {
      throw new NbdError('CONFIG', 'no sockets were passed in: LISTEN_FDS is not set for this process');
    }
    const addresses: NbdListenAddress[] = [];
    for (const fileDescriptor of descriptors) {
      const server = this.#makeListener();
      await listening(server, () => server.listen({ fd: fileDescriptor }));
      addresses.push({ kind: 'inherited', fileDescriptor });
    }
    return addresses;
  }

  #makeListener(): Server {
    const plain = this.#tls === 'none';
    const server = createServer({ ...LISTENER_OPTIONS, pauseOnConnect: plain }, (socket) => {
      // TLS has memory of its own, whoever reads below it.
      this.protocol.accept(plain ? plainStream(socket) : new SocketStream(socket, remoteName(socket)));
    });
    this.#listeners.add(server);
    return server;
  }
}

/** A server that listens on Unix sockets, TCP with TLS, or sockets passed in by systemd. */
export function createNbdServer(options: NodeNbdServerOptions): NodeNbdServer {
  return new NodeNbdServer(options);
}

function plainStream(accepted: Socket): SocketStream {
  const memory = new ReceiveMemory();
  const remote = remoteName(accepted);
  const socket = readingInto(accepted, memory, (lengthBytes) => stream.received(lengthBytes));
  const stream = new SocketStream(socket, remote, socket, socket === accepted ? undefined : memory);
  socket.resume();
  return stream;
}

function remoteName(socket: Socket): string {
  return socket.remoteAddress === undefined ? 'unix' : `${socket.remoteAddress}:${String(socket.remotePort)}`;
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    start();
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

/** Removes a socket file that nobody listens on any more. */
async function removeStaleSocket(socketPath: string): Promise<void> {
  const found = await lstat(socketPath).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new NbdError('CONFIG', `${socketPath} exists and is not a socket`);
  const inUse = await new Promise<boolean>((resolve) => {
    const probe = connect(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
  if (inUse) throw new NbdError('CONFIG', `${socketPath} is in use by another server`);
  await unlink(socketPath);
}
