import {
  consistencyGroup,
  freshGroupRecord,
  lan,
  type GroupEffect,
  type GroupFact,
  type GroupOptions,
  type GroupRecord,
  type SiteProbe,
  type SwapCondition,
} from '../../src/index.js';
import { WitnessModel } from '../support/witness-model.js';
import { ids, other, type NodeId } from './names.js';
import { TestNode } from './node.js';

export { ids, other, type NodeId };
type Policies = Pick<
  GroupOptions,
  'mediatorFallback' | 'plannedFailover' | 'swapRecovery' | 'latencyFailback'
>;

export const every: Policies = {
  mediatorFallback: { mediators: ['m1'] },
  plannedFailover: { members: ['data', 'log'] },
  swapRecovery: { first: 'a' },
  latencyFailback: {},
};

export interface WorldOptions {
  readonly policies?: Policies;
  readonly faultModel?: GroupOptions['faultModel'];
  readonly bootAlone?: boolean;
  readonly policy?: typeof consistencyGroup;
  readonly persistMs?: number;
  readonly resyncMs?: number;
  readonly records?: Partial<Record<NodeId, GroupRecord>>;
  readonly onEffect?: (node: TestNode, effect: GroupEffect) => void;
}

interface Session {
  readonly number: number;
  readonly open: Record<NodeId, boolean>;
  /** Swallowed while a direction was cut: it comes after healing. */
  readonly waiting: { readonly to: NodeId; readonly deliver: () => void }[];
}

/** Two nodes `a` (preferred) and `b`, a link and mediators on virtual time. Everything that happens is in one queue. */
export class World {
  now = 0;
  zero = 0;
  readonly lines: string[] = [];
  readonly nodes: Record<NodeId, TestNode>;
  readonly timing = lan;
  /** Directions that swallow: `a>b`, `b>a`, `a>w`, `b>w`; and mediators that are down. */
  readonly cuts = new Set<string>();
  readonly hosts: Record<NodeId, number> = { a: 2, b: 2 };
  readonly acknowledged = new Set<number>();
  writes = 0;
  outOfSyncBytes = 100_000_000;
  conditions: Omit<SwapCondition, 'messages'>[] = [];
  probe: SiteProbe = {
    primaryReadUs: 300,
    primaryWriteUs: 400,
    secondaryReadUs: 300,
    secondaryWriteUs: 400,
    roundTripUs: 1_000,
  };
  session: Session | undefined;
  readonly policy: typeof consistencyGroup;
  readonly persistMs: number;
  resyncMs = 20;
  checks: (() => void)[] = [];
  /** A node has taken a step since the last check. */
  hasChanged = false;
  private readonly witnesses = new Map<string, WitnessModel>();
  private queue: { at: number; order: number; run: () => void }[] = [];
  private order = 0;
  private sessions = 0;
  private connecting = false;

  constructor(readonly options: WorldOptions = {}) {
    this.policy = options.policy ?? consistencyGroup;
    this.persistMs = options.persistMs ?? 1;
    this.nodes = {
      a: new TestNode(this, 'a', options.records?.a ?? fresh('a')),
      b: new TestNode(this, 'b', options.records?.b ?? fresh('b')),
    };
  }

  get onEffect(): WorldOptions['onEffect'] {
    return this.options.onEffect;
  }

  mediator(id: string): WitnessModel {
    const known = this.witnesses.get(id) ?? new WitnessModel(['a', 'b']);
    this.witnesses.set(id, known);
    return known;
  }

  reaches(id: NodeId, mediator: string): boolean {
    return !this.cuts.has(`${id}>w`) && !this.cuts.has(mediator);
  }

