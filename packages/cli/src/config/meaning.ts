import {
  checkTiming,
  type FaultModel,
  OptionsError,
  type PolarizationTiming,
  timingProfiles,
} from '@holdfast/core';
import { defaultTuning, type NodeTuning } from '@holdfast/volume';
import { dirname, resolve } from 'node:path';
import type { RawConfig, TlsConfig } from './schema.js';
import type { EndpointConfig, HoldfastConfig, LegConfig, NodeConfig, TlsFiles } from './types.js';
import { eitherOf, nearestWord } from './words.js';

type Complain = (key: string, message: string) => void;
type RawNode = RawConfig['nodes'][string];
type RawEndpoint = RawNode['control'];

const smallestUnit = 4096;

/** Turns what stands in the file into what the programs start with, and complains about what does not fit together. */
export function meaningOf(raw: RawConfig, file: string, complain: Complain): HoldfastConfig | undefined {
  const reader = new Reader(raw, dirname(resolve(file)), complain);
  const nodes = reader.nodes();
  const timing = reader.timing();
  const volumes = reader.volumes();
  const faultModel = reader.faultModel();
  const witness = reader.witness();
  const initiator = reader.initiator();
  reader.checkDistinct();
  if (nodes === undefined || timing === undefined) return undefined;
  return {
    file: resolve(file),
    clusterId: raw.cluster,
    groupId: raw.group,
    timing,
    faultModel,
    volumes,
    nodes,
    ...(witness === undefined ? {} : { witness }),
    ...(initiator === undefined ? {} : { initiator }),
  };
}

class Reader {
  /** What listens or is written where, to find two that collide. */
  private readonly taken: { readonly key: string; readonly what: string }[] = [];

  constructor(
    private readonly raw: RawConfig,
    private readonly folder: string,
    private readonly complain: Complain,
  ) {}

  nodes(): HoldfastConfig['nodes'] | undefined {
    const entries = Object.entries(this.raw.nodes);
    const preferred = entries.find(([, node]) => node.role === 'preferred');
    const other = entries.find(([, node]) => node.role === 'nonPreferred');
    if (entries.length !== 2 || preferred === undefined || other === undefined) {
      const found = entries.map(([name, node]) => `${name} (${node.role})`).join(', ');
      this.complain(
        'nodes',
        `${found === '' ? 'nothing' : found} stands here; write two nodes, one of role preferred and one of role nonPreferred`,
      );
      return undefined;
    }
    const listen = preferred[1].peerLink?.listen;
    if (listen === undefined) {
      this.complain(
        `nodes.${preferred[0]}.peerLink.listen`,
        'is missing; the preferred node listens for the other one: write an address',
      );
    }
    const first = this.node(preferred[0], preferred[1], other[0], listen ?? '');
    const second = this.node(other[0], other[1], preferred[0], listen ?? '');
    return [first, second];
  }

  timing(): PolarizationTiming | undefined {
    const written = this.raw.timing ?? 'lan';
    const { profile, ...changes } = typeof written === 'string' ? { profile: written } : written;
    const timing = { ...timingProfiles[profile], ...defined(changes) };
    try {
      checkTiming(timing);
      return timing;
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error;
      this.complain('timing', error.message);
      return undefined;
    }
  }

  volumes(): HoldfastConfig['volumes'] {
    const entries = Object.entries(this.raw.volumes);
    if (entries.length === 0)
      this.complain('volumes', 'nothing stands here; write at least one volume and its size');
    return entries.map(([volumeId, { size }]) => {
      if (size % smallestUnit !== 0)
        this.complain(
          `volumes.${volumeId}.size`,
          `${size} bytes are no multiple of ${smallestUnit}; write one`,
        );
      return { volumeId, sizeBytes: size };
    });
  }

