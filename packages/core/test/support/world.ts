import {
  freshRecord,
  lan,
  ttlPolarization,
  type FaultModel,
  type NodeRecord,
  type OperatorCommand,
  type PolarizationEvent,
  type PolarizationTiming,
} from '../../src/index.js';
import { TestNode, type NodeId } from './node.js';
import { WitnessModel } from './witness-model.js';

export interface WorldOptions {
  readonly timing?: PolarizationTiming;
  readonly faultModel?: FaultModel;
  /** One way between the nodes, and to the witness and back. */
  readonly delayMs?: number;
  /** To the witness and back, when it is not the same. */
  readonly witnessDelayMs?: number;
  readonly persistMs?: number;
  readonly resyncMs?: number;
  /** Rates of the two clocks against true time. */
  readonly rates?: Readonly<Record<NodeId, number>>;
  readonly policy?: typeof ttlPolarization;
  readonly bootAlone?: boolean;
  /** The disk reports a record durable before it is: what `after` and `persisted` are there to rule out. */
  readonly lyingDisk?: boolean;
  readonly records?: Partial<Record<NodeId, NodeRecord>>;
  /** Fails when a check does; off for stories of broken variants. */
  readonly checked?: boolean;
}

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

interface Session {
  readonly numbers: Record<NodeId, number>;
  /** Who still believes in it. */
  readonly open: Record<NodeId, boolean>;
  /** Swallowed while a direction was cut: sent again when it heals. */
  readonly waiting: { readonly to: NodeId; readonly deliver: () => void }[];
}

export const other = (id: NodeId): NodeId => (id === 'a' ? 'b' : 'a');

/** Two nodes `a` (preferred) and `b`, a link and a witness on virtual time. Everything that happens is in one queue. */
export class World {
  now = 0;
  /** Where the story's clock stands at 0. */
  zero = 0;
  readonly lines: string[] = [];
  readonly nodes: Record<NodeId, TestNode>;
  readonly witness = new WitnessModel(['a', 'b']);
  readonly timing: PolarizationTiming;
  /** Directions that swallow: `a>b`, `b>a`, `a>w`, `w>a`, `b>w`, `w>b`. */
  readonly cuts = new Set<string>();
  readonly reconnectMs = 10;
  /** Acknowledged writes; each copy is the set of those that it holds. */
  readonly acknowledged = new Set<number>();
  writes = 0;
  checks: (() => void)[] = [];
  private queue: Entry[] = [];
  private order = 0;
  session: Session | undefined;
  private sessions = 0;
  private connecting = false;

  constructor(readonly options: WorldOptions = {}) {
    this.timing = options.timing ?? lan;
    const make = (id: NodeId): TestNode =>
      new TestNode(
        this,
        id,
        options.records?.[id] ?? fresh(id),
        options.rates?.[id] ?? 1,
        options.policy ?? ttlPolarization,
      );
    this.nodes = { a: make('a'), b: make('b') };
  }

  get delayMs(): number {
    return this.options.delayMs ?? 1;
  }

  get witnessDelayMs(): number {
    return this.options.witnessDelayMs ?? this.delayMs;
  }

  get faultModel(): FaultModel {
    return this.options.faultModel ?? { kind: 'mediator' };
  }

  after(delayMs: number, run: () => void): void {
    this.queue.push({ at: this.now + delayMs, order: (this.order += 1), run });
  }

