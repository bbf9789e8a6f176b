import {
  type Address,
  type ByteStream,
  type CallOptions,
  HoldfastError,
  type Listener,
  type Telemetry,
  type Transport,
  noTelemetry,
} from '@holdfast/core';
import { type Socket, connect as connectSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ParsedAddress, isLoopback, parseAddress } from './address.js';
import { mapSocketError } from './socket-errors.js';
import { listenOn } from './socket-listener.js';
import { ReceiveMemory } from './receive-memory.js';
import { SocketStream } from './socket-stream.js';
import { type LinkSecurity, checkSecurity, clientIdentity, clientSecurity } from './socket-security.js';
import type { TransportSettings } from './socket-settings.js';

export interface SocketTransportOptions {
  /** TLS 1.3 for `tcp:` addresses. Unix sockets go without: the file's mode guards them. */
  readonly security?: LinkSecurity;
  /** Lets `tcp:` go without TLS, to and from this machine only. */
  readonly allowPlaintextLoopback?: boolean;
  /** Bytes that may wait in a stream before `write` says false. Default 1 MiB. */
  readonly highWaterMarkBytes?: number;
  /** How long a client may take to prove who it is. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
  readonly telemetry?: Telemetry;
}

/**
 * Unix and TCP sockets. TCP goes with TLS 1.3, by certificates of both sides or by a pre-shared key.
 *
 * In TLS 1.3 a client has finished before the server has looked at its certificate: `connect` may succeed and the stream end or
 * close right after. With a pre-shared key `connect` itself fails.
 *
 * `destroy` resets plain TCP. A Unix socket knows no reset, and under TLS none can be sent safely: the other side may be told `end`
 * there, even in the middle of a message, so a protocol on top has to know the length of what it reads.
 *
 * @throws CONFIG_INVALID for a key that is too short.
 */
export function socketTransport(options: SocketTransportOptions = {}): Transport {
  if (options.security !== undefined) checkSecurity(options.security);
  const settings: TransportSettings = {
    security: options.security,
    allowPlaintextLoopback: options.allowPlaintextLoopback ?? false,
    highWaterMarkBytes: options.highWaterMarkBytes ?? 1024 * 1024,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
    telemetry: options.telemetry ?? noTelemetry,
  };
  return {
    connect: async (address, call) => connect(settings, address, call),
    listen: async (address, accepted): Promise<Listener> => {
      const parsed = parseAddress(address);
      const secured = securityFor(settings, address, parsed);
      return listenOn({ ...settings, security: secured }, address, parsed, accepted);
    },
  };
}

/** @throws CONFIG_INVALID where bytes would leave this machine unprotected. */
function securityFor(
  settings: TransportSettings,
  address: Address,
  parsed: ParsedAddress,
): LinkSecurity | undefined {
  if (parsed.kind === 'unix') return undefined;
  if (settings.security !== undefined) return settings.security;
  // The name is looked up later; whoever then turns out to be elsewhere is refused there.
  if (settings.allowPlaintextLoopback && (isLoopback(parsed.host) || parsed.host === 'localhost'))
    return undefined;
  throw new HoldfastError(
    'CONFIG_INVALID',
    `${address} would go in plain text. Give the transport its security, or use a unix: address.`,
  );
}

async function connect(
  settings: TransportSettings,
  address: Address,
  call: CallOptions = {},
): Promise<ByteStream> {
  const parsed = parseAddress(address);
  const security = securityFor(settings, address, parsed);
  const { signal, deadlineMs } = call;
  if (signal?.aborted === true) throw aborted(address, signal.reason);
  // TLS has memory of its own, whoever reads below it.
  const memory = security === undefined ? new ReceiveMemory() : undefined;
  let plain: SocketStream | undefined;
  const options = {
    allowHalfOpen: true,
    ...(memory && {
      onread: {
        buffer: memory.next,
        callback: (lengthBytes: number) => plain?.received(lengthBytes) ?? true,
      },
    }),
  };
  const carrier =
    parsed.kind === 'unix'
      ? connectSocket({ path: parsed.path, ...options })
      : connectSocket({ host: parsed.host, port: parsed.port, noDelay: true, ...options });
  // What comes before somebody listens stays in the system.
  if (memory !== undefined) carrier.pause();

  return new Promise((resolve, reject) => {
    const end = guard();
    const fail = (error: unknown): void => {
      end();
      carrier.destroy();
      reject(mapSocketError(error, address));
    };
    function guard(): () => void {
      const onAbort = (): void => fail(aborted(address, signal?.reason));
      signal?.addEventListener('abort', onAbort);
      const timer =
        deadlineMs === undefined ? undefined : setTimeout(() => fail(late(address, deadlineMs)), deadlineMs);
      return () => {
        signal?.removeEventListener('abort', onAbort);
        clearTimeout(timer);
      };
    }
    carrier.once('error', fail);
    carrier.once('connect', () => {
      if (security !== undefined) {
        secure(settings, security, address, carrier, fail, (stream) => {
          end();
          resolve(stream);
        });
      } else if (parsed.kind === 'tcp' && !isLoopback(carrier.remoteAddress ?? '')) {
        fail(
          new HoldfastError(
            'CONFIG_INVALID',
            `${address} is not on this machine and would go in plain text.`,
          ),
        );
      } else {
        end();
        carrier.off('error', fail);
        const { highWaterMarkBytes } = settings;
        plain = new SocketStream(carrier, { remote: address, highWaterMarkBytes, memory });
        resolve(plain);
      }
    });
  });
}

function secure(
  settings: TransportSettings,
  security: LinkSecurity,
  address: Address,
  carrier: Socket,
  fail: (error: unknown) => void,
  ready: (stream: ByteStream) => void,
): void {
  const parsed = parseAddress(address);
  const host = parsed.kind === 'tcp' ? parsed.host : '';
  // An address in numbers is compared with the certificate's addresses but is no server name (RFC 6066 section 3).
  const servername = /^[\d.]+$|:/.test(host) ? '' : host;
  const socket = connectTls({ socket: carrier, host, servername, ...clientSecurity(security) });
  const closed = (): void =>
    fail(Object.assign(new Error('closed during the handshake'), { code: 'ECONNRESET' }));
  socket.once('error', fail);
  socket.once('close', closed);
  socket.once('secureConnect', () => {
    socket.off('error', fail);
    socket.off('close', closed);
    // From here on the stream tells of errors; the same one below it has nobody else to tell.
    carrier.on('error', () => undefined);
    carrier.off('error', fail);
    const { highWaterMarkBytes } = settings;
    const identity = clientIdentity(socket, security);
    ready(new SocketStream(socket, { remote: address, identity, highWaterMarkBytes }));
  });
}

function aborted(address: Address, reason: unknown): HoldfastError {
  return new HoldfastError('ABORTED', `Connecting to ${address} was aborted.`, { cause: reason });
}

function late(address: Address, deadlineMs: number): HoldfastError {
  return new HoldfastError(
    'DEADLINE_EXCEEDED',
    `Connecting to ${address} took longer than ${String(deadlineMs)} ms.`,
    {
      retryable: true,
    },
  );
}
