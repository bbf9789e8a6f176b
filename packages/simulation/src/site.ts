import { lan, type WitnessPort } from '@holdfast/core';
import {
  type DiskFault,
  type DiskOperation,
  memoryDevice,
  MemoryDisk,
  type MemoryHost,
  type MemoryNetwork,
  MemoryRecords,
  memoryStore,
  type ProcessClock,
  seededRandom,
} from '@holdfast/testkit';
import {
  createNode,
  metadataSizeBytes,
  type NodeEvent,
  sha256Digest,
  type VolumeNode,
} from '@holdfast/volume';
import { type DeviceName, type Plan, type SiteName, volumeBytes } from './plan.js';
import { detailOf } from './detail.js';

export const clusterId = 'simulation';
export const groupId = 'group';

/** Pause before a start that failed is tried again, in milliseconds. */
const retryMs = 200;

export interface SiteWorld {
  readonly plan: Plan;
  readonly network: MemoryNetwork;
  witnessPort(site: SiteName, clock: ProcessClock, isAlive: () => boolean): WitnessPort;
  heard(site: Site, event: NodeEvent): void;
  note(line: string): void;
}

type DiskJudge = (operation: DiskOperation) => DiskFault | undefined;

interface Disk {
  readonly data: MemoryDisk;
  readonly metadata: MemoryDisk;
}

/** One machine with its disks and its clock, and at times a node on it. */
export class Site {
  readonly host: MemoryHost;
  readonly disks: readonly Disk[];
  readonly records: MemoryRecords;
  node: VolumeNode | undefined;
  /** Somebody keeps it down on purpose. */
  isDown = true;
  private readonly judges: Readonly<Record<DeviceName, Set<DiskJudge>>> = {
    data: new Set(),
    metadata: new Set(),
  };
  private machineBoots = 1;
  private starts = 0;
  private life = 0;

  constructor(
    private readonly world: SiteWorld,
    readonly name: SiteName,
    readonly clock: ProcessClock,
  ) {
    const { plan, network } = world;
    const { disk, volumes, saveMs } = plan.surroundings;
    this.host = network.host(name, { clock });
    const latencyMs: ConstructorParameters<typeof MemoryDisk>[0]['latencyMs'] = (_operation, random) =>
      disk.tailEvery > 0 && random.below(disk.tailEvery) === 0
        ? random.below(disk.tailMs)
        : random.unit() * disk.spreadMs;
    const seed = plan.seed * 10 + (name === 'a' ? 1 : 2);
    this.disks = Array.from({ length: volumes }, (_, index) => ({
      data: new MemoryDisk({
        name: `${name}.vol${String(index)}`,
        sizeBytes: volumeBytes,
        clock,
        seed: seed + index * 100,
        latencyMs,
      }),
      metadata: new MemoryDisk({
        name: `${name}.vol${String(index)}.metadata`,
        sizeBytes: metadataSizeBytes(volumeBytes),
        clock,
        seed: seed + 50 + index * 100,
        latencyMs,
      }),
    }));
    for (const disk of this.disks)
      for (const device of ['data', 'metadata'] as const)
        disk[device].faults = (operation) => {
          for (const judge of this.judges[device]) {
            const fault = judge(operation);
            if (fault !== undefined) return fault;
          }
          return undefined;
        };
    this.records = new MemoryRecords({ name: `${name}.store`, clock, saveMs, seed });
  }

  get mode(): string {
    return this.node?.status().mode ?? 'down';
  }

  /** Tries until it runs, as a supervisor does, or until somebody takes it down again. */
  start(): void {
    if (!this.isDown) return;
    this.isDown = false;
    void this.tryToStart(this.life);
  }

  private async tryToStart(life: number): Promise<void> {
    while (life === this.life) {
      try {
        const node = await this.open(life);
        if (life !== this.life) {
          void node[Symbol.asyncDispose]().catch(() => undefined);
          return;
        }
        this.node = node;
        return;
      } catch (error) {
        this.world.note(`${this.name} cannot start: ${detailOf(error)}`);
        await new Promise<void>((resolve) => void this.clock.setTimer(retryMs, resolve));
      }
    }
  }

  private async open(life: number): Promise<VolumeNode> {
    const { plan } = this.world;
    const { readMode, compare } = plan.surroundings;
    this.starts += 1;
    const node = await createNode({
      clusterId,
      groupId,
      nodeId: this.name,
      peerId: this.name === 'a' ? 'b' : 'a',
      role: this.name === 'a' ? 'preferred' : 'nonPreferred',
      legs: this.disks.map(({ data, metadata }, index) => ({
        volumeId: `vol${String(index)}`,
        data: memoryDevice(data),
        metadata: memoryDevice(metadata),
        content: 'zeros',
      })),
      store: memoryStore(this.records),
      bootId: `${this.name}-boot-${String(this.starts)}`,
      machineBootId: `${this.name}-machine-${String(this.machineBoots)}`,
      timing: lan,
      faultModel: { kind: 'mediator' },
      witness: this.world.witnessPort(this.name, this.clock, () => life === this.life),
      peerLink: this.name === 'a' ? { listen: 'tcp:a:1000' } : { dial: 'tcp:a:1000' },
      pathListen: `tcp:${this.name}:2000`,
      clock: this.clock,
      random: seededRandom(plan.seed * 1_000 + this.starts * 10 + (this.name === 'a' ? 1 : 2)),
      transport: this.host,
      tuning: {
        activityLogExtentBytes: 16 * 1024,
        activityLogExtents: 3,
        activityLogIdleMs: 60,
        resyncChunkBytes: 16 * 1024,
      },
      readMode,
      ...(compare ? { digest: sha256Digest } : {}),
    });
    node.subscribe((event) => {
      if (life !== this.life) return;
      this.world.heard(this, event);
    });
    return node;
  }

  /** SIGKILL: what was written stays, the process says nothing any more. */
  kill(): void {
    if (this.isDown) return;
    this.takeDown(() => {
      for (const disk of this.media()) disk.killProcess();
      this.records.crash();
      this.host.kill();
    });
  }

  /** What no flush has covered is gone, and peers see silence until the machine is back. */
  losePower(keep: 'nothing' | 'some'): void {
    this.takeDown(() => {
      for (const disk of this.media()) disk.losePower(keep === 'nothing' ? 'nothing' : undefined);
      this.records.crash();
      this.host.powerOff();
      this.machineBoots += 1;
    });
  }

  /** Asked before every operation of these disks, the oldest first. @returns what ends it. */
  onDisks(device: DeviceName, judge: DiskJudge): () => void {
    this.judges[device].add(judge);
    return () => this.judges[device].delete(judge);
  }

  /** Neither disks nor store do anything wrong from now on. */
  soundMedia(): void {
    this.judges.data.clear();
    this.judges.metadata.clear();
    this.records.faults = undefined;
  }

  private media(): MemoryDisk[] {
    return this.disks.flatMap(({ data, metadata }) => [data, metadata]);
  }

  private takeDown(how: () => void): void {
    this.life += 1;
    this.isDown = true;
    const dead = this.node;
    this.node = undefined;
    how();
    // The object of a dead process must not go on living in this one.
    void dead?.[Symbol.asyncDispose]().catch(() => undefined);
    if (this.clock.paused) this.clock.resume();
  }
}
