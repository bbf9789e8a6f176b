import { type BlockBuffer, type Clock, type Gate, HoldfastError } from '@holdfast/core';
import type { HostSide, HostWrite, VolumeDescription } from '../../src/api.js';
import { Origins } from '../../src/order/origins.js';

/** What keeps old writes from landing on newer ones. A test takes one away to show that it is needed. */
export interface Guards {
  /** A repeat is recognised in the turn that gives it its place. */
  readonly repeats: boolean;
  /** The bytes refuse a write that was ordered under an older epoch. */
  readonly epoch: boolean;
}

export interface FakeGroupOptions {
  readonly sizeBytes?: number;
  readonly guards?: Partial<Guards>;
  /** From one node to the other, in milliseconds. */
  readonly hopMs?: number;
  /** From a write's place in the order to its completion. */
  readonly legMs?: number;
}

/**
 * Two nodes that share one array of bytes: what a mirror looks like from the outside, without a mirror. The node that orders
 * may be paused by its clock; gates are set by the test.
 */
export class FakeGroup {
  readonly bytes: Uint8Array;
  readonly origins = new Origins();
  readonly nodes: ReadonlyMap<string, FakeNode>;
  readonly options: Required<Omit<FakeGroupOptions, 'guards'>> & { readonly guards: Guards };
  /** What the bytes know: writes ordered under an older one come too late. */
  epoch = 1;
  /** Applied writes, for stories. */
  readonly applied: { readonly initiatorId: string; readonly operation: number }[] = [];
  private tail: Promise<void> = Promise.resolve();

  constructor(clocks: ReadonlyMap<string, Clock>, options: FakeGroupOptions = {}) {
    this.options = {
      sizeBytes: options.sizeBytes ?? 65_536,
      hopMs: options.hopMs ?? 0.2,
      legMs: options.legMs ?? 0.1,
      guards: { repeats: true, epoch: true, ...options.guards },
    };
    this.bytes = new Uint8Array(this.options.sizeBytes);
    const [first = ''] = clocks.keys();
    this.nodes = new Map(
      [...clocks].map(([nodeId, clock]) => [nodeId, new FakeNode(this, nodeId, clock, first)]),
    );
  }

  node(nodeId: string): FakeNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`no node ${nodeId}`);
    return node;
  }

  other(than: FakeNode): FakeNode | undefined {
    return [...this.nodes.values()].find((node) => node !== than);
  }

  /** The witness has spoken: this node goes on alone under a new epoch. The other one learns it when the test says so. */
  survive(nodeId: string): void {
    this.epoch++;
    const node = this.node(nodeId);
    node.setGate({
      mode: 'standalone',
      host: 'open',
      epoch: this.epoch,
      sequencer: nodeId,
      legs: 'own',
      reads: 'free',
    });
  }

  /** Both mirror again, under a new epoch. */
  mirror(sequencer: string): void {
    this.epoch++;
    for (const node of this.nodes.values()) {
      node.setGate({
        mode: 'mirrored',
        host: 'open',
        epoch: this.epoch,
        sequencer,
        legs: 'both',
        reads: 'leased',
      });
    }
  }

  fence(nodeId: string): void {
    this.node(nodeId).setGate({ mode: 'fenced', host: 'closed', legs: 'none', reads: 'none' });
  }

  /** The node that stood still takes the order that it gave with it, and what it knew of operations under way. */
  forgetOrder(): void {
    this.tail = Promise.resolve();
    this.origins.restore(this.origins.snapshot());
  }

  /** One order for all writes: each begins when the one before it has ended. */
  inOrder(apply: () => Promise<void>): Promise<void> {
    const turn = this.tail.then(apply);
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}

export class FakeNode implements HostSide {
  readonly volumes: readonly VolumeDescription[];
  gate: Gate;
  initiators = 0;
  /** Requests wait this long before anything is decided about them. */
  queueMs = 0;
  raises = 0;
  private readonly listeners = new Set<(gate: Gate) => void>();

  constructor(
    private readonly group: FakeGroup,
    readonly nodeId: string,
    readonly clock: Clock,
    sequencer: string,
  ) {
    this.volumes = [{ volumeId: 'vol0', sizeBytes: group.options.sizeBytes }];
    this.gate = {
      mode: 'mirrored',
      host: 'open',
      epoch: 1,
      lineageId: 'l1',
      sequencer,
      legs: 'both',
      reads: 'leased',
    };
  }

