import {
  type BlockBuffer,
  type FaultModel,
  lan,
  type PolarizationTiming,
  type WitnessAnswer,
  type WitnessPort,
} from '@holdfast/core';
import {
  type DiskLatency,
  memoryDevice,
  MemoryDisk,
  type MemoryHost,
  MemoryNetwork,
  MemoryRecords,
  memoryStore,
  type ProcessClock,
  seededRandom,
  VirtualClock,
} from '@holdfast/testkit';
import { createInMemoryWitness, type InMemoryWitness } from '@holdfast/witness';
import {
  createInitiator,
  createNode,
  type Initiator,
  metadataSizeBytes,
  type NodeEvent,
  type NodeTuning,
  type VolumeNode,
} from '../../src/index.js';
import { loadNotes } from '../../src/group/record.js';
import type { OriginsSnapshot } from '../../src/order/origins.js';

export interface ClusterOptions {
  readonly seed?: number;
  readonly sizeBytes?: number;
  readonly faultModel?: FaultModel;
  readonly timing?: Partial<PolarizationTiming>;
  readonly tuning?: Partial<NodeTuning>;
  readonly volumes?: readonly string[];
  readonly content?: 'zeros' | 'adopt';
  readonly readMode?: 'leased' | 'confirmed';
  readonly digest?: (block: Uint8Array) => Uint8Array;
  /** Milliseconds for an operation of a leg. */
  readonly latency?: DiskLatency;
}

const clusterId = 'test';
const groupId = 'group';
export const mib = 1024 * 1024;

interface SiteDisk {
  readonly volumeId: string;
  readonly data: MemoryDisk;
  readonly metadata: MemoryDisk;
}

/** One site: a machine with its disks and its clock, and at times a node on it. */
export class Site {
  readonly host: MemoryHost;
  readonly clock: ProcessClock;
  disks: readonly SiteDisk[];
  records: MemoryRecords;
  node: VolumeNode | undefined;
  readonly events: NodeEvent[] = [];
  private machineBoots = 1;
  private starts = 0;
  witnessReachable = true;

  constructor(
    private readonly cluster: Cluster,
    readonly nodeId: 'a' | 'b',
  ) {
    const { clock, network } = cluster;
    this.clock = clock.process({ name: nodeId });
    this.host = network.host(nodeId, { clock: this.clock });
    this.disks = this.emptyDisks();
    this.records = this.emptyRecords();
  }

  /** Another machine in the place of this one, which is down: empty disks, an empty store. */
  replace(): void {
    this.disks = this.emptyDisks();
    this.records = this.emptyRecords();
  }

  private emptyRecords(): MemoryRecords {
    return new MemoryRecords({ name: `${this.nodeId}.store`, clock: this.clock });
  }

  private emptyDisks(): readonly SiteDisk[] {
    const { cluster, nodeId } = this;
    const { options } = cluster;
    const sizeBytes = options.sizeBytes ?? 8 * mib;
    return (options.volumes ?? ['vol0']).map((volumeId) => ({
      volumeId,
      data: new MemoryDisk({
        name: `${nodeId}.${volumeId}`,
        sizeBytes,
        clock: this.clock,
        seed: cluster.seed,
        ...(options.latency === undefined ? {} : { latencyMs: options.latency }),
      }),
      metadata: new MemoryDisk({
        name: `${nodeId}.${volumeId}.meta`,
        sizeBytes: metadataSizeBytes(sizeBytes),
        clock: this.clock,
      }),
    }));
  }

  get running(): VolumeNode {
    if (this.node === undefined) throw new TypeError(`node ${this.nodeId} is not running`);
    return this.node;
  }

  get mode(): string {
    return this.node?.status().mode ?? 'down';
  }

  /** What its store says of writes that were carried out. */
  async notes(): Promise<OriginsSnapshot> {
    const notes = await loadNotes(
      memoryStore(this.records),
      groupId,
      `${this.nodeId}-machine-${String(this.machineBoots)}`,
    );
    if (notes === undefined) throw new TypeError(`node ${this.nodeId} has noted nothing`);
    return notes;
  }

