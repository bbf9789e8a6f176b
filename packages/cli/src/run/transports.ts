import { type Address, HoldfastError, type TelemetryEvent, type Transport } from '@holdfast/core';
import { parsePresharedKeys } from '@holdfast/nbd';
import { type LinkSecurity, socketTransport } from '@holdfast/runtime';
import { readFile } from 'node:fs/promises';
import type { EndpointConfig, TlsFiles } from '../config/index.js';
import type { Refused } from './refusals.js';

/**
 * One transport for a process whose links prove themselves in different ways: each address goes with the security that its
 * place in the configuration names.
 */
export async function transportFor(
  endpoints: readonly EndpointConfig[],
  refused: Refused = () => undefined,
): Promise<Transport> {
  const plain = socketTransport({ allowPlaintextLoopback: true });
  const byAddress = new Map<Address, Transport>();
  for (const { address, tls } of endpoints) {
    if (tls === undefined || !address.startsWith('tcp:')) continue;
    const security = await readSecurity(tls);
    const telemetry = { emit: (event: TelemetryEvent) => tellRefused(address, event, refused) };
    byAddress.set(address, socketTransport({ security, telemetry }));
  }
  const chosen = (address: Address): Transport => byAddress.get(address) ?? plain;
  return {
    connect: (address, options) => chosen(address).connect(address, options),
    listen: (address, accepted) => chosen(address).listen(address, accepted),
  };
}

function tellRefused(at: Address, { kind, remote, error }: TelemetryEvent, refused: Refused): void {
  if (kind !== 'stream-refused') return;
  refused({ at, remote: String(remote), reason: wordsOf(error) });
}

/** OpenSSL's own words, without the place in its source that it puts before and behind them. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
}

/** @throws HoldfastError CONFIG_INVALID naming the file that cannot be read or used. */
export async function readSecurity(files: TlsFiles): Promise<LinkSecurity> {
  if (files.kind === 'certificate') {
    const [certificatePem, keyPem, authorityPem] = await Promise.all([
      readText(files.certificateFile),
      readText(files.keyFile),
      readText(files.authorityFile),
    ]);
    return {
      kind: 'certificate',
      certificatePem,
      keyPem,
      authorityPem,
      ...(files.peerNames === undefined ? {} : { peerNames: files.peerNames }),
    };
  }
  const entries = [...(await readKeys(files.keyFile))];
  const [first] = entries;
  if (first === undefined || entries.length > 1) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `${files.keyFile} holds ${entries.length} keys; a link has one: write one line identity:hexadecimal key.`,
    );
  }
  return { kind: 'pre-shared-key', identity: first[0], key: first[1] };
}

export async function readKeys(file: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const text = await readText(file);
  try {
    return parsePresharedKeys(text);
  } catch (error) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `${file} is no file of pre-shared keys: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** TLS for the witness goes by certificates only: they name the cluster and what their owner is in it. */
export async function witnessTls(endpoint: EndpointConfig): Promise<CertificatePem | undefined> {
  const { tls } = endpoint;
  if (tls?.kind !== 'certificate') return undefined;
  const [certificatePem, keyPem, authorityPem] = await Promise.all([
    readText(tls.certificateFile),
    readText(tls.keyFile),
    readText(tls.authorityFile),
  ]);
  return { certificatePem, keyPem, authorityPem };
}

interface CertificatePem {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly authorityPem: string;
}

export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
