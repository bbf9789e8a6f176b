import type { PolarizationTiming, Transport } from '@holdfast/core';
import { type CertificateSecurity, socketTransport } from '@holdfast/runtime';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority } from './certificates.js';
import { clusterId, Layout, mebibyte, type NodeName, nodeIds, type ProcessName, volumeId } from './layout.js';

/** How the link between the nodes, the paths and NBD prove themselves; the witness and the control always by certificates. */
export type Proof = 'certificates' | 'pre-shared keys';

export type Door = 'control' | 'paths' | 'nbd';

export const clientName = 'client.example.test';
const initiatorName = 'initiator.example.test';
const operatorName = 'operator.example.test';

export function nodeUri(node: string): string {
  return `holdfast://${clusterId}/node/${node}`;
}

/** What differs when somebody says that he is a node. */
export interface Impostor {
  readonly node: NodeName;
  readonly folder: string;
  /** The cluster that its configuration names. Default: the right one. */
  readonly cluster?: string;
}

/**
 * A cluster over TCP with TLS on every link. All processes get the same configuration, each in a folder of its own with its own
 * certificate: as on machines that keep theirs at the same place.
 */
export class TlsLayout extends Layout {
  private ports: readonly number[] = [];
  /** Signs whatever belongs to this cluster. */
  readonly authority: Promise<Authority>;

  private constructor(
    folder: string,
    readonly proof: Proof,
  ) {
    super(folder, { sizeBytes: 16 * mebibyte });
    this.authority = Authority.create(join(folder, 'authority'));
    this.authority.catch(() => undefined);
  }

  static async create(proof: Proof): Promise<TlsLayout> {
    return new TlsLayout(await mkdtemp(join(tmpdir(), 'hf-')), proof);
  }

  override configFileOf(name: ProcessName): string {
    return join(this.folderOf(name), 'holdfast.yaml');
  }

  folderOf(name: string): string {
    return join(this.folder, name);
  }

  port(node: NodeName, door: Door): number {
    const first = node === 'north' ? 3 : 6;
    return this.portAt(first + ['control', 'paths', 'nbd'].indexOf(door));
  }

  get witnessPort(): number {
    return this.portAt(0);
  }

  get linkPort(): number {
    return this.portAt(1);
  }

  get hostPort(): number {
    return this.portAt(2);
  }

  override controlAddress(node: NodeName): string {
    return `tcp:127.0.0.1:${this.port(node, 'control')}`;
  }

  override async controlTransport(): Promise<Transport> {
    return socketTransport({ security: await this.securityOf('operator') });
  }

  async securityOf(name: string): Promise<CertificateSecurity> {
    const read = (file: string): Promise<string> => readFile(join(this.folderOf(name), file), 'utf8');
    const [certificatePem, keyPem, authorityPem] = await Promise.all(
      ['own.pem', 'own.key', 'authority.pem'].map(read),
    );
    return {
      kind: 'certificate',
      certificatePem: certificatePem ?? '',
      keyPem: keyPem ?? '',
      authorityPem: authorityPem ?? '',
    };
  }

  override async prepare(timing: PolarizationTiming): Promise<void> {
    this.ports = await freePorts(9);
    const authority = await this.authority;
    const machine = 'IP:127.0.0.1';
    await Promise.all([
      authority.equip(this.folderOf('witness'), [machine, `URI:holdfast://${clusterId}/witness/third`]),
      ...nodeIds.map((node) => authority.equip(this.folderOf(node), [machine, `URI:${nodeUri(node)}`])),
      authority.equip(this.folderOf('initiator'), [machine, `DNS:${initiatorName}`]),
      authority.equip(this.folderOf('operator'), [`DNS:${operatorName}`]),
      authority.equip(this.folderOf('client'), [`DNS:${clientName}`]),
    ]);
    const keys = { 'link.psk': 'link', 'paths.psk': 'paths', 'keys.psk': 'client' };
    const lines = Object.entries(keys).map(
      ([file, user]) => [file, `${user}:${randomBytes(32).toString('hex')}\n`] as const,
    );
    for (const name of ['witness', ...nodeIds, 'initiator', 'operator', 'client'] as const) {
      for (const [file, line] of lines) await writeFile(join(this.folderOf(name), file), line);
      await writeFile(join(this.folderOf(name), 'holdfast.yaml'), this.configuration(timing));
    }
  }