  async start(): Promise<VolumeNode> {
    const { options } = this.cluster;
    this.starts += 1;
    this.node = await createNode({
      clusterId,
      groupId,
      nodeId: this.nodeId,
      peerId: this.nodeId === 'a' ? 'b' : 'a',
      role: this.nodeId === 'a' ? 'preferred' : 'nonPreferred',
      legs: this.disks.map(({ volumeId, data, metadata }) => ({
        volumeId,
        data: memoryDevice(data),
        metadata: memoryDevice(metadata),
        content: options.content ?? 'zeros',
      })),
      store: memoryStore(this.records),
      bootId: `${this.nodeId}-boot-${String(this.starts)}`,
      machineBootId: `${this.nodeId}-machine-${String(this.machineBoots)}`,
      timing: { ...lan, ...options.timing },
      faultModel: options.faultModel ?? { kind: 'mediator' },
      witness: this.cluster.witnessFor(this),
      peerLink: this.nodeId === 'a' ? { listen: 'tcp:a:1000' } : { dial: 'tcp:a:1000' },
      pathListen: `tcp:${this.nodeId}:2000`,
      clock: this.clock,
      random: seededRandom(this.cluster.seed * 1_000 + this.starts * 10 + (this.nodeId === 'a' ? 1 : 2)),
      transport: this.host,
      tuning: { activityLogExtentBytes: 256 * 1024, activityLogExtents: 64, ...options.tuning },
      ...(options.digest === undefined ? {} : { digest: options.digest }),
      ...(options.readMode === undefined ? {} : { readMode: options.readMode }),
    });
    this.node.subscribe((event) => this.events.push(event));
    return this.node;
  }

  /** SIGKILL: what was written stays, the process says nothing any more. */
  async kill(): Promise<void> {
    for (const { data, metadata } of this.disks) {
      data.killProcess();
      metadata.killProcess();
    }
    this.records.crash();
    this.host.kill();
    await this.bury();
  }

  /** The machine loses its power: what was not flushed is gone, and peers see silence. */
  async losePower(): Promise<void> {
    for (const { data, metadata } of this.disks) {
      data.losePower('nothing');
      metadata.losePower('nothing');
    }
    this.records.crash();
    this.host.powerOff();
    this.machineBoots += 1;
    await this.bury();
  }

  /** The object of a dead process must not go on living in this one. */
  private async bury(): Promise<void> {
    const dead = this.node;
    this.node = undefined;
    void dead?.[Symbol.asyncDispose]().catch(() => undefined);
    await this.cluster.clock.settle();
  }
}

