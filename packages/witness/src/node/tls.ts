import { HoldfastError } from '@holdfast/core';
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';

/** This side's certificate chain and key, and the authority that it believes, in PEM form. */
export interface WitnessTls {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly authorityPem: string;
}

export type Role = 'node' | 'operator' | 'witness';

/** What a certificate says through its one name of the form `holdfast://{clusterId}/{role}/{id}`. */
export interface CertificateName {
  readonly clusterId: string;
  readonly role: Role;
  readonly id: string;
}

const namePattern =
  /^URI:holdfast:\/\/([A-Za-z0-9._-]+)\/(node|operator|witness)\/([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})$/;

/** Undefined unless there is exactly one such name: a certificate with two could be taken for either. */
export function certificateName(certificate: X509Certificate): CertificateName | undefined {
  // Node quotes names that hold a comma or a quote, so a split cannot be tricked into seeing a name that is none.
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:holdfast:'));
  const [, clusterId, role, id] = namePattern.exec(names[0] ?? '') ?? [];
  if (names.length !== 1 || clusterId === undefined || id === undefined) return undefined;
  return role === 'node' || role === 'operator' || role === 'witness' ? { clusterId, role, id } : undefined;
}

export function secureOptions(tls: WitnessTls) {
  return {
    cert: tls.certificatePem,
    key: tls.keyPem,
    ca: tls.authorityPem,
    minVersion: 'TLSv1.3' as const,
    rejectUnauthorized: true,
  };
}

/** Who is at the other end of an authorized connection; undefined when the certificate does not say so properly. */
export function peerName(socket: TLSSocket): CertificateName | undefined {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate === undefined ? undefined : certificateName(certificate);
}

/** For a client: the other end is a witness of this cluster, wherever it was reached. */
export function checkWitnessIdentity(clusterId: string) {
  return (host: string, certificate: PeerCertificate): Error | undefined => {
    const name = certificateName(new X509Certificate(certificate.raw));
    if (name?.role === 'witness' && name.clusterId === clusterId) return undefined;
    return new HoldfastError(
      'NOT_AUTHORIZED',
      `The certificate of ${host} does not carry the name holdfast://${clusterId}/witness/..., so it is no witness of this cluster.`,
    );
  };
}

/** Compares secrets in a time that tells nothing about them. */
export function isSameSecret(found: string, right: string): boolean {
  const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(found), digest(right));
}
