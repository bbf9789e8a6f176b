import { lan, type PolarizationTiming, type Transport } from '@holdfast/core';
import { socketTransport } from '@holdfast/runtime';
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

export const clusterId = 'acceptance';
export const volumeId = 'vol0';
export const nodeIds = ['north', 'south'] as const;
/** `north` is the preferred node. */
export type NodeName = (typeof nodeIds)[number];
export type ProcessName = NodeName | 'witness' | 'initiator';

export const mebibyte = 1024 * 1024;

export interface ClusterOptions {
  /** Size of the volume in bytes. Default 64 MiB. */
  readonly sizeBytes?: number;
  /** Nodes whose legs forget what was not flushed when their process is killed. */
  readonly losesPower?: readonly NodeName[];
  /** Where the data or the store of a node lies instead of the common folder. */
  readonly elsewhere?: Partial<Record<NodeName, { readonly data?: string; readonly store?: string }>>;
}

/** Where things of one cluster lie. Names are short: the system takes 107 bytes for the path of a socket. */
export class Layout {
  constructor(
    readonly folder: string,
    readonly options: ClusterOptions,
  ) {}

  get configFile(): string {
    return join(this.folder, 'holdfast.yaml');
  }

  /** The file that a process starts with. */
  configFileOf(_name: ProcessName): string {
    return this.configFile;
  }

  /** Writes what the processes need before they start. */
  async prepare(timing: PolarizationTiming): Promise<void> {
    await writeFile(this.configFile, this.configuration(timing));
  }

  /** Where a controller asks, and how it gets there. */
  controlAddress(node: NodeName): string {
    return `unix:${this.controlSocket(node)}`;
  }

  async controlTransport(): Promise<Transport> {
    return socketTransport({ allowPlaintextLoopback: true });
  }

  get hostSocket(): string {
    return join(this.folder, 'volume.sock');
  }

  get sizeBytes(): number {
    return this.options.sizeBytes ?? 64 * mebibyte;
  }

  nbdSocket(node: NodeName): string {
    return join(this.folder, `${node}.nbd.sock`);
  }

  controlSocket(node: NodeName): string {
    return join(this.folder, `${node}.control.sock`);
  }

  pathSocket(node: NodeName): string {
    return join(this.folder, `${node}.paths.sock`);
  }

  /** Where north waits for south. */
  get linkSocket(): string {
    return join(this.folder, 'link.sock');
  }

  dataFile(node: NodeName): string {
    return this.options.elsewhere?.[node]?.data ?? join(this.folder, `${node}.data`);
  }

  storeFolder(node: NodeName): string {
    return this.options.elsewhere?.[node]?.store ?? join(this.folder, `${node}.store`);
  }

  logFile(name: string): string {
    return join(this.folder, `${name}.log`);
  }

  /** The configuration that all processes start with. JSON is YAML too. */
  configuration(timing: PolarizationTiming): string {
    const node = (name: NodeName): object => ({
      role: name === 'north' ? 'preferred' : 'nonPreferred',
      store: this.storeFolder(name),
      control: `unix:${this.controlSocket(name)}`,
      peerLink:
        name === 'north' ? { listen: `unix:${this.linkSocket}` } : { dial: `unix:${this.linkSocket}` },
      paths: `unix:${this.pathSocket(name)}`,
      nbd: `unix:${this.nbdSocket(name)}`,
      legs: {
        [volumeId]: {
          data: this.dataFile(name),
          metadata: join(this.folder, `${name}.metadata`),
          content: 'zeros',
          simulatePowerLoss: this.options.losesPower?.includes(name) ?? false,
        },
      },
      tuning: { activityLogExtentBytes: '1MiB' },
    });
    return JSON.stringify(
      {
        cluster: clusterId,
        group: 'main',
        timing: { profile: 'lan', ...timing },
        faultModel: 'mediator',
        volumes: { [volumeId]: { size: this.sizeBytes } },
        witness: { listen: 'unix:./witness.sock', store: './witness.store' },
        nodes: { north: node('north'), south: node('south') },
        initiator: { nbd: `unix:${this.hostSocket}` },
      },
      undefined,
      2,
    );
  }
}

/** How a client names the volume behind a socket. */
export function nbdUri(socketPath: string): string {
  return `nbd+unix:///${volumeId}?socket=${socketPath}`;
}

/**
 * The `lan` profile, and on a busy machine every span of it several times as long: leases must outlast the time for which the
 * machine forgets a process, or nodes part without any fault of ours.
 */
export function timingForThisMachine(): PolarizationTiming {
  const load = (loadavg()[0] ?? 0) / cpus().length;
  const factor = load > 4 ? 8 : load > 2 ? 4 : 1;
  if (factor === 1) return lan;
  const { clockDriftPpm, peerCallTries, witnessCallTries, hostIoTimeoutMs, ...spans } = lan;
  const longer = Object.fromEntries(Object.entries(spans).map(([name, span]) => [name, span * factor]));
  return { ...lan, ...longer, clockDriftPpm, peerCallTries, witnessCallTries, hostIoTimeoutMs };
}
