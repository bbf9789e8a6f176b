import { type MemoryNetwork, seededRandom, type VirtualClock } from '@holdfast/testkit';
import { createInitiator, type Initiator } from '@holdfast/volume';
import { type History, type Request, sectorBytes, watchedSectors } from './history.js';
import { blockBytes, type ClientPlan, offsetOf, type Operation } from './plan.js';
import { clusterId, groupId } from './site.js';
import { detailOf } from './detail.js';

export interface HostWorld {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly history: History;
  /** A client was told of something that it should never have noticed. */
  failed(what: string): void;
}

/** A machine with clients that share one initiator. */
export class HostSite {
  private life = 0;
  private initiator: Promise<Initiator> | undefined;
  private readonly whenDead = new Set<() => void>();

  constructor(
    private readonly world: HostWorld,
    readonly name: string,
    private readonly seed: number,
  ) {}

  /** The machine goes down with all that it had in flight, and a new initiator starts, which knows nothing of that. */
  restart(): void {
    const dead = this.initiator;
    this.initiator = undefined;
    this.life += 1;
    this.world.network.host(this.name).kill();
    void dead?.then((initiator) => initiator[Symbol.asyncDispose]()).catch(() => undefined);
    for (const die of [...this.whenDead]) die();
  }

  private open(): Promise<Initiator> {
    this.initiator ??= createInitiator({
      clusterId,
      groupId,
      paths: [
        { nodeId: 'a', address: 'tcp:a:2000' },
        { nodeId: 'b', address: 'tcp:b:2000' },
      ],
      clock: this.world.clock,
      random: seededRandom(this.seed * 77 + this.life),
      transport: this.world.network.host(this.name),
    });
    return this.initiator;
  }

  /** One request after the other, to the end of the list. */
  async play(client: ClientPlan, name: string, isOver: () => boolean): Promise<void> {
    for (const operation of client.operations) {
      await new Promise<void>((resolve) => void this.world.clock.setTimer(operation.thinkMs, resolve));
      if (isOver()) return;
      await this.perform(operation, name);
    }
  }

  /** Settles when the client has its answer, or when its machine has died. */
  async perform(operation: Operation, client: string): Promise<void> {
    const { history } = this.world;
    const request = history.begin();
    const { life } = this;
    const died = new Promise<'died'>((resolve) => {
      const die = (): void => {
        this.whenDead.delete(die);
        resolve('died');
      };
      this.whenDead.add(die);
    });
    const work = this.send(operation, client, request, () => life === this.life).then(
      () => 'answered' as const,
      (error: unknown) => {
        if (life === this.life) this.world.failed(`${client}, ${operation.kind}: ${detailOf(error)}`);
        return 'failed' as const;
      },
    );
    const end = await Promise.race([work, died]);
    history.end(request, end === 'answered');
  }

  private async send(
    operation: Operation,
    client: string,
    request: Request,
    isAlive: () => boolean,
  ): Promise<void> {
    const { history } = this.world;
    const initiator = await this.open();
    const volumeId = `vol${String(operation.volume)}`;
    const { kind, block, count, forceUnitAccess } = operation;
    const lengthBytes = count * blockBytes;
    if (kind === 'flush') {
      await initiator.flush(volumeId);
      if (isAlive()) history.flushed(operation.volume, request.startedAt);
      return;
    }
    if (kind === 'read') {
      const buffer = await initiator.read(volumeId, offsetOf(block), lengthBytes);
      const values = stampsIn(buffer.bytes);
      buffer.release();
      if (isAlive()) history.saw(operation, values, request.startedAt, client);
      return;
    }
    const value = history.nextValue();
    history.writing(request, operation, value, client);
    await initiator.write(volumeId, offsetOf(block), stamped(value, lengthBytes), { forceUnitAccess });
    if (isAlive()) history.wrote(request);
  }
}

function stamped(value: number, lengthBytes: number): Uint8Array {
  const data = new Uint8Array(lengthBytes);
  const view = new DataView(data.buffer);
  for (let at = 0; at < lengthBytes; at += sectorBytes) view.setUint32(at, value);
  return data;
}

function stampsIn(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stamps: number[] = [];
  for (let block = 0; block < bytes.length; block += blockBytes)
    for (const sector of watchedSectors) stamps.push(view.getUint32(block + sector * sectorBytes));
  return stamps;
}