  setGate(changes: Partial<Gate>): void {
    this.gate = { ...this.gate, ...changes };
    for (const listener of [...this.listeners]) listener(this.gate);
  }

  async read(_volume: number, offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    await this.sleep(this.queueMs);
    await this.open();
    if (this.gate.epoch !== this.group.epoch) throw this.fenced();
    const bytes = this.group.bytes.slice(offsetBytes, offsetBytes + lengthBytes);
    return {
      bytes,
      release: () => {
        bytes.fill(0xee);
      },
    };
  }

  async write(request: HostWrite): Promise<void> {
    await this.sleep(this.queueMs);
    await this.open();
    const { gate } = this;
    if (gate.sequencer === this.nodeId) {
      await this.order(request);
      return;
    }
    const sequencer = this.group.node(gate.sequencer);
    await sequencer.sleep(this.group.options.hopMs);
    await sequencer.open();
    await sequencer.order(request);
    await this.sleep(this.group.options.hopMs);
    if (this.gate.host === 'closed') throw this.fenced();
  }

  async flush(): Promise<void> {
    await this.sleep(this.queueMs + 0.3);
    await this.open();
  }

  async raiseGeneration(initiatorId: string, generation: number): Promise<void> {
    this.raises++;
    await this.open();
    // Both nodes confirm; one that stands still confirms nothing, until an epoch goes on without it.
    await this.confirmed();
    await this.open();
    await new Promise<void>((resolve, reject) => {
      const raised = this.group.origins.raise(initiatorId, generation, resolve);
      if (raised.kind === 'stale') reject(new HoldfastError('REFUSED', 'a higher generation was raised'));
      else if (raised.waitingFor === 0) resolve();
    });
  }

  async served(): Promise<void> {
    await this.until(() => this.gate.host !== 'closed');
  }

  onGate(listener: (gate: Gate) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  initiatorsChanged(count: number): void {
    this.initiators = count;
  }

  sleep(afterMs: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(afterMs, resolve));
  }

  private order(request: HostWrite): Promise<void> {
    const { origin } = request;
    const { guards, legMs } = this.group.options;
    if (origin === undefined || !guards.repeats) return this.apply(request, this.gate.epoch, legMs);
    const admission = this.group.origins.admit(origin);
    switch (admission.kind) {
      case 'done':
        return Promise.resolve();
      case 'stale':
        return Promise.reject(new HoldfastError('REFUSED', 'an older generation'));
      case 'in-flight':
        return new Promise((resolve, reject) => {
          admission.whenSettled((outcome) => {
            if (outcome === 'finished') resolve();
            else reject(this.fenced());
          });
        });
      case 'new':
        return this.apply(request, this.gate.epoch, legMs).then(
          () => this.group.origins.finished(origin),
          (error: unknown) => {
            this.group.origins.dropped(origin);
            throw error;
          },
        );
    }
  }

  private apply(request: HostWrite, epoch: number, legMs: number): Promise<void> {
    return this.group.inOrder(async () => {
      await this.sleep(legMs);
      if (this.group.options.guards.epoch && epoch !== this.group.epoch) throw this.fenced();
      const { offsetBytes, lengthBytes, data, origin } = request;
      if (data === undefined) this.group.bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
      else this.group.bytes.set(data, offsetBytes);
      if (origin !== undefined) this.group.applied.push(origin);
    });
  }

  /** The other node is there, or does not count any more. */
  private confirmed(): Promise<void> {
    const other = this.group.other(this);
    if (other === undefined || this.gate.legs === 'own') return Promise.resolve();
    return Promise.race([other.sleep(this.group.options.hopMs), this.until(() => this.gate.legs === 'own')]);
  }

  async open(): Promise<void> {
    await this.until(() => this.gate.host !== 'held');
    if (this.gate.host === 'closed') throw this.fenced();
  }

  private until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.onGate(() => {
        if (!condition()) return;
        stop();
        resolve();
      });
    });
  }

  private fenced(): HoldfastError {
    return new HoldfastError('FENCED', `node ${this.nodeId} stopped serving`);
  }
}