  faultModel(): FaultModel {
    const written = this.raw.faultModel ?? 'mediator';
    if (written === 'mediator' || typeof written === 'string') {
      if (this.raw.witness === undefined) {
        this.complain(
          'witness',
          'is missing; faultModel mediator asks a witness: write its address, or choose faultModel: { preElected: NODE }',
        );
      }
      return { kind: 'mediator' };
    }
    const known = Object.keys(this.raw.nodes);
    if (!known.includes(written.preElected)) {
      const meant = nearestWord(written.preElected, known);
      this.complain(
        'faultModel.preElected',
        `"${written.preElected}" stands here; write ${eitherOf(known)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
      );
    }
    return { kind: 'preElected', node: written.preElected };
  }

  witness(): HoldfastConfig['witness'] {
    const { witness } = this.raw;
    if (witness === undefined) return undefined;
    const endpoint = this.endpoint(
      'witness',
      { listen: witness.listen, ...(witness.tls === undefined ? {} : { tls: witness.tls }) },
      'witness.listen',
    );
    if (endpoint.tls?.kind === 'pre-shared-key') {
      this.complain(
        'witness.tls',
        'holds a presharedKey; the witness goes by certificates: write certificate, key and authority',
      );
    }
    const { store, bootToken } = witness;
    const bootTokenFile = this.file('witness.bootToken', bootToken ?? `${store ?? 'witness'}.boot-token`);
    if (store === undefined) return { ...endpoint, bootTokenFile };
    return { ...endpoint, bootTokenFile, storeFolder: this.file('witness.store', store) };
  }

  initiator(): HoldfastConfig['initiator'] {
    const { initiator } = this.raw;
    if (initiator === undefined) return undefined;
    const { initiatorId, onNoSurvivor } = initiator;
    return {
      nbd: this.endpoint('initiator.nbd', initiator.nbd),
      ...(initiatorId === undefined ? {} : { initiatorId }),
      ...(onNoSurvivor === undefined ? {} : { onNoSurvivor }),
    };
  }

  /** Two that listen at one place, or write to one file, destroy each other's work. */
  checkDistinct(): void {
    const seen = new Map<string, string>();
    for (const { key, what } of this.taken) {
      const first = seen.get(what);
      if (first === undefined) seen.set(what, key);
      else this.complain(key, `"${what}" stands here and at ${first}; each needs its own`);
    }
  }

  private node(nodeId: string, raw: RawNode, peerId: string, peerLinkAddress: string): NodeConfig {
    const key = `nodes.${nodeId}`;
    return {
      nodeId,
      peerId,
      role: raw.role,
      storeFolder: this.file(`${key}.store`, raw.store),
      control: this.endpoint(`${key}.control`, raw.control),
      peerLink: this.peerLink(key, raw, peerLinkAddress),
      paths: this.endpoint(`${key}.paths`, raw.paths),
      legs: this.legs(key, raw),
      tuning: tuningOf(raw.tuning ?? {}),
      ...(raw.nbd === undefined ? {} : { nbd: this.endpoint(`${key}.nbd`, raw.nbd) }),
      ...(raw.readMode === undefined ? {} : { readMode: raw.readMode }),
    };
  }

  private peerLink(key: string, raw: RawNode, preferredListens: string): NodeConfig['peerLink'] {
    const link = raw.peerLink ?? {};
    const tls = link.tls;
    if (raw.role === 'preferred') {
      if (link.dial !== undefined)
        this.complain(
          `${key}.peerLink.dial`,
          'stands at the preferred node, which listens; move it to the other node',
        );
      const listen = { listen: link.listen ?? preferredListens, ...(tls === undefined ? {} : { tls }) };
      return {
        side: 'listen',
        ...this.endpoint(
          `${key}.peerLink`,
          listen,
          link.listen === undefined ? null : `${key}.peerLink.listen`,
        ),
      };
    }
    if (link.listen !== undefined) {
      this.complain(
        `${key}.peerLink.listen`,
        'stands at the non-preferred node, which dials; leave it out, or write dial where another way leads to the preferred node',
      );
    }
    const dial = link.dial ?? preferredListens;
    const own = tls ?? this.preferredTls();
    return {
      side: 'dial',
      ...this.endpoint(`${key}.peerLink`, { listen: dial, ...(own === undefined ? {} : { tls: own }) }, null),
    };
  }

  private preferredTls(): TlsConfig | undefined {
    return Object.values(this.raw.nodes).find(({ role }) => role === 'preferred')?.peerLink?.tls;
  }

  private legs(key: string, raw: RawNode): readonly LegConfig[] {
    const volumes = Object.keys(this.raw.volumes);
    for (const volumeId of Object.keys(raw.legs)) {
      if (volumes.includes(volumeId)) continue;
      const meant = nearestWord(volumeId, volumes);
      this.complain(
        `${key}.legs.${volumeId}`,
        `there is no volume of this name; write ${eitherOf(volumes)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
      );
    }
    return Object.entries(this.raw.volumes).flatMap(([volumeId, { size }]): LegConfig[] => {
      const leg = raw.legs[volumeId];
      if (leg === undefined) {
        this.complain(`${key}.legs.${volumeId}`, 'is missing; every node has a leg of every volume');
        return [];
      }
      return [
        {
          volumeId,
          sizeBytes: size,
          dataFile: this.file(`${key}.legs.${volumeId}.data`, leg.data),
          metadataFile: this.file(`${key}.legs.${volumeId}.metadata`, leg.metadata),
          simulatePowerLoss: leg.simulatePowerLoss ?? false,
          ...(leg.content === undefined ? {} : { content: leg.content }),
        },
      ];
    });
  }

  /** `listenKey`: under which key it is noted as taken; null for addresses that are dialled. */
  private endpoint(key: string, raw: RawEndpoint, listenKey: string | null = key): EndpointConfig {
    const { listen, tls } = typeof raw === 'string' ? { listen: raw, tls: undefined } : raw;
    const address = listen.startsWith('unix:')
      ? `unix:${resolve(this.folder, listen.slice('unix:'.length))}`
      : listen;
    if (listenKey !== null) this.taken.push({ key: listenKey, what: address });
    const files = tls === undefined ? undefined : this.tls(`${key}.tls`, tls);
    if (address.startsWith('tcp:') && files === undefined && !isLoopback(address)) {
      this.complain(
        `${key}.tls`,
        `is missing; ${address} would go in plain text. Write certificate, key and authority, or presharedKey`,
      );
    }
    return { address, ...(files === undefined ? {} : { tls: files }) };
  }

  private tls(key: string, raw: TlsConfig): TlsFiles | undefined {
    const { certificate, key: keyFile, authority, presharedKey, peerNames } = raw;
    if (presharedKey !== undefined) {
      if (
        certificate !== undefined ||
        keyFile !== undefined ||
        authority !== undefined ||
        peerNames !== undefined
      ) {
        this.complain(key, 'holds a presharedKey and a certificate; choose one of the two');
      }
      return { kind: 'pre-shared-key', keyFile: resolve(this.folder, presharedKey) };
    }
    if (certificate === undefined || keyFile === undefined || authority === undefined) {
      this.complain(
        key,
        'is not complete; write certificate, key and authority (PEM files), or presharedKey (a file with identity:hexadecimal key)',
      );
      return undefined;
    }
    return {
      kind: 'certificate',
      certificateFile: resolve(this.folder, certificate),
      keyFile: resolve(this.folder, keyFile),
      authorityFile: resolve(this.folder, authority),
      ...(peerNames === undefined ? {} : { peerNames }),
    };
  }

  private file(key: string, written: string): string {
    const path = resolve(this.folder, written);
    this.taken.push({ key, what: path });
    return path;
  }
}

function tuningOf(raw: Readonly<Record<string, unknown>>): Partial<NodeTuning> {
  const keys = Object.keys(defaultTuning).filter(isTuningKey);
  return Object.fromEntries(keys.flatMap((key) => (typeof raw[key] === 'number' ? [[key, raw[key]]] : [])));
}

function isTuningKey(key: string): key is keyof NodeTuning {
  return Object.hasOwn(defaultTuning, key);
}

function defined(changes: Readonly<Record<string, unknown>>): Partial<PolarizationTiming> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => typeof value === 'number'));
}

function isLoopback(address: string): boolean {
  return /^tcp:(127(\.\d{1,3}){3}|\[::1\]|localhost):/.test(address);
}
