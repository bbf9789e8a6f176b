import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Party {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly authorityPem: string;
}

/** Undefined when the openssl program is there. With HOLDFAST_REQUIRE_CLIENTS=1 its absence is an error. */
export function opensslMissing(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    if (process.env['HOLDFAST_REQUIRE_CLIENTS'] === '1') throw error;
    return 'openssl is not installed';
  }
}

/** Two parties of one authority, and one of another, made with the openssl program. */
export async function makeCertificates(
  folder: string,
): Promise<{ node: Party; other: Party; stranger: Party }> {
  const ours = authority(folder, 'ours');
  const theirs = authority(folder, 'theirs');
  return {
    node: await party(folder, ours, 'node.example'),
    other: await party(folder, ours, 'other.example'),
    // It trusts our authority, but ours is not what signed it.
    stranger: {
      ...(await party(folder, theirs, 'stranger.example')),
      authorityPem: await readFile(`${ours}.crt`, 'utf8'),
    },
  };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

function authority(folder: string, name: string): string {
  const base = join(folder, name);
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${base}.key`,
    '-out',
    `${base}.crt`,
  );
  return base;
}

async function party(folder: string, signer: string, name: string): Promise<Party> {
  const base = join(folder, name);
  await writeFile(`${base}.ext`, `subjectAltName=DNS:${name},IP:127.0.0.1\n`);
  openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${base}.key`, '-out', `${base}.csr`);
  openssl(
    ...[
      'x509',
      '-req',
      '-in',
      `${base}.csr`,
      '-CA',
      `${signer}.crt`,
      '-CAkey',
      `${signer}.key`,
      '-CAcreateserial',
    ],
    ...['-days', '2', '-extfile', `${base}.ext`, '-out', `${base}.crt`],
  );
  const [certificatePem, keyPem, authorityPem] = await Promise.all(
    [`${base}.crt`, `${base}.key`, `${signer}.crt`].map((path) => readFile(path, 'utf8')),
  );
  return { certificatePem: certificatePem!, keyPem: keyPem!, authorityPem: authorityPem! };
}
