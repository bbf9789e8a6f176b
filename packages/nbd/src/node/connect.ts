import { connect as connectSocket, type OnReadOpts, type Socket } from 'node:net';
import { NbdClient } from '../client/client.js';
import { listExports } from '../client/negotiate.js';
import type { NbdClientOptions } from '../client/options.js';
import type { NbdListedExport } from '../client/types.js';
import type { NbdClock } from '../clock.js';
import { NbdError } from '../errors.js';
import { systemClock } from './clock.js';
import { SocketStream } from './socket-stream.js';

/** Where a server is. */
export type NbdAddress =
  | { readonly socketPath: string }
  | {
      readonly host: string;
      /** Default 10809. */
      readonly port?: number;
    };

/** Options of `connectNbd`: those of `NbdClient.connect`, with the system's clock by default. */
export type NodeNbdClientOptions = Omit<NbdClientOptions, 'clock'> & { readonly clock?: NbdClock };

const NBD_PORT = 10809;
/** Silence on a TCP connection after which the system asks whether the other side is still there. */
export const KEEP_ALIVE_MS = 15_000;
const TCP_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
const RECEIVE_BUFFER_BYTES = 64 * 1024;
const DEFAULT_CONNECT_DEADLINE_MS = 10_000;

/** Connects to a server and opens an export. */
export async function connectNbd(
  address: NbdAddress,
  options: NodeNbdClientOptions = {},
): Promise<NbdClient> {
  const stream = await openSocket(address, options);
  return NbdClient.connect(stream, withDefaults(options));
}

/** The exports that a server tells about. */
export async function listNbdExports(
  address: NbdAddress,
  options: NodeNbdClientOptions = {},
): Promise<readonly NbdListedExport[]> {
  const stream = await openSocket(address, options);
  return listExports(stream, withDefaults(options));
}

function withDefaults(options: NodeNbdClientOptions): NbdClientOptions {
  return {
    clock: systemClock,
    allocate: (lengthBytes) => Buffer.allocUnsafeSlow(lengthBytes),
    ...options,
  };
}

function openSocket(address: NbdAddress, options: NodeNbdClientOptions): Promise<SocketStream> {
  const { signal } = options;
  const name = 'socketPath' in address ? address.socketPath : `${address.host}:${address.port ?? NBD_PORT}`;
  const deadlineMs = options.limits?.handshakeDeadlineMs ?? DEFAULT_CONNECT_DEADLINE_MS;
  return new Promise((resolve, reject) => {
    let stream: SocketStream | undefined;
    const socket = makeSocket(address, options.tls === undefined, (bytes) => {
      stream?.feed(bytes);
    });
    const settle = (act: () => void): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      act();
    };
    const refuse = (error: NbdError): void => {
      settle(() => {
        socket.destroy();
        reject(error);
      });
    };
    const onError = (error: Error): void => {
      refuse(new NbdError('DISCONNECTED', `cannot connect to ${name}: ${error.message}`, { cause: error }));
    };
    const onAbort = (): void => {
      refuse(new NbdError('ABORTED', `connecting to ${name} was aborted`, { cause: signal?.reason }));
    };
    const timer = (options.clock ?? systemClock).setTimer(deadlineMs, () => {
      refuse(new NbdError('DEADLINE', `connecting to ${name} took more than ${deadlineMs} ms`));
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('connect', () => {
      settle(() => {
        stream = new SocketStream(socket, name);
        resolve(stream);
      });
    });
    if (signal?.aborted === true) onAbort();
  });
}

/** Reading into one buffer over and over halves the cost of large reads. Below TLS it would be of no use. */
function makeSocket(address: NbdAddress, reuse: boolean, feed: (bytes: Uint8Array) => void): Socket {
  const onread: OnReadOpts = {
    buffer: Buffer.allocUnsafeSlow(reuse ? RECEIVE_BUFFER_BYTES : 0),
    callback: (lengthBytes, buffer) => {
      feed(buffer.subarray(0, lengthBytes));
      return true;
    },
  };
  const reading = reuse ? { onread } : {};
  if ('socketPath' in address) return connectSocket({ path: address.socketPath, ...reading });
  return connectSocket({ host: address.host, port: address.port ?? NBD_PORT, ...TCP_OPTIONS, ...reading });
}
