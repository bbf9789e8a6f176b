import { type Address, type ByteStream, HoldfastError, type Listener } from '@holdfast/core';
import { chmodSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type ParsedAddress, formatTcp, isLoopback } from './address.js';
import { codeOf, mapSocketError } from './socket-errors.js';
import { serverSecurity } from './socket-security.js';
import { readingInto, ReceiveMemory } from './receive-memory.js';
import { SocketStream } from './socket-stream.js';
import type { TransportSettings } from './socket-settings.js';

/** Connections that have not proved who they are, per listener. More are turned away: each costs memory. */
const MAX_HANDSHAKES = 256;

/**
 * Listens, on a Unix socket with mode 0600 or on TCP. A socket file that nobody listens behind is removed.
 *
 * @throws ALREADY_OPEN when somebody listens there; CONFIG_INVALID, NOT_AUTHORIZED, IO_FAILED.
 */
export async function listenOn(
  settings: TransportSettings,
  address: Address,
  parsed: ParsedAddress,
  accepted: (stream: ByteStream) => void,
): Promise<Listener> {
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    pauseOnConnect: settings.security === undefined,
  });
  server.on('connection', acceptor(settings, address, server, accepted));
  try {
    await start(server, parsed);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw mapSocketError(error, address);
    if (parsed.kind === 'tcp' || !(await removeStale(parsed.path))) throw alreadyOpen(address, error);
    await start(server, parsed);
  }
  const bound = server.address();
  if (parsed.kind === 'tcp' && typeof bound === 'object' && bound !== null) {
    if (settings.security === undefined && !isLoopback(bound.address)) {
      server.close();
      throw new HoldfastError(
        'CONFIG_INVALID',
        `${address} is reachable from elsewhere and would go in plain text.`,
      );
    }
  }
  return {
    address: typeof bound === 'object' && bound !== null ? formatTcp(bound.address, bound.port) : address,
    // The server's own end would wait for its streams, and those live on; it stops listening in this call.
    [Symbol.asyncDispose]: async () => {
      if (server.listening) server.close();
    },
  };
}

function acceptor(
  settings: TransportSettings,
  address: Address,
  server: Server,
  accepted: (stream: ByteStream) => void,
): (carrier: Socket) => void {
  const { security, highWaterMarkBytes, telemetry } = settings;
  let clients = 0;
  const nameOf = (carrier: Socket): string => {
    clients += 1;
    const { remoteAddress, remotePort } = carrier;
    return remoteAddress === undefined
      ? `${address}#${String(clients)}`
      : formatTcp(remoteAddress, remotePort ?? 0);
  };
  if (security === undefined) {
    return (carrier) => {
      const remote = nameOf(carrier);
      const memory = new ReceiveMemory();
      const socket = readingInto(carrier, memory, (lengthBytes) => stream.received(lengthBytes));
      const owned = socket === carrier ? undefined : memory;
      const stream = new SocketStream(socket, { remote, highWaterMarkBytes, memory: owned });
      accepted(stream);
    };
  }

  const proof = serverSecurity(security, settings.handshakeTimeoutMs);
  const tls = createTlsServer({ ...proof.options, allowHalfOpen: true });
  let handshakes = 0;
  tls.on('secureConnection', (socket) => {
    handshakes -= 1;
    const remote = formatTcp(socket.remoteAddress ?? 'gone', socket.remotePort ?? 0);
    const identity = proof.identify(socket);
    if (identity !== undefined && server.listening) {
      accepted(new SocketStream(socket, { remote, identity, highWaterMarkBytes }));
      return;
    }
    if (identity === undefined) {
      telemetry.emit({ kind: 'stream-refused', remote, error: 'the peer is none of those expected' });
    }
    socket.destroy();
  });
  tls.on('tlsClientError', (error, socket) => {
    handshakes -= 1;
    // A certificate that does not count ends the socket without a word; the reason stays with it, the remote end does not.
    const reason: unknown = socket.authorizationError;
    telemetry.emit({
      kind: 'stream-refused',
      remote: socket.remoteAddress ?? 'somebody who is gone',
      error: reason ?? error,
    });
    socket.destroy();
  });
  return (carrier) => {
    if (handshakes >= MAX_HANDSHAKES) {
      const error = `${String(MAX_HANDSHAKES)} handshakes are under way`;
      telemetry.emit({ kind: 'stream-refused', remote: nameOf(carrier), error });
      carrier.on('error', () => undefined);
      carrier.resetAndDestroy();
      return;
    }
    handshakes += 1;
    carrier.on('error', () => undefined);
    tls.emit('connection', carrier);
  };
}

async function start(server: Server, parsed: ParsedAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const listening = (): void => {
      server.off('error', reject);
      resolve();
    };
    if (parsed.kind === 'unix')
      withPrivateMode(parsed.path, () => server.listen({ path: parsed.path }, listening));
    else server.listen({ host: parsed.host, port: parsed.port }, listening);
  });
}

/** Binding happens inside the call to listen, so the file is never there with another mode, not even for a moment. */
function withPrivateMode(path: string, listen: () => Server): void {
  let previous: number | undefined;
  try {
    previous = process.umask(0o177);
  } catch {
    // A worker thread may read the mask but not set it; there the mode follows right after.
  }
  let server: Server;
  try {
    server = listen();
  } finally {
    if (previous !== undefined) process.umask(previous);
  }
  if (server.listening) chmodSync(path, 0o600);
}

/** A process that was killed leaves its socket file behind. True: it is gone now. */
async function removeStale(path: string): Promise<boolean> {
  const standing = await lstat(path).catch(() => undefined);
  if (standing === undefined) return true;
  if (!standing.isSocket()) return false;
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    const tell = (answer: boolean): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.once('connect', () => tell(true));
    probe.once('error', (error) => tell(codeOf(error) !== 'ECONNREFUSED'));
  });
  if (answered) return false;
  await unlink(path).catch(() => undefined);
  return true;
}

function alreadyOpen(address: Address, cause: unknown): HoldfastError {
  return new HoldfastError(
    'ALREADY_OPEN',
    `Somebody listens on ${address}, or a file stands there. Stop it or choose another address.`,
    {
      cause,
    },
  );
}
