import { HoldfastError, type StreamIdentity } from '@holdfast/core';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket, TlsOptions } from 'node:tls';
import { X509Certificate, timingSafeEqual } from 'node:crypto';

/** Both sides show a certificate that the other's authority has signed. */
export interface CertificateSecurity {
  readonly kind: 'certificate';
  /** This side's certificate chain and key, and the authorities it believes, in PEM form. */
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly authorityPem: string;
  /** The other side's certificate must carry one of these names. Without it, a client compares the host it connected to. */
  readonly peerNames?: readonly string[];
}

/** Both sides know a key of at least 16 random bytes and the identity that goes with it. */
export interface PreSharedKeySecurity {
  readonly kind: 'pre-shared-key';
  readonly identity: string;
  readonly key: Uint8Array;
}

export type LinkSecurity = CertificateSecurity | PreSharedKeySecurity;

const SHORTEST_KEY_BYTES = 16;

/** The hash of this suite is the one that keys without a declared hash go with (RFC 8446 4.2.11); OpenSSL offers no other for them. */
const PRE_SHARED_KEY_SUITE = 'TLS_AES_128_GCM_SHA256';

/** @throws CONFIG_INVALID for a short key or an empty list of names. */
export function checkSecurity(security: LinkSecurity): void {
  if (security.kind === 'pre-shared-key') {
    if (security.key.length >= SHORTEST_KEY_BYTES && security.identity !== '') return;
    throw new HoldfastError(
      'CONFIG_INVALID',
      `A pre-shared key has an identity and at least ${String(SHORTEST_KEY_BYTES)} bytes, this one ${String(security.key.length)}. Generate one from a source of randomness.`,
    );
  }
  if (security.peerNames?.length === 0) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      'peerNames is empty, so no peer would do. Leave it out or name the peers.',
    );
  }
}

export interface ServerSecurity {
  readonly options: TlsOptions;
  /** Undefined: the handshake went through, and still this peer is not the one. */
  identify(socket: TLSSocket): StreamIdentity | undefined;
}

export function serverSecurity(security: LinkSecurity, handshakeTimeoutMs: number): ServerSecurity {
  const base: TlsOptions = { minVersion: 'TLSv1.3', handshakeTimeout: handshakeTimeoutMs };
  if (security.kind === 'pre-shared-key') {
    const { identity, key } = security;
    return {
      options: {
        ...base,
        ciphers: PRE_SHARED_KEY_SUITE,
        pskCallback: (_socket, offered) => (sameText(offered, identity) ? key : null),
      },
      // A finished handshake proves the key, and there is one key.
      identify: () => ({ how: 'pre-shared-key', names: [identity] }),
    };
  }
  return {
    options: { ...base, ...certificateOptions(security), requestCert: true, rejectUnauthorized: true },
    identify: (socket) => (socket.authorized ? certificateIdentity(socket, security.peerNames) : undefined),
  };
}

export function clientSecurity(security: LinkSecurity) {
  const base = { minVersion: 'TLSv1.3' as const };
  if (security.kind === 'pre-shared-key') {
    const { identity, key } = security;
    return {
      ...base,
      ciphers: PRE_SHARED_KEY_SUITE,
      pskCallback: () => ({ identity, psk: key }),
      // There is no certificate to compare: the key is the proof.
      checkServerIdentity: () => undefined,
    };
  }
  const { peerNames } = security;
  const options = { ...base, ...certificateOptions(security), rejectUnauthorized: true };
  if (peerNames === undefined) return options;
  return {
    ...options,
    checkServerIdentity: (host: string, certificate: PeerCertificate) =>
      namesOf(certificate).some((name) => peerNames.includes(name))
        ? undefined
        : new HoldfastError(
            'NOT_AUTHORIZED',
            `The certificate of ${host} carries none of the names ${peerNames.join(', ')}.`,
          ),
  };
}

export function clientIdentity(socket: TLSSocket, security: LinkSecurity): StreamIdentity {
  if (security.kind === 'pre-shared-key') return { how: 'pre-shared-key', names: [security.identity] };
  return { how: 'certificate', names: namesOf(socket.getPeerCertificate()) };
}

function certificateIdentity(
  socket: TLSSocket,
  peerNames: readonly string[] | undefined,
): StreamIdentity | undefined {
  const names = namesOf(socket.getPeerCertificate());
  if (peerNames !== undefined && !names.some((name) => peerNames.includes(name))) return undefined;
  return { how: 'certificate', names };
}

function certificateOptions(security: CertificateSecurity) {
  return { cert: security.certificatePem, key: security.keyPem, ca: security.authorityPem };
}

/** The alternative names, or the common name of a certificate that has none. */
function namesOf(certificate: PeerCertificate | DetailedPeerCertificate): readonly string[] {
  const alternatives = new X509Certificate(certificate.raw).subjectAltName;
  if (alternatives === undefined) {
    const { CN } = certificate.subject;
    return typeof CN === 'string' ? [CN] : [];
  }
  // Node quotes names that hold a comma or quote; such a one is a trick, not a host.
  return alternatives
    .split(', ')
    .flatMap((entry) => /^(?:DNS|IP Address|URI):([^"]+)$/.exec(entry)?.[1] ?? []);
}

function sameText(a: string, b: string): boolean {
  const left = new TextEncoder().encode(a);
  const right = new TextEncoder().encode(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