/** Two sites, a witness and hosts on one virtual clock. */
export class Cluster implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly seed: number;
  readonly a: Site;
  readonly b: Site;
  witnessUp = true;
  private witness: InMemoryWitness | undefined;
  private readonly initiators: Initiator[] = [];
  private hosts = 0;

  private constructor(readonly options: ClusterOptions) {
    this.seed = options.seed ?? 1;
    this.network = new MemoryNetwork({ clock: this.clock, seed: this.seed });
    this.a = new Site(this, 'a');
    this.b = new Site(this, 'b');
  }

  static async create(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options);
    cluster.witness = await createInMemoryWitness({ random: seededRandom(cluster.seed) });
    return cluster;
  }

  /** Starts both nodes and waits until they mirror. */
  static async mirrored(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.create(options);
    await cluster.a.start();
    await cluster.b.start();
    await cluster.until(() => cluster.a.mode === 'mirrored' && cluster.b.mode === 'mirrored', 'both mirror');
    await cluster.clock.advance(500);
    return cluster;
  }

  witnessFor(site: Site): WitnessPort {
    const ask = async (call: () => Promise<WitnessAnswer>): Promise<WitnessAnswer> => {
      await this.wait(0.2);
      if (!this.witnessUp || !site.witnessReachable || this.witness === undefined) {
        await this.wait(50);
        return { kind: 'unreachable', detail: 'cut off by the test' };
      }
      const answer = await call();
      await this.wait(0.2);
      return answer;
    };
    const must = (): InMemoryWitness => {
      if (this.witness === undefined) throw new TypeError('no witness');
      return this.witness;
    };
    return {
      register: (claim) => ask(() => must().register(claim)),
      promote: (claim) => ask(() => must().promote(claim)),
      reassert: (claim) => ask(() => must().reassert(claim)),
      rejoin: (claim) => ask(() => must().rejoin(claim)),
      status: (groupIdAsked) => ask(() => must().status(groupIdAsked)),
    };
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.setTimer(ms, resolve);
    });
  }

  async until(reached: () => boolean, what: string, limitMs = 20_000): Promise<number> {
    const from = this.clock.now();
    while (!reached()) {
      if (this.clock.now() - from > limitMs) {
        throw new Error(
          `not after ${String(limitMs)} ms: ${what} (a ${this.a.mode}, b ${this.b.mode})\n${this.why()}`,
        );
      }
      await this.clock.advance(5);
    }
    return this.clock.now() - from;
  }

  why(): string {
    return [this.a, this.b]
      .flatMap(({ nodeId, node }) =>
        (node?.recentDecisions(8) ?? []).map(
          (decision) => `${nodeId} ${String(Math.round(decision.at))} ${decision.mode}: ${decision.sentence}`,
        ),
      )
      .join('\n');
  }

  /** A host with its own initiator. */
  async initiator(): Promise<Initiator> {
    this.hosts += 1;
    const name = `host${String(this.hosts)}`;
    const host = this.network.host(name);
    const opening = createInitiator({
      clusterId,
      groupId,
      paths: [
        { nodeId: 'a', address: 'tcp:a:2000' },
        { nodeId: 'b', address: 'tcp:b:2000' },
      ],
      clock: this.clock,
      random: seededRandom(this.seed * 77 + this.hosts),
      transport: host,
    });
    const initiator = await this.finish(opening, 'the initiator is open');
    this.initiators.push(initiator);
    return initiator;
  }

  /** Moves time until `work` has settled. */
  async finish<Result>(work: Promise<Result>, what: string, limitMs = 20_000): Promise<Result> {
    let settled = false;
    const watched = work.finally(() => (settled = true));
    watched.catch(() => undefined);
    await this.until(() => settled, what, limitMs);
    return watched;
  }

  /** The first bytes in which the legs differ, for people; undefined when they are equal. */
  legsDifference(): string | undefined {
    for (const [index, { volumeId, data }] of this.a.disks.entries()) {
      const other = this.b.disks[index];
      if (other === undefined) continue;
      const mine = visible(data);
      const theirs = visible(other.data);
      const at = mine.findIndex((byte, offset) => byte !== theirs[offset]);
      if (at >= 0)
        return `${volumeId} at byte ${String(at)}: a has ${String(mine[at])}, b has ${String(theirs[at])}`;
    }
    return undefined;
  }

  legsEqual(): boolean {
    return this.a.disks.every(({ data }, index) => {
      const other = this.b.disks[index];
      if (other === undefined) return false;
      const mine = visible(data);
      const theirs = visible(other.data);
      return mine.every((byte, at) => byte === theirs[at]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = [...this.initiators, this.a.node, this.b.node].map(async (part) => {
      await part?.[Symbol.asyncDispose]();
    });
    await Promise.race([Promise.all(closing), this.clock.advance(10_000)]);
  }
}

export function visible(disk: MemoryDisk): Uint8Array {
  const bytes = new Uint8Array(disk.sizeBytes);
  disk.readVisible(0, bytes);
  return bytes;
}

export function stamp(version: number, lengthBytes = 4096): Uint8Array {
  return new Uint8Array(lengthBytes).map((_, at) => (version * 31 + at * 7) & 0xff);
}

export function take(buffer: BlockBuffer): Uint8Array {
  const copy = buffer.bytes.slice();
  buffer.release();
  return copy;
}