  runUntil(time: number): void {
    for (;;) {
      let next: Entry | undefined;
      for (const entry of this.queue) {
        if (
          entry.at <= time &&
          (next === undefined || entry.at < next.at || (entry.at === next.at && entry.order < next.order))
        )
          next = entry;
      }
      if (next === undefined) break;
      this.queue.splice(this.queue.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.run();
      for (const check of this.checks) check();
    }
    this.now = time;
  }

  log(line: string): void {
    this.lines.push(`+${String(Math.round(this.now - this.zero))}ms ${line}`);
  }

  start(id: NodeId): void {
    this.nodes[id].start();
    this.connectSoon();
  }

  /** The machine goes down: its copy forgets the latest writes, unless nobody else can have them either. */
  losePower(id: NodeId, landed = false): void {
    const node = this.nodes[id];
    this.crash(id, landed);
    node.machineBoots += 1;
    const lost = [...node.copy].sort((x, y) => y - x).slice(0, 3);
    const peer = this.nodes[other(id)];
    for (const write of lost) {
      node.copy.delete(write);
      if (node.disk.owner === id || !peer.copy.has(write)) this.acknowledged.delete(write);
    }
    node.lostPower = true;
    if (!peer.lostPower) return;
    // Both sites have lost power since they last mirrored: what either has lost may be gone, as declared.
    for (const write of this.acknowledged) {
      if (!node.copy.has(write) || !peer.copy.has(write)) this.acknowledged.delete(write);
    }
  }

  crash(id: NodeId, landed = false): void {
    this.nodes[id].crash(landed);
    const { session } = this;
    if (session === undefined) return;
    session.open[id] = false;
    this.hangUpAtOther(id);
  }

  /** A new, empty leg in the place of the old one: the record went with it. */
  replaceLeg(id: NodeId): void {
    const node = this.nodes[id];
    node.disk = fresh(id);
    node.copy = new Set();
  }

  /** Both sides see the end of the connection, and the link is made anew. */
  reset(): void {
    for (const id of ['a', 'b'] as const) this.ended(id, 'connection reset');
  }

  cut(direction: string): void {
    this.cuts.add(direction);
  }

  heal(direction: string): void {
    this.cuts.delete(direction);
    const { session } = this;
    if (session !== undefined) {
      for (const message of session.waiting.splice(0)) {
        if (this.cuts.has(`${other(message.to)}>${message.to}`)) session.waiting.push(message);
        else this.after(this.delayMs, message.deliver);
      }
    }
    this.connectSoon();
  }

  command(id: NodeId, command: OperatorCommand): void {
    this.nodes[id].dispatch({ kind: 'command', commandId: `c${String((this.order += 1))}`, command });
  }

  /** One message of the session with that number at `from`. In order, delayed, and swallowed while the direction is cut. */
  send(
    from: NodeId,
    number: number,
    message: Extract<PolarizationEvent, { kind: 'peer-message' }>['message'],
  ): void {
    const { session } = this;
    if (session === undefined || session.numbers[from] !== number || !session.open[from]) return;
    const to = other(from);
    // What was composed is what arrives, whatever the sender does to its state afterwards.
    const copy = structuredClone(message);
    const deliver = (): void => {
      if (this.session === session && session.open[to]) {
        this.nodes[to].dispatch({ kind: 'peer-message', session: session.numbers[to], message: copy });
      }
    };
    const direction = `${from}>${to}`;
    if (this.cuts.has(direction) || session.waiting.some((waiting) => waiting.to === to))
      session.waiting.push({ to, deliver });
    else this.after(this.delayMs, deliver);
  }

  drop(id: NodeId, number: number): void {
    const { session } = this;
    if (session === undefined || session.numbers[id] !== number || !session.open[id]) return;
    session.open[id] = false;
    this.hangUpAtOther(id);
    this.connectSoon();
  }

  private hangUpAtOther(id: NodeId): void {
    const to = other(id);
    const { session } = this;
    const end = (): void => {
      if (this.session === session) this.ended(to, 'the other side has hung up');
    };
    if (session === undefined) return;
    if (this.cuts.has(`${id}>${to}`)) session.waiting.push({ to, deliver: end });
    else this.after(this.delayMs, end);
  }

  private ended(id: NodeId, cause: string): void {
    const { session } = this;
    if (session === undefined || !session.open[id]) return;
    session.open[id] = false;
    this.nodes[id].dispatch({ kind: 'peer-disconnected', session: session.numbers[id], cause });
    this.connectSoon();
  }

  private connectSoon(): void {
    if (this.connecting) return;
    this.connecting = true;
    this.after(this.reconnectMs, () => {
      this.connecting = false;
      this.connect();
    });
  }

  /** Takes both introductions, and delivers them one delay later, if nothing has happened to the link by then. */
  private connect(): void {
    const { a, b } = this.nodes;
    const isUp = a.isRunning && b.isRunning && !a.paused && !b.paused;
    const isNeeded = this.session === undefined || !this.session.open.a || !this.session.open.b;
    if (!isNeeded) return;
    const blocked = (): boolean => this.cuts.has('a>b') || this.cuts.has('b>a');
    if (!isUp || blocked()) {
      if (a.isRunning && b.isRunning) this.connectSoon();
      return;
    }
    const lives = [a.incarnation, b.incarnation];
    const introductions = { a: structuredClone(b.introduction()), b: structuredClone(a.introduction()) };
    this.connecting = true;
    this.after(this.delayMs, () => {
      this.connecting = false;
      if (
        blocked() ||
        a.incarnation !== lives[0] ||
        b.incarnation !== lives[1] ||
        !a.isRunning ||
        !b.isRunning
      ) {
        this.connectSoon();
        return;
      }
      this.sessions += 1;
      this.session = {
        numbers: { a: this.sessions, b: this.sessions },
        open: { a: true, b: true },
        waiting: [],
      };
      for (const id of ['a', 'b'] as const) {
        this.nodes[id].dispatch({
          kind: 'peer-connected',
          session: this.sessions,
          introduction: introductions[id],
        });
      }
    });
  }

  /** A host writes at that node, if its gate lets it; true when it is acknowledged. One instant stands for all of it. */
  write(id: NodeId): boolean {
    const node = this.nodes[id];
    const { gate } = node;
    if (!node.isServing || gate.host !== 'open' || node.draining !== undefined) return false;
    const write = (this.writes += 1);
    const peer = this.nodes[other(id)];
    const linked =
      this.session?.open[id] === true &&
      this.session.open[other(id)] &&
      !this.cuts.has('a>b') &&
      !this.cuts.has('b>a');
    if (gate.legs === 'both') {
      const takes =
        linked &&
        peer.isServing &&
        peer.gate.mode === 'mirrored' &&
        peer.gate.epoch === gate.epoch &&
        peer.gate.lineageId === gate.lineageId;
      // Applied at the own leg and not acknowledged: it may surface later, or be rolled back.
      if (!takes) return false;
      peer.copy.add(write);
    } else if (gate.legs === 'own-and-target' && linked && peer.isServing && peer.syncing) {
      peer.copy.add(write);
    }
    node.copy.add(write);
    this.acknowledged.add(write);
    return true;
  }
}

function fresh(id: NodeId): NodeRecord {
  return freshRecord({
    groupId: 'g',
    nodeId: id,
    peerId: other(id),
    role: id === 'a' ? 'preferred' : 'nonPreferred',
    machineBootId: `machine-${id}-1`,
  });
}
