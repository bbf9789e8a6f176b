import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { NbdError } from '../errors.js';
import type { NbdSecuredStream, NbdTlsPolicy } from '../server/options.js';
import type { NbdIdentity } from '../server/types.js';
import type { ByteStream } from '../stream.js';
import type { PresharedKeys } from './preshared-keys.js';
import { SocketStream } from './socket-stream.js';

/** The only TLS 1.3 suite whose hash fits every pre-shared key that GnuTLS and OpenSSL clients bring. */
export const PRESHARED_KEY_CIPHERS = 'TLS_AES_128_GCM_SHA256';

/** PEM texts. */
export interface CertificateCredentials {
  readonly kind: 'certificates';
  readonly key: string | Uint8Array;
  readonly certificate: string | Uint8Array;
  /** Certificate authorities that client certificates (or, for a client, the server's) must come from. */
  readonly authorities: string | Uint8Array | readonly (string | Uint8Array)[];
}

export interface PresharedKeyCredentials {
  readonly kind: 'preshared-keys';
  /** See `parsePresharedKeys`. */
  readonly keys: PresharedKeys;
}

/** Options of `createTlsPolicy`. */
export interface TlsPolicyOptions {
  /** Default true: no export is told about, let alone opened, in plain text. */
  readonly required?: boolean;
  /** Asked for each handshake, so that certificates and keys can be exchanged while the server runs. */
  readonly credentials:
    | CertificateCredentials
    | PresharedKeyCredentials
    | (() => CertificateCredentials | PresharedKeyCredentials);
  /** Default 'TLSv1.3'. Clients of old systems may need 'TLSv1.2'. */
  readonly minimumVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** With certificates: false also lets in clients that show none; they are anonymous. Default true. */
  readonly clientCertificates?: boolean;
}

/** STARTTLS for a server on Node.js sockets. Clients prove who they are, by certificate or by pre-shared key. */
export function createTlsPolicy(options: TlsPolicyOptions): NbdTlsPolicy {
  return {
    required: options.required !== false,
    upgrade: (stream) => upgrade(stream, options),
  };
}

function upgrade(stream: ByteStream, options: TlsPolicyOptions): Promise<NbdSecuredStream> {
  if (!(stream instanceof SocketStream)) {
    return Promise.reject(new NbdError('CONFIG', 'this TLS policy works on sockets only'));
  }
  const credentials = typeof options.credentials === 'function' ? options.credentials() : options.credentials;
  const socket = stream.release();
  let user: string | undefined;
  const context = contextOptions(credentials, options, (name) => {
    user = name;
  });
  return new Promise((resolve, reject) => {
    // A server object per handshake: the one public way to have Node.js verify the client on an existing socket.
    const server = createServer(context, (secured) => {
      resolve({
        stream: new SocketStream(secured, stream.remote, socket),
        identity: identityOf(secured, user),
      });
    });
    const fail = (error: Error | undefined): void => {
      socket.destroy();
      reject(new NbdError('TLS_FAILED', error?.message ?? 'the client left', { cause: error }));
    };
    server.on('tlsClientError', (error, secured) => {
      // A certificate that does not count ends the socket without a word; the reason stays with it.
      const reason: unknown = secured.authorizationError;
      fail(typeof reason === 'string' ? new Error(`the certificate does not count (${reason})`) : error);
    });
    // The socket below closes first; why, the one above says a moment later.
    socket.once('close', () => {
      setImmediate(fail, undefined);
    });
    server.emit('connection', socket);
  });
}

function contextOptions(
  credentials: CertificateCredentials | PresharedKeyCredentials,
  options: TlsPolicyOptions,
  onUser: (user: string) => void,
): TlsOptions {
  const minVersion = options.minimumVersion ?? 'TLSv1.3';
  if (credentials.kind === 'preshared-keys') {
    return {
      minVersion,
      ciphers: minVersion === 'TLSv1.2' ? `${PRESHARED_KEY_CIPHERS}:PSK` : PRESHARED_KEY_CIPHERS,
      pskCallback: (_socket, user) => {
        const key = credentials.keys.get(user);
        if (key === undefined) return null;
        onUser(user);
        return key;
      },
    };
  }
  const needsCertificate = options.clientCertificates !== false;
  return {
    minVersion,
    key: pem(credentials.key),
    cert: pem(credentials.certificate),
    ca: authorities(credentials),
    requestCert: needsCertificate,
    rejectUnauthorized: needsCertificate,
  };
}

function identityOf(secured: TLSSocket, user: string | undefined): NbdIdentity {
  if (user !== undefined) return { kind: 'preshared-key', user };
  if (!secured.authorized) return { kind: 'anonymous' };
  const certificate = secured.getPeerCertificate();
  const names = certificate.subjectaltname;
  const subject = Object.entries(certificate.subject)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join('\n');
  return {
    kind: 'certificate',
    subject,
    commonName: typeof certificate.subject.CN === 'string' ? certificate.subject.CN : undefined,
    subjectAltNames: names === undefined ? [] : names.split(', '),
    fingerprint256: certificate.fingerprint256,
  };
}

export function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === 'string' ? text : Buffer.from(text);
}

export function authorities(credentials: Pick<CertificateCredentials, 'authorities'>): (string | Buffer)[] {
  const given = credentials.authorities;
  return typeof given === 'string' || given instanceof Uint8Array ? [pem(given)] : given.map(pem);
}
