import { type Address, HoldfastError } from '@holdfast/core';
import {
  createTlsPolicy,
  type NbdIdentity,
  type NbdListenOptions,
  type NbdServerOptions,
  type NbdTlsPolicy,
} from '@holdfast/nbd';
import type { EndpointConfig } from '../config/index.js';
import { type Refused, refusedByNbd } from './refusals.js';
import { readKeys, readText } from './transports.js';

type NbdSecurity = Pick<NbdServerOptions, 'tls' | 'authorize' | 'observe'> & {
  readonly listen: NbdListenOptions;
};

/** Where an NBD server listens, whom it lets in, and that it says whom it turned away. */
export async function nbdSecurity(endpoint: EndpointConfig, refused: Refused): Promise<NbdSecurity> {
  const { address } = endpoint;
  const tls = await nbdTls(endpoint);
  const peerNames = endpoint.tls?.kind === 'certificate' ? endpoint.tls.peerNames : undefined;
  return {
    listen: nbdListen(address, tls !== undefined),
    observe: refusedByNbd(address, refused),
    ...(tls === undefined ? {} : { tls }),
    ...(tls === undefined || peerNames === undefined
      ? {}
      : { authorize: onlyNamed(peerNames, address, refused) }),
  };
}

/** TLS for NBD: clients show a certificate of the authority, or know one of the keys in the file. */
export async function nbdTls(endpoint: EndpointConfig): Promise<NbdTlsPolicy | undefined> {
  const { tls, address } = endpoint;
  if (tls === undefined || address.startsWith('unix:')) return undefined;
  if (tls.kind === 'pre-shared-key') {
    return createTlsPolicy({ credentials: { kind: 'preshared-keys', keys: await readKeys(tls.keyFile) } });
  }
  const [certificate, key, authorities] = await Promise.all([
    readText(tls.certificateFile),
    readText(tls.keyFile),
    readText(tls.authorityFile),
  ]);
  return createTlsPolicy({ credentials: { kind: 'certificates', certificate, key, authorities } });
}

export function nbdListen(address: Address, hasTls: boolean): NbdListenOptions {
  if (address.startsWith('unix:')) return { socketPath: address.slice('unix:'.length) };
  const match = /^tcp:(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined)
    throw new HoldfastError('CONFIG_INVALID', `'${address}' is no address to listen at.`);
  // The configuration lets TCP go without TLS on the loopback only.
  return { host, port: Number(match?.[3]), allowPlaintext: !hasTls };
}

function onlyNamed(peerNames: readonly string[], at: Address, refused: Refused) {
  return (identity: NbdIdentity): boolean => {
    const names = namesOf(identity);
    if (names.some((name) => peerNames.includes(name))) return true;
    const remote = `a client that is ${names.join(', ') || 'nobody'}`;
    refused({ at, remote, reason: `its certificate carries none of the names ${peerNames.join(', ')}` });
    return false;
  };
}

/** The alternative names, or the common name of a certificate that has none: as on every other link. */
function namesOf(identity: NbdIdentity): readonly string[] {
  if (identity.kind !== 'certificate') return [];
  const { subjectAltNames, commonName } = identity;
  if (subjectAltNames.length === 0) return commonName === undefined ? [] : [commonName];
  // Names that hold a comma or quote come quoted; such a one is a trick, not a host.
  return subjectAltNames.flatMap((entry) => /^(?:DNS|IP Address|URI):([^"]+)$/.exec(entry)?.[1] ?? []);
}
