import { connect, type ConnectionOptions } from 'node:tls';
import type { NbdClientTls } from '../client/options.js';
import { NbdError } from '../errors.js';
import type { ByteStream } from '../stream.js';
import { SocketStream } from './socket-stream.js';
import { authorities, type CertificateCredentials, pem, PRESHARED_KEY_CIPHERS } from './tls-server.js';

/** What a client shows and what it expects of the server. */
export type ClientTlsOptions =
  | {
      readonly kind: 'certificates';
      /** The server's certificate must come from one of these and be for `serverName`. */
      readonly authorities: CertificateCredentials['authorities'];
      readonly serverName: string;
      /** The client's own certificate, for servers that ask for one. */
      readonly key?: string | Uint8Array;
      readonly certificate?: string | Uint8Array;
      readonly minimumVersion?: 'TLSv1.2' | 'TLSv1.3';
    }
  | {
      readonly kind: 'preshared-key';
      readonly user: string;
      /** At least 16 bytes. */
      readonly key: Uint8Array;
      readonly minimumVersion?: 'TLSv1.2' | 'TLSv1.3';
    };

/** STARTTLS for a client on Node.js sockets. The server must prove itself too; there is no way to skip that. */
export function createClientTls(options: ClientTlsOptions): NbdClientTls {
  return { upgrade: (stream) => upgrade(stream, options) };
}

function upgrade(stream: ByteStream, options: ClientTlsOptions): Promise<ByteStream> {
  if (!(stream instanceof SocketStream)) {
    return Promise.reject(new NbdError('CONFIG', 'TLS of this kind works on sockets only'));
  }
  const socket = stream.release();
  return new Promise((resolve, reject) => {
    const secured = connect({ ...contextOptions(options), socket });
    const fail = (error: Error | undefined): void => {
      secured.destroy();
      socket.destroy();
      reject(new NbdError('TLS_FAILED', error?.message ?? 'the server left', { cause: error }));
    };
    const onClose = (): void => {
      fail(undefined);
    };
    secured.once('error', fail);
    secured.once('close', onClose);
    secured.once('secureConnect', () => {
      secured.off('error', fail);
      secured.off('close', onClose);
      resolve(new SocketStream(secured, stream.remote, socket));
    });
  });
}

function contextOptions(options: ClientTlsOptions): ConnectionOptions {
  const minVersion = options.minimumVersion ?? 'TLSv1.3';
  if (options.kind === 'certificates') {
    return {
      minVersion,
      ca: authorities(options),
      servername: options.serverName,
      ...(options.key === undefined ? {} : { key: pem(options.key) }),
      ...(options.certificate === undefined ? {} : { cert: pem(options.certificate) }),
    };
  }
  return {
    minVersion,
    // No authority is trusted: a server that shows a certificate instead of knowing the key is not let through.
    ca: [],
    ciphers: minVersion === 'TLSv1.2' ? `${PRESHARED_KEY_CIPHERS}:PSK` : PRESHARED_KEY_CIPHERS,
    pskCallback: () => ({ psk: options.key, identity: options.user }),
    checkServerIdentity: (_host, certificate) =>
      'raw' in certificate
        ? new Error('the server showed a certificate where a pre-shared key was agreed on')
        : undefined,
  };
}