  optionsOf(node: TestNode): GroupOptions {
    const { id, incarnation, machineBoots, disk } = node;
    const { faultModel, bootAlone, policies } = this.options;
    return {
      groupId: 'g',
      nodeId: id,
      peerId: other(id),
      incarnation,
      bootId: `${id}${String(incarnation)}`,
      machineBootId: `machine-${id}-${String(machineBoots)}`,
      lineageSeed: `${id}${String(incarnation)}`,
      pristine: disk.mode === 'fresh',
      timing: this.timing,
      record: disk,
      ...(faultModel === undefined ? {} : { faultModel }),
      ...(bootAlone === undefined ? {} : { bootAlone }),
      ...policies,
    };
  }

  log(line: string): void {
    this.lines.push(`+${String(Math.round(this.now - this.zero))}ms ${line}`);
  }

  after(delayMs: number, run: () => void): void {
    this.queue.push({ at: this.now + delayMs, order: (this.order += 1), run });
  }

  run(forMs: number): void {
    const end = this.now + forMs;
    for (;;) {
      let next: (typeof this.queue)[number] | undefined;
      for (const entry of this.queue) {
        if (entry.at > end) continue;
        if (next === undefined || entry.at < next.at || (entry.at === next.at && entry.order < next.order))
          next = entry;
      }
      if (next === undefined) break;
      this.queue.splice(this.queue.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.run();
      if (!this.hasChanged) continue;
      this.hasChanged = false;
      for (const check of this.checks) check();
    }
    this.now = end;
  }

  /** Runs until it is so, or fails after the limit. */
  until(reached: () => boolean, limitMs = 20_000): void {
    for (let waited = 0; !reached();) {
      if (waited > limitMs) throw new Error(`never reached:\n${this.lines.join('\n')}`);
      const stepMs = waited < 500 ? 1 : 50;
      this.run(stepMs);
      waited += stepMs;
    }
  }

  start(...nodes: readonly NodeId[]): this {
    for (const id of nodes) this.nodes[id].start();
    this.connectSoon();
    return this;
  }

  /** Both nodes, mirrored and registered. */
  mirrored(): this {
    this.start('a', 'b');
    this.until(() => ids.every((id) => this.nodes[id].gate.mode === 'mirrored' && this.nodes[id].isOpen));
    this.resyncMs = this.options.resyncMs ?? 20;
    this.register();
    this.run(150);
    this.zero = this.now;
    this.lines.length = 0;
    return this;
  }

  /** As both would do within two rounds of their duties. */
  private register(): void {
    const witness = this.mediator('m1');
    for (const nodeId of ids) {
      const { epoch, lineageId } = this.nodes[nodeId].disk;
      const { incarnation } = witness;
      witness.answer({ call: 'register', nodeId, epoch, fromEpoch: epoch, lineageId, incarnation });
    }
  }

  crash(id: NodeId, landed = false): void {
    this.nodes[id].crash(landed);
    const { session } = this;
    if (session === undefined) return;
    session.open[id] = false;
    this.hangUpAt(other(id), session);
  }

  cut(...directions: readonly string[]): void {
    for (const direction of directions) this.cuts.add(direction);
  }

  heal(...directions: readonly string[]): void {
    for (const direction of directions) this.cuts.delete(direction);
    for (const message of this.session?.waiting.splice(0) ?? []) {
      if (this.cuts.has(`${other(message.to)}>${message.to}`)) this.session?.waiting.push(message);
      else this.after(1, message.deliver);
    }
    this.connectSoon();
  }

  /** Both see the end of the connection, and it is made anew. */
  reset(): void {
    const { session } = this;
    if (session !== undefined) for (const id of ids) this.end(id, session, 'connection reset');
  }

  loseHosts(id: NodeId): void {
    this.hosts[id] = 0;
    this.nodes[id].dispatch({
      kind: 'part',
      policy: 'ttl-polarization',
      fact: { kind: 'initiators-changed', initiators: 0 },
    });
  }

  failLeg(id: NodeId): void {
    this.nodes[id].legFailed = true;
    this.nodes[id].dispatch({
      kind: 'part',
      policy: 'ttl-polarization',
      fact: { kind: 'leg-failed', operation: 'write', detail: 'EIO' },
    });
  }

  send(from: NodeId, number: number, make: (session: number) => GroupFact): void {
    const { session } = this;
    if (session?.number !== number || !session.open[from]) return;
    const to = other(from);
    const fact = make(number);
    const deliver = (): void => {
      if (this.session === session && session.open[to]) this.nodes[to].dispatch(fact);
    };
    const blocked = this.cuts.has(`${from}>${to}`) || session.waiting.some((waiting) => waiting.to === to);
    if (blocked) session.waiting.push({ to, deliver });
    else this.after(1, deliver);
  }

  drop(id: NodeId, number: number): void {
    const { session } = this;
    if (session?.number !== number || !session.open[id]) return;
    session.open[id] = false;
    this.hangUpAt(other(id), session);
    this.connectSoon();
  }

  isLinked(id: NodeId, number: number): boolean {
    const { session } = this;
    const whole = !this.cuts.has('a>b') && !this.cuts.has('b>a');
    return session?.number === number && session.open[id] && session.open[other(id)] && whole;
  }

  private hangUpAt(to: NodeId, session: Session): void {
    const deliver = (): void => this.end(to, session, 'the other side has hung up');
    if (this.cuts.has(`${other(to)}>${to}`)) session.waiting.push({ to, deliver });
    else this.after(1, deliver);
  }

  private end(id: NodeId, session: Session, cause: string): void {
    if (this.session !== session || !session.open[id]) return;
    session.open[id] = false;
    this.nodes[id].dispatch({ kind: 'peer-disconnected', session: session.number, cause });
    this.connectSoon();
  }

  private connectSoon(): void {
    if (this.connecting) return;
    this.connecting = true;
    this.after(10, () => {
      this.connecting = false;
      this.connect();
    });
  }

  private connect(): void {
    const { a, b } = this.nodes;
    if (this.session?.open.a === true && this.session.open.b) return;
    const blocked = this.cuts.has('a>b') || this.cuts.has('b>a');
    if (!a.isRunning || !b.isRunning) return;
    if (blocked) {
      this.connectSoon();
      return;
    }
    const before = this.session;
    const introductions = { a: structuredClone(b.introduction()), b: structuredClone(a.introduction()) };
    this.sessions += 1;
    const session: Session = { number: this.sessions, open: { a: true, b: true }, waiting: [] };
    if (before !== undefined) before.open.a = before.open.b = false;
    this.session = session;
    for (const id of ids)
      this.nodes[id].dispatch({
        kind: 'peer-connected',
        session: session.number,
        introduction: introductions[id],
      });
  }

  /** A host writes at that node, if its gate lets it; true when it is acknowledged. One instant stands for all of it. */
  write(id: NodeId): boolean {
    const node = this.nodes[id];
    if (!node.isOpen || node.draining !== undefined || node.legFailed) return false;
    const { gate, peer } = { gate: node.gate, peer: node.peer };
    const write = (this.writes += 1);
    const linked = this.session !== undefined && this.isLinked(id, this.session.number) && peer.isRunning;
    if (gate.mode === 'syncTarget') {
      // The order is here, the complete copy there: both have it, or it is not acknowledged.
      if (!linked || !peer.isOpen || peer.gate.epoch !== gate.epoch) return false;
      peer.copy.add(write);
    } else if (gate.legs === 'both') {
      const takes =
        linked &&
        peer.gate.mode === 'mirrored' &&
        peer.gate.epoch === gate.epoch &&
        peer.gate.lineageId === gate.lineageId;
      if (!takes || peer.legFailed || peer.gate.host !== 'open') return false;
      peer.copy.add(write);
    } else if (gate.legs === 'own-and-target' && linked && peer.syncing) peer.copy.add(write);
    node.copy.add(write);
    this.acknowledged.add(write);
    return true;
  }
}

export function fresh(id: NodeId): GroupRecord {
  return freshGroupRecord({
    groupId: 'g',
    nodeId: id,
    peerId: other(id),
    preferred: 'a',
    machineBootId: `machine-${id}-1`,
  });
}
