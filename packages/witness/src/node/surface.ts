import { type Address, HoldfastError, type Telemetry } from '@holdfast/core';
import { createAdaptorServer } from '@hono/node-server';
import { createServer as createPlainServer, type IncomingMessage, Server as PlainServer } from 'node:http';
import { createServer as createSecureServer, Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { RequestError } from '../http/api.js';
import type { App, Caller } from '../http/app.js';
import { emit } from '../service/events.js';
import { checkPlainText, formatTcp, parseAddress, type Place } from './address.js';
import { Connections } from './connections.js';
import { isSameSecret, peerName, type Role, secureOptions, type WitnessTls } from './tls.js';
import { listenPrivately } from './unix-socket.js';

/** One place to listen at, and what a caller has to prove there. */
export interface SurfaceOptions {
  /** `unix:/path/to/socket` (mode 0600) or `tcp:host:port`; port 0 takes a free one. */
  readonly listen: Address;
  /** Required on TCP. Callers must show a certificate that names them: `holdfast://{clusterId}/node/{nodeId}`. */
  readonly tls?: WitnessTls;
  /** Plain TCP on 127.0.0.1 or [::1]: every user of this machine may then speak for every node. */
  readonly insecureLoopback?: boolean;
  /** When given, every request must carry it as `authorization: Bearer ...`. */
  readonly bearerToken?: string;
}

export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly requestDeadlineMs: number;
  readonly handshakeDeadlineMs: number;
  readonly idleConnectionMs: number;
}

export interface Surface {
  readonly address: Address;
  /** Handshakes from now on show this certificate; connections that stand are not touched. */
  renewCertificate(tls: WitnessTls): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface SurfaceBindings {
  readonly incoming: IncomingMessage;
}

/** @throws HoldfastError CONFIG_INVALID, before anything is opened. */
export function checkSurface(options: SurfaceOptions, clusterId: string | undefined): Place {
  const place = parseAddress(options.listen);
  checkPlainText(options.listen, place, options.tls !== undefined, options.insecureLoopback === true);
  if (options.tls !== undefined && place.kind === 'unix') {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `${options.listen} is private already. Leave out tls, or listen on TCP.`,
    );
  }
  if (options.tls !== undefined && clusterId === undefined) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      'With tls, clusterId says whose certificates count. Give clusterId.',
    );
  }
  if (options.bearerToken !== undefined && options.bearerToken.length < 16) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      'bearerToken is shorter than 16 characters. Draw one at random.',
    );
  }
  return place;
}

/** @throws RequestError 401 */
export function callerOf(
  { incoming }: SurfaceBindings,
  authorization: string | undefined,
  options: SurfaceOptions,
): Caller {
  if (options.bearerToken !== undefined) {
    const found = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
    if (!isSameSecret(found, options.bearerToken)) {
      throw new RequestError(
        401,
        'NOT_AUTHORIZED',
        'The bearer token is missing or another one. Check it on both sides.',
      );
    }
  }
  const { socket } = incoming;
  if (!(socket instanceof TLSSocket)) return { name: options.listen };
  const name = peerName(socket);
  if (name === undefined) throw new RequestError(401, 'NOT_AUTHORIZED', 'The certificate names nobody.');
  return { name: `${name.role} ${name.id}`, ...(name.role === 'node' ? { nodeId: name.id } : {}) };
}

export async function openSurface(
  options: SurfaceOptions,
  place: Place,
  role: Role,
  clusterId: string | undefined,
  limits: ConnectionLimits,
  app: App<SurfaceBindings>,
  telemetry: Telemetry,
): Promise<Surface> {
  const connections = new Connections(limits.connectionsMax);
  const server = serverFor(options, limits, app);
  const refused = (socket: Socket, detail: string): void => {
    emit(telemetry, { kind: 'witness-connection-refused', from: remoteOf(socket), detail });
  };
  const isSecure = server instanceof SecureServer;
  // Before the server's own listeners: nothing of a connection is read that was not let in.
  server.prependListener('connection', (socket: Socket) => {
    if (!connections.admit(socket, !isSecure)) refused(socket, 'all connections are busy');
  });
  if (isSecure) {
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      const name = peerName(socket);
      if (name?.clusterId === clusterId && name?.role === role) {
        connections.prove(socket);
        return;
      }
      socket.destroy();
      const found = name === undefined ? 'no name of ours' : `${name.clusterId}/${name.role}/${name.id}`;
      refused(
        socket,
        `the certificate carries ${found}, and only ${String(clusterId)}/${role}/... is served here`,
      );
    });
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      // A certificate that does not count ends the socket without a word; the reason stays with it.
      const reason: unknown = socket.authorizationError;
      refused(socket, `the handshake failed: ${typeof reason === 'string' ? reason : error.message}`);
    });
  }
  server.prependListener('request', (request, response) => {
    response.once('close', connections.use(request.socket));
  });

  const removed = await listen(server, options.listen, place);
  const bound = server.address();
  return {
    address:
      typeof bound === 'object' && bound !== null ? formatTcp(bound.address, bound.port) : options.listen,
    renewCertificate: (tls) => {
      if (server instanceof SecureServer) server.setSecureContext(secureOptions(tls));
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Answers under way still leave; who is only connected is let go of.
      connections.close();
      const last = setTimeout(() => connections.destroyAll(), limits.requestDeadlineMs);
      await closed;
      clearTimeout(last);
      connections.destroyAll();
      await removed();
    },
  };
}

function serverFor(
  options: SurfaceOptions,
  limits: ConnectionLimits,
  app: App<SurfaceBindings>,
): PlainServer | SecureServer {
  const timing = {
    requestTimeout: limits.requestDeadlineMs,
    headersTimeout: limits.requestDeadlineMs,
    keepAliveTimeout: limits.idleConnectionMs,
    connectionsCheckingInterval: Math.min(1_000, limits.requestDeadlineMs),
    maxHeaderSize: 8 * 1024,
  };
  const fetch = async (request: Request, bindings: object): Promise<Response> => {
    if (!('incoming' in bindings)) throw new TypeError('The server gave no request.');
    return app(request, bindings as SurfaceBindings);
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createAdaptorServer({
          fetch,
          overrideGlobalObjects: false,
          createServer: createPlainServer,
          serverOptions: timing,
        })
      : createAdaptorServer({
          fetch,
          overrideGlobalObjects: false,
          createServer: createSecureServer,
          serverOptions: {
            ...timing,
            ...secureOptions(tls),
            requestCert: true,
            handshakeTimeout: limits.handshakeDeadlineMs,
          },
        });
  if (server instanceof PlainServer || server instanceof SecureServer) return server;
  throw new TypeError('The server is neither HTTP nor HTTPS.');
}

async function listen(
  server: PlainServer | SecureServer,
  address: Address,
  place: Place,
): Promise<() => Promise<void>> {
  if (place.kind === 'unix') return listenPrivately(server, place.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error & { readonly code?: string }) => {
      const code = error.code === 'EADDRINUSE' ? 'ALREADY_OPEN' : 'IO_FAILED';
      reject(
        new HoldfastError(code, `Cannot listen at ${address}: ${error.message}. Choose another address.`, {
          cause: error,
        }),
      );
    });
    server.listen({ host: place.host, port: place.port }, resolve);
  });
  server.removeAllListeners('error');
  return async () => undefined;
}

function remoteOf(socket: Socket): string {
  if (socket.remoteAddress !== undefined) return formatTcp(socket.remoteAddress, socket.remotePort ?? 0);
  return socket.destroyed ? 'somebody who is gone' : 'a local process';
}
