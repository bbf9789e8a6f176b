import type { InitiatorEvent, InitiatorOptions, Initiator, InitiatorTuning } from '../../src/index.js';
import { createInitiator, PathServer, type PathNotice, type PathServerLimits } from '../../src/index.js';
import { NbdByteBudget } from '@holdfast/nbd';
import { MemoryNetwork, type ProcessClock, seededRandom, VirtualClock } from '@holdfast/testkit';
import { FakeGroup, type FakeGroupOptions } from './fake-group.js';

export interface StageOptions extends FakeGroupOptions {
  readonly latencyMs?: number;
  readonly seed?: number;
  readonly budgetBytes?: number;
  readonly limits?: Partial<PathServerLimits>;
}

/** Two nodes p and n with a path server each, and as many initiators as a story needs, on a virtual clock and network. */
export class Stage {
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly clocks = new Map<string, ProcessClock>();
  readonly group: FakeGroup;
  readonly servers = new Map<string, PathServer>();
  readonly budgets = new Map<string, NbdByteBudget>();
  readonly notices: PathNotice[] = [];
  private readonly initiators: Initiator[] = [];
  private seed: number;

  private constructor(private readonly options: StageOptions) {
    this.seed = options.seed ?? 1;
    this.network = new MemoryNetwork({
      clock: this.clock,
      seed: this.seed,
      speed: { latencyMs: options.latencyMs ?? 0.1 },
    });
    for (const nodeId of ['p', 'n']) this.clocks.set(nodeId, this.clock.process({ name: nodeId }));
    this.group = new FakeGroup(this.clocks, options);
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(options);
    for (const nodeId of ['p', 'n']) await stage.serve(nodeId);
    return stage;
  }

  async serve(nodeId: string): Promise<PathServer> {
    const clock = this.clockOf(nodeId);
    const budget = new NbdByteBudget(this.options.budgetBytes ?? 8 * 1024 * 1024);
    const server = new PathServer({
      clusterId: 'c1',
      groupId: 'g1',
      nodeId,
      hostSide: this.group.node(nodeId),
      clock,
      budget,
      ...(this.options.limits === undefined ? {} : { limits: this.options.limits }),
      observe: (notice) => this.notices.push(notice),
    });
    this.servers.set(nodeId, server);
    this.budgets.set(nodeId, budget);
    await this.network
      .host(nodeId, { clock })
      .listen(`tcp:${nodeId}:7000`, (stream) => server.accept(stream));
    return server;
  }

  clockOf(name: string): ProcessClock {
    let clock = this.clocks.get(name);
    if (clock === undefined) {
      clock = this.clock.process({ name });
      this.clocks.set(name, clock);
    }
    return clock;
  }

  initiatorOptions(
    host: string,
    changes: Partial<InitiatorOptions> & { readonly tuning?: Partial<InitiatorTuning> } = {},
  ): InitiatorOptions {
    const clock = this.clockOf(host);
    return {
      clusterId: 'c1',
      groupId: 'g1',
      initiatorId: host,
      paths: [
        { nodeId: 'p', address: 'tcp:p:7000' },
        { nodeId: 'n', address: 'tcp:n:7000' },
      ],
      clock,
      random: seededRandom(++this.seed),
      transport: this.network.host(host, { clock }),
      ...changes,
    };
  }

  async initiator(
    host: string,
    changes: Parameters<Stage['initiatorOptions']>[1] = {},
  ): Promise<Initiator & { readonly events: InitiatorEvent[] }> {
    const opening = createInitiator(this.initiatorOptions(host, changes));
    const initiator = await this.until(opening);
    this.initiators.push(initiator);
    const events: InitiatorEvent[] = [];
    initiator.subscribe((event) => events.push(event));
    return Object.assign(initiator, { events });
  }

  /** Runs until the promise is settled, at most `limitMs`. */
  async until<Value>(promise: Promise<Value>, limitMs = 10_000): Promise<Value> {
    const watched = { settled: false };
    const settle = (): void => {
      watched.settled = true;
    };
    promise.then(settle, settle);
    for (let waitedMs = 0; !watched.settled; waitedMs++) {
      if (waitedMs >= limitMs) throw new Error(`not settled within ${limitMs} ms of virtual time`);
      await this.clock.advance(1);
    }
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const initiator of this.initiators) await initiator[Symbol.asyncDispose]();
    for (const server of this.servers.values()) await server[Symbol.asyncDispose]();
  }
}