  /** Writes the configuration of somebody who says that he is a node, with legs and doors of his own. */
  async impostor(
    { node, folder, cluster = clusterId }: Impostor,
    timing: PolarizationTiming,
  ): Promise<string> {
    const ports = await freePorts(3);
    const doors = (['control', 'paths', 'nbd'] as const).map((door, index): [number, number] => [
      this.port(node, door),
      ports[index] ?? 0,
    ]);
    const text = doors.reduce(
      (said, [taken, free]) => said.replaceAll(`:${taken}"`, `:${free}"`),
      this.configuration(timing)
        .replaceAll(join(this.folder, node), join(folder, node))
        .replace(`"cluster": "${clusterId}"`, `"cluster": "${cluster}"`),
    );
    const configFile = join(folder, 'holdfast.yaml');
    await mkdir(folder, { recursive: true });
    await writeFile(configFile, text);
    return configFile;
  }

  override configuration(timing: PolarizationTiming): string {
    const own = { certificate: './own.pem', key: './own.key', authority: './authority.pem' };
    const nodes = nodeIds.map(nodeUri);
    const proven = (port: number, key: string, peerNames?: readonly string[]): object => ({
      listen: `tcp:127.0.0.1:${port}`,
      tls:
        this.proof === 'pre-shared keys'
          ? { presharedKey: `./${key}` }
          : { ...own, ...(peerNames === undefined ? {} : { peerNames }) },
    });
    const node = (name: NodeName): object => ({
      role: name === 'north' ? 'preferred' : 'nonPreferred',
      store: this.storeFolder(name),
      control: {
        listen: this.controlAddress(name),
        tls: { ...own, peerNames: [...nodes, operatorName] },
      },
      // The other node dials what stands here, with its own certificate.
      ...(name === 'north' ? { peerLink: proven(this.linkPort, 'link.psk', nodes) } : {}),
      paths: proven(this.port(name, 'paths'), 'paths.psk', [...nodes, initiatorName]),
      nbd: proven(this.port(name, 'nbd'), 'keys.psk', [clientName]),
      legs: {
        [volumeId]: {
          data: this.dataFile(name),
          metadata: join(this.folder, `${name}.metadata`),
          content: 'zeros',
        },
      },
      tuning: { activityLogExtentBytes: '1MiB' },
    });
    const config = {
      cluster: clusterId,
      group: 'main',
      timing: { profile: 'lan', ...timing },
      faultModel: 'mediator',
      volumes: { [volumeId]: { size: this.sizeBytes } },
      witness: { listen: `tcp:127.0.0.1:${this.witnessPort}`, store: './witness.store', tls: own },
      nodes: { north: node('north'), south: node('south') },
      initiator: { nbd: proven(this.hostPort, 'keys.psk', [clientName]) },
    };
    return JSON.stringify(config, undefined, 2);
  }

  private portAt(index: number): number {
    const port = this.ports[index];
    if (port === undefined) throw new Error('the ports are chosen by prepare');
    return port;
  }
}

/**
 * Ports that are free at this moment. Both ends of a link read its port from one file, so the system cannot choose it when a
 * process starts; all are held until the last one is known, so that they differ.
 */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  try {
    return await Promise.all(
      Array.from({ length: count }, async () => {
        const server = createServer();
        servers.push(server);
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject);
          server.listen({ host: '127.0.0.1', port: 0 }, resolve);
        });
        const bound = server.address();
        return typeof bound === 'object' && bound !== null ? bound.port : 0;
      }),
    );
  } finally {
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  }
}
