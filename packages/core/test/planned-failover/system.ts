import {
  freshPlannedFailoverRecord,
  plannedFailover,
  plannedFailoverClaim,
  plannedFailoverMayArbitrate,
  type PlannedFailoverCommand,
  type PlannedFailoverEffect,
  type PlannedFailoverFact,
  type PlannedFailoverMessage,
  type PlannedFailoverRecord,
  type PlannedFailoverRoles,
  type PlannedFailoverStanding,
  type PlannedFailoverState,
  type PlannedFailoverTiming,
} from '../../src/index.js';

/*
 * Two nodes, a link, two disks, a witness and a small fault handling: everything that planned failover lives with. A system is a
 * value; `choices` says what may happen next and `apply` makes it happen. The explorer takes every choice, a story a few of them.
 */

export type Id = 'a' | 'b';
export const other = (id: Id): Id => (id === 'a' ? 'b' : 'a');

export interface Node {
  readonly up: boolean;
  readonly at: number;
  readonly incarnation: number;
  readonly state: PlannedFailoverState;
  readonly disk: PlannedFailoverRecord;
  /** Wishes whose results are still to come. */
  readonly tasks: readonly PlannedFailoverEffect[];
  /** Writes on this leg: all writes are numbered, so a count says which. */
  readonly writes: number;
  /** Survivorship of the epoch on the disk, durable. */
  readonly owner: boolean;
  /** Serves alone. */
  readonly alone: boolean;
  /** Has claimed survivorship, or lived through a restart, since the two last mirrored: nothing is simply resumed. */
  readonly changed: boolean;
  readonly session: number | undefined;
  readonly storeFails: boolean;
}

interface Packet {
  readonly session: number;
  readonly message: PlannedFailoverMessage;
}

export interface Budget {
  readonly crashes: number;
  readonly cuts: number;
  readonly drops: number;
  readonly repeats: number;
  readonly writes: number;
  readonly starts: number;
  readonly aborts: number;
  readonly refusals: number;
  readonly storeFailures: number;
  /** Times that the limits of an operation run out. */
  readonly timeouts: number;
}

export interface Setting {
  readonly policy: typeof plannedFailover;
  readonly arbiter: 'witness' | 'preferred' | 'none';
  readonly timing: PlannedFailoverTiming;
  /** Messages under way in one direction; more are lost. */
  readonly queue: number;
  /** What only a node itself notices is done at once: a crash in the middle of it is one before it. */
  readonly eager?: boolean;
  readonly log?: (line: string) => void;
  readonly mayArbitrate?: (state: PlannedFailoverState) => boolean;
  readonly claim?: (state: PlannedFailoverState) => { epoch: number; lineageId: string } | undefined;
}

export interface System {
  readonly nodes: Readonly<Record<Id, Node>>;
  readonly linkUp: boolean;
  readonly sessions: number;
  /** What is on its way to each node. */
  readonly toward: Readonly<Record<Id, readonly Packet[]>>;
  readonly witness: { readonly epoch: number; readonly owner?: Id; readonly lineageId: string };
  readonly acknowledged: number;
  /** A write that is on the sequencer's leg and not yet on the other. */
  readonly inFlight?: { readonly by: Id; readonly epoch: number };
  readonly budget: Budget;
  /** What stood on a disk once, by operation: a commit and a rollback of one operation exclude each other. */
  readonly outcomes: readonly string[];
}

export const noFaults: Budget = {
  crashes: 0,
  cuts: 0,
  drops: 0,
  repeats: 0,
  writes: 0,
  starts: 0,
  aborts: 0,
  refusals: 0,
  storeFailures: 0,
  timeouts: 0,
};

const MEMBERS = ['data', 'log'];

class Draft {
  constructor(
    public system: System,
    readonly setting: Setting,
  ) {}

  node(id: Id): Node {
    return this.system.nodes[id];
  }

  set(change: Partial<System>): void {
    this.system = { ...this.system, ...change };
  }

  setNode(id: Id, change: Partial<Node>): void {
    this.set({ nodes: { ...this.system.nodes, [id]: { ...this.node(id), ...change } } });
  }

  spend(kind: keyof Budget): void {
    this.set({ budget: { ...this.system.budget, [kind]: this.system.budget[kind] - 1 } });
  }

  log(line: string): void {
    this.setting.log?.(line);
  }

  /** One step of the real policy, and what comes of its wishes. */
  dispatch(id: Id, fact: PlannedFailoverFact): void {
    const node = this.node(id);
    if (!node.up) return;
    const event = { ...fact, at: node.at, sequence: freeSequence(node) };
    const { state, effects } = this.setting.policy.step(node.state, event);
    this.setNode(id, { state });
    for (const effect of effects) this.carryOut(id, effect);
  }

  private carryOut(id: Id, effect: PlannedFailoverEffect): void {
    this.log(lineOf(id, effect));
    if (effect.kind === 'send') {
      const to = other(id);
      const toward = this.system.toward[to];
      const { session } = this.node(id);
      // What has left before a cut may still arrive behind it; what is said into a dead line does not.
      const isHeard = this.system.linkUp && this.node(to).up && this.node(to).session === effect.session;
      if (session !== effect.session || !isHeard || toward.length >= this.setting.queue) return;
      const packet = { session, message: effect.message };
      this.set({ toward: { ...this.system.toward, [to]: [...toward, packet] } });
    } else if (isTask(effect)) {
      this.setNode(id, { tasks: [...this.node(id).tasks, effect] });
      if (this.setting.eager === true && this.isPrivate(id, effect)) {
        const last = this.node(id).tasks.length - 1;
        finish(this, id, takeTask(this, id, String(last)));
      }
    }
  }

  /** Nobody else can tell whether it has been done yet. */
  private isPrivate(id: Id, effect: PlannedFailoverEffect): boolean {
    if (effect.kind === 'drain') return false;
    if (effect.kind !== 'persist') return this.system.budget.refusals === 0;
    const { record, preparation } = { ...effect, preparation: this.node(id).disk.preparation };
    return (
      [record.operation, record.preparation, record.grant, preparation].every((one) => one === undefined) &&
      this.node(id).disk.operation === undefined &&
      this.node(id).disk.grant === undefined
    );
  }

  standing(id: Id, change: Partial<PlannedFailoverStanding>): void {
    const { disk, state } = this.node(id);
    const roles = change.epoch === undefined ? newer(disk.roles, state.record.roles) : {};
    const { owner: _owner, ...rest } = state.standing;
    const standing = {
      ...rest,
      ...roles,
      inSync: true,
      peerHealthy: true,
      mediatorReachable: true,
      ...change,
    };
    this.log(`${id} fault handling: ${standing.service}, epoch ${String(standing.epoch)}`);
    this.dispatch(id, { kind: 'standing-changed', standing });
  }

  /** Durable, whatever was lost before: the epoch of the group never goes back, as the one record of a node sees to. */
  store(id: Id, record: PlannedFailoverRecord): void {
    const { disk } = this.node(id);
    this.setNode(id, { disk: { ...record, roles: newer(record.roles, disk.roles) } });
    const { operation, last } = record;
    if (operation?.phase === 'committed') this.note(`${operation.operationId} committed`);
    if (last?.because.kind === 'cancelled') this.note(`${last.operationId} rolled back`);
  }

  private note(outcome: string): void {
    if (!this.system.outcomes.includes(outcome))
      this.set({ outcomes: [...this.system.outcomes, outcome].sort() });
  }
}

function newer(one: PlannedFailoverRoles, two: PlannedFailoverRoles): PlannedFailoverRoles {
  return two.epoch > one.epoch ? two : one;
}

function isTask(effect: PlannedFailoverEffect): boolean {
  return ['persist', 'check', 'make-ready', 'drain', 'catch-up', 'switch-paths'].includes(effect.kind);
}

/** The smallest number whose ids nobody waits for: two histories that come to the same make the same state. */
function freeSequence({ tasks, state }: Node): number {
  const { saving, source, target } = state;
  const ids = [
    ...tasks.map((task) => task.id),
    saving?.effect,
    source?.check,
    source?.drain,
    source?.paths,
    target?.makeReady,
    target?.catchUp,
  ];
  const used = new Set(ids.map((id) => Number(id?.split('/').at(-2))));
  let sequence = 1;
  while (used.has(sequence)) sequence += 1;
  return sequence;
}

function lineOf(id: Id, effect: PlannedFailoverEffect): string {
  const sentence = plannedFailover.explain(effect);
  switch (effect.kind) {
    case 'send':
      return `${id} -> ${other(id)} ${effect.message.kind}`;
    case 'persist': {
      const { operation, preparation, grant, last } = effect.record;
      const what =
        operation?.phase ??
        (grant !== undefined ? 'roles taken' : undefined) ??
        (preparation !== undefined ? (preparation.discarded ? 'promise discarded' : 'promise') : undefined) ??
        (last !== undefined ? `ended: ${last.outcome}` : 'no operation');
      return `${id} writes "${what}": ${sentence}`;
    }
    case 'set-gate': {
      const { host, ordersWrites } = effect.gate;
      return `${id} hosts ${host === 'hold' ? 'held' : 'free'}${ordersWrites ? ', orders writes' : ''}`;
    }
    case 'report':
      return `${id} ${effect.level}: ${sentence}`;
    case 'answer':
      return `${id} answers ${effect.ok ? 'yes' : 'no'}: ${effect.detail}`;
    default:
      return `${id} ${effect.kind}`;
  }
}

export function begin(setting: Setting, budget: Budget): System {
  const roles = { epoch: 1, lineageId: 'first', sequencer: 'a', preferred: 'a' };
  const node = (id: Id): Node => {
    const disk = freshPlannedFailoverRecord({ groupId: 'g', nodeId: id, roles });
    return {
      up: true,
      at: 0,
      incarnation: 1,
      state: initial(setting, id, 1, disk, 0),
      disk,
      tasks: [],
      writes: 0,
      owner: false,
      alone: false,
      changed: false,
      session: 1,
      storeFails: false,
    };
  };
  const system: System = {
    nodes: { a: node('a'), b: node('b') },
    linkUp: true,
    sessions: 1,
    toward: { a: [], b: [] },
    witness: { epoch: 1, lineageId: 'first' },
    acknowledged: 0,
    budget,
    outcomes: [],
  };
  const draft = new Draft(system, { ...setting, log: () => undefined });
  for (const id of ['a', 'b'] as const) {
    draft.dispatch(id, { kind: 'peer-connected', session: 1 });
    draft.standing(id, { service: 'mirrored' });
  }
  return draft.system;
}

function initial(
  setting: Setting,
  id: Id,
  incarnation: number,
  record: PlannedFailoverRecord,
  at: number,
): PlannedFailoverState {
  return setting.policy.init(
    {
      groupId: 'g',
      nodeId: id,
      peerId: other(id),
      incarnation,
      lineageSeed: `${id}${String(incarnation)}`,
      members: MEMBERS,
      timing: setting.timing,
      record,
    },
    at,
  );
}

export const ids = ['a', 'b'] as const;

/** Both ends believe in the same session. */
export function connected({ nodes, sessions }: System): boolean {
  return ids.every((id) => nodes[id].up && nodes[id].session === sessions);
}

export function serves({ nodes }: System, id: Id): boolean {
  const node = nodes[id];
  return node.up && (node.alone || node.state.gate.ordersWrites);
}

/** Everything that may happen next. A choice is a verb, a node where it matters, and a detail. */
export function choices(system: System, setting: Setting): string[] {
  const { nodes, linkUp, budget, inFlight } = system;
  const list: string[] = [];
  for (const id of ids) {
    const node = nodes[id];
    if (!node.up) {
      list.push(`restart ${id}`);
      continue;
    }
    for (const [index, task] of node.tasks.entries()) {
      if (task.kind === 'drain' && inFlight?.by === id) continue;
      list.push(`result ${id} ${String(index)}`);
      const canRefuse = task.kind === 'check' || task.kind === 'make-ready';
      if (canRefuse && budget.refusals > 0) list.push(`refuse ${id} ${String(index)}`);
      if (task.kind === 'persist' && budget.storeFailures > 0) {
        list.push(`fail ${id} ${String(index)}`, `fail-landed ${id} ${String(index)}`);
      }
    }
    if (system.toward[id].length > 0) {
      list.push(`deliver ${id}`);
      if (budget.drops > 0) list.push(`drop ${id}`);
      if (budget.repeats > 0) list.push(`repeat ${id}`);
      if (budget.repeats > 0 && system.toward[id].length > 1) list.push(`swap ${id}`);
    }
    // What is said again matters when nothing else is under way; that a limit runs out matters at any time.
    if (isQuiet(system) && setting.policy.wakeAt(node.state) !== undefined) list.push(`tick ${id}`);
    if (budget.timeouts > 0 && node.state.source !== undefined) list.push(`expire ${id}`);
    if (budget.crashes > 0) list.push(...crashChoices(node, id));
    if (budget.starts > 0 && node.state.record.roles.sequencer === id) list.push(`start ${id}`);
    if (budget.aborts > 0 && node.state.record.operation !== undefined) list.push(`abort ${id}`);
    list.push(...faultHandlingChoices(system, setting, id));
    if (budget.writes > 0 && node.state.gate.ordersWrites && inFlight === undefined) list.push(`write ${id}`);
    if (budget.writes > 0 && node.alone) list.push(`write-alone ${id}`);
  }
  if (inFlight !== undefined && canApply(system)) list.push('applied');
  if (inFlight !== undefined && isOutdated(system, inFlight)) list.push('rejected');
  if (linkUp && budget.cuts > 0) list.push('cut');
  if (!linkUp) list.push('heal');
  if (linkUp && nodes.a.up && nodes.b.up) {
    if (!connected(system)) list.push('connect');
    else if (canMeet(system, setting)) list.push('meet');
  }
  return list;
}

function isQuiet(system: System): boolean {
  const { nodes, toward } = system;
  return !canApply(system) && ids.every((id) => toward[id].length === 0 && nodes[id].tasks.length === 0);
}

function crashChoices(node: Node, id: Id): string[] {
  const isWriting = node.tasks.some((task) => task.kind === 'persist');
  return isWriting ? [`crash ${id}`, `crash-landed ${id}`] : [`crash ${id}`];
}

function canApply(system: System): boolean {
  const { inFlight, nodes } = system;
  if (inFlight === undefined || !connected(system)) return false;
  const { state, disk } = nodes[other(inFlight.by)];
  return state.standing.service === 'mirrored' && disk.roles.epoch === inFlight.epoch;
}

/** The other node is in a later epoch already: it takes no write of this one, and the write is never acknowledged. */
function isOutdated(system: System, inFlight: { readonly by: Id; readonly epoch: number }): boolean {
  return connected(system) && system.nodes[other(inFlight.by)].disk.roles.epoch > inFlight.epoch;
}

function faultHandlingChoices(system: System, setting: Setting, id: Id): string[] {
  const { nodes, sessions, linkUp, witness } = system;
  const node = nodes[id];
  const peer = nodes[other(id)];
  const { standing } = node.state;
  const list: string[] = [];
  const isGone = node.session !== undefined && (!linkUp || !peer.up || peer.session !== node.session);
  if (isGone || (node.session !== undefined && node.session !== sessions)) list.push(`lose ${id}`);
  if (standing.service === 'mirrored' || node.alone || node.session !== undefined) return list;
  // Fault handling may act where nothing is in its way.
  const mayArbitrate = (setting.mayArbitrate ?? plannedFailoverMayArbitrate)(node.state);
  if (setting.arbiter === 'witness' && mayArbitrate && (!node.owner || standing.service === 'unknown'))
    list.push(`ask ${id}`);
  const isBusy = node.state.record.operation !== undefined || node.state.record.preparation !== undefined;
  if (
    setting.arbiter === 'witness' &&
    isBusy &&
    witness.owner === other(id) &&
    standing.epoch < witness.epoch
  )
    list.push(`learn ${id}`);
  const elects = setting.arbiter === 'preferred' && standing.service === 'interrupted' && !node.owner;
  if (elects && mayArbitrate && node.state.record.roles.preferred === id) list.push(`elect ${id}`);
  return list;
}

/** The two talk, and at least one does not mirror: fault handling agrees on how to go on, once no operation is in its way. */
function canMeet(system: System, setting: Setting): boolean {
  const mirrors = ids.filter((id) => system.nodes[id].state.standing.service === 'mirrored');
  if (mirrors.length === 2) return false;
  const mayArbitrate = setting.mayArbitrate ?? plannedFailoverMayArbitrate;
  return ids.every((id) => {
    const { state } = system.nodes[id];
    const phase = state.record.operation?.phase;
    return mayArbitrate(state) || (phase === 'committed' && state.standing.service !== 'mirrored');
  });
}

export function apply(system: System, choice: string, setting: Setting): System {
  const [verb = '', where = '', ...rest] = choice.split(' ');
  const detail = rest.join(' ');
  const draft = new Draft(system, setting);
  const handler = happenings[verb];
  if (handler === undefined) throw new Error(`nothing is called "${choice}"`);
  handler(draft, where === 'b' ? 'b' : 'a', detail);
  for (const id of ids) openIfStopped(draft, id);
  return draft.system;
}

/** Who holds survivorship opens once the peer has stopped for certain: its lease has run out, or it is down. */
function openIfStopped(draft: Draft, id: Id): void {
  const { up, owner, alone, state } = draft.node(id);
  const peer = draft.node(other(id));
  const peerStopped = !peer.up || peer.state.standing.service !== 'mirrored';
  if (!up || !owner || alone || !peerStopped || state.standing.service !== 'interrupted') return;
  draft.log(`${id} serves alone`);
  draft.setNode(id, { alone: true });
  const { inFlight } = draft.system;
  if (inFlight?.by !== id) return;
  const { inFlight: _done, ...rest } = draft.system;
  draft.system = { ...rest, acknowledged: draft.node(id).writes };
}

/**
 * For an exploration: as if everything so far had taken no time. A limit then runs out when the choice says so and never by itself,
 * and two histories that differ in their times alone come to the same state.
 */
export function withoutTime(system: System): System {
  const still = (node: Node): Node => {
    const { source, target, saving } = node.state;
    const state: PlannedFailoverState = {
      ...node.state,
      now: 0,
      absorbed: {},
      ...(source === undefined
        ? {}
        : {
            source: {
              ...source,
              startedAt: 0,
              saidAt: 0,
              ...(source.fencedAt === undefined ? {} : { fencedAt: 0 }),
            },
          }),
      ...(target === undefined ? {} : { target: { ...target, since: 0, saidAt: 0 } }),
      ...(saving?.retryAt === undefined ? {} : { saving: { ...saving, retryAt: 0 } }),
    };
    return { ...node, at: 0, state };
  };
  return { ...system, nodes: { a: still(system.nodes.a), b: still(system.nodes.b) } };
}

type Happening = (draft: Draft, id: Id, detail: string) => void;

function take(draft: Draft, id: Id): Packet | undefined {
  const [packet, ...rest] = draft.system.toward[id];
  draft.set({ toward: { ...draft.system.toward, [id]: rest } });
  return packet;
}

function deliver(draft: Draft, id: Id, packet: Packet | undefined): void {
  if (packet !== undefined && draft.node(id).session === packet.session)
    draft.dispatch(id, { kind: 'peer-message', session: packet.session, message: packet.message });
}

function takeTask(draft: Draft, id: Id, index: string): PlannedFailoverEffect {
  const { tasks } = draft.node(id);
  const task = tasks[Number(index)];
  if (task === undefined) throw new Error(`node ${id} has no task ${index}`);
  draft.setNode(id, { tasks: tasks.filter((one) => one !== task) });
  return task;
}

function finish(draft: Draft, id: Id, task: PlannedFailoverEffect): void {
  const effect = task.id;
  switch (task.kind) {
    case 'persist':
      if (draft.node(id).storeFails) {
        draft.dispatch(id, { kind: 'persist-failed', effect, detail: 'no quorum' });
        return;
      }
      draft.store(id, task.record);
      draft.dispatch(id, { kind: 'persisted', effect });
      return;
    case 'check':
      draft.dispatch(id, { kind: 'checked', effect, obstacles: [] });
      return;
    case 'make-ready':
      draft.dispatch(id, { kind: 'made-ready', effect, ready: task.members, obstacles: [] });
      return;
    case 'drain':
      draft.dispatch(id, { kind: 'drained', effect, barrierSequence: draft.node(id).writes });
      return;
    case 'catch-up':
      draft.dispatch(id, { kind: 'caught-up', effect });
      return;
    case 'switch-paths':
      draft.dispatch(id, { kind: 'paths-switched', effect, warnings: [] });
      return;
    default:
      throw new Error(`${task.kind} has no result`);
  }
}

function refuse(draft: Draft, id: Id, task: PlannedFailoverEffect): void {
  const effect = task.id;
  const obstacles = [{ member: 'log', detail: 'a volume move is running' }];
  if (task.kind === 'check') draft.dispatch(id, { kind: 'checked', effect, obstacles });
  else draft.dispatch(id, { kind: 'made-ready', effect, ready: ['data'], obstacles: [] });
}

function crash(draft: Draft, id: Id, landed: boolean): void {
  const { tasks } = draft.node(id);
  const persist = tasks.find((task) => task.kind === 'persist');
  if (landed && persist !== undefined) draft.store(id, persist.record);
  const { inFlight } = draft.system;
  draft.setNode(id, { up: false, tasks: [], alone: false, session: undefined, changed: true });
  draft.set({ toward: { ...draft.system.toward, [id]: [] } });
  if (inFlight?.by === id) {
    const { inFlight: _lost, ...rest } = draft.system;
    draft.system = rest;
  }
  draft.spend('crashes');
}

function restart(draft: Draft, id: Id): void {
  const node = draft.node(id);
  const incarnation = node.incarnation + 1;
  const state = initial(draft.setting, id, incarnation, node.disk, node.at);
  draft.setNode(id, { up: true, incarnation, state });
  draft.dispatch(id, { kind: 'tick' });
}

function claimOf(draft: Draft, id: Id, prefix: string): { epoch: number; lineageId: string } {
  const { state, disk } = draft.node(id);
  const epoch = disk.roles.epoch + 1;
  return (
    (draft.setting.claim ?? plannedFailoverClaim)(state) ?? { epoch, lineageId: `${prefix}${String(epoch)}` }
  );
}

function own(draft: Draft, id: Id, epoch: number, lineageId: string): void {
  const { disk } = draft.node(id);
  const roles = { epoch, lineageId, sequencer: id, preferred: disk.roles.preferred };
  draft.setNode(id, { disk: { ...disk, roles }, owner: true, changed: true });
  draft.standing(id, { service: 'interrupted', ...roles, owner: id });
}

function ask(draft: Draft, id: Id): void {
  const { disk, owner } = draft.node(id);
  const { witness } = draft.system;
  draft.setNode(id, { changed: true });
  if (owner) {
    if (witness.owner === id && witness.epoch === disk.roles.epoch)
      own(draft, id, disk.roles.epoch, disk.roles.lineageId);
    return;
  }
  const claim = claimOf(draft, id, `w${id}`);
  const isFree = witness.owner === undefined && witness.epoch < claim.epoch;
  const isMine = witness.owner === id && witness.epoch === claim.epoch;
  if (!isFree && !isMine) return;
  draft.set({ witness: { epoch: claim.epoch, owner: id, lineageId: claim.lineageId } });
  own(draft, id, claim.epoch, claim.lineageId);
}

function learn(draft: Draft, id: Id): void {
  const { epoch, lineageId } = draft.system.witness;
  const { disk } = draft.node(id);
  const roles = { epoch, lineageId, sequencer: other(id), preferred: disk.roles.preferred };
  draft.setNode(id, { disk: { ...disk, roles: newer(disk.roles, roles) }, changed: true });
  draft.standing(id, { service: 'interrupted', ...roles, owner: other(id) });
}

/** What fault handling does when the two talk again: resume where nothing has changed, else form the mirror anew, two epochs up. */
function meet(draft: Draft): void {
  const { nodes } = draft.system;
  const owner = ids.find((id) => nodes[id].owner);
  const [one, two] = [nodes.a.disk.roles, nodes.b.disk.roles];
  const isSame = one.epoch === two.epoch && one.lineageId === two.lineageId;
  if (owner === undefined && isSame && !nodes.a.changed && !nodes.b.changed) {
    for (const id of ids) draft.standing(id, { service: 'mirrored' });
    return;
  }
  const newest = one.epoch >= two.epoch ? one : two;
  const sequencer = owner ?? newest.sequencer;
  const holder = one.epoch === two.epoch ? newest.sequencer : newest === one ? 'a' : 'b';
  const source = nodes[owner ?? (holder === 'a' ? 'a' : 'b')];
  const epoch = newest.epoch + 2;
  const roles = { epoch, lineageId: `r${String(epoch)}`, sequencer, preferred: newest.preferred };
  const { inFlight: _gone, ...rest } = draft.system;
  draft.system = rest;
  for (const id of ids) {
    const { disk } = draft.node(id);
    draft.setNode(id, {
      disk: { ...disk, roles },
      writes: source.writes,
      owner: false,
      alone: false,
      changed: false,
    });
  }
  draft.set({ witness: { epoch, lineageId: roles.lineageId } });
  for (const id of ids) draft.standing(id, { service: 'mirrored', ...roles });
}

const happenings: Readonly<Record<string, Happening>> = {
  result: (draft, id, index) => finish(draft, id, takeTask(draft, id, index)),
  refuse: (draft, id, index) => {
    draft.spend('refusals');
    refuse(draft, id, takeTask(draft, id, index));
  },
  fail: (draft, id, index) => {
    draft.spend('storeFailures');
    const { id: effect } = takeTask(draft, id, index);
    draft.dispatch(id, { kind: 'persist-failed', effect, detail: 'EIO' });
  },
  'fail-landed': (draft, id, index) => {
    draft.spend('storeFailures');
    const task = takeTask(draft, id, index);
    if (task.kind === 'persist') draft.store(id, task.record);
    draft.dispatch(id, { kind: 'persist-failed', effect: task.id, detail: 'EIO' });
  },
  deliver: (draft, id) => deliver(draft, id, take(draft, id)),
  drop: (draft, id) => {
    draft.spend('drops');
    take(draft, id);
  },
  repeat: (draft, id) => {
    draft.spend('repeats');
    deliver(draft, id, draft.system.toward[id][0]);
  },
  swap: (draft, id) => {
    draft.spend('repeats');
    const [one, two, ...rest] = draft.system.toward[id];
    if (one !== undefined && two !== undefined)
      draft.set({ toward: { ...draft.system.toward, [id]: [two, one, ...rest] } });
  },
  tick: (draft, id) => {
    const node = draft.node(id);
    draft.setNode(id, { at: Math.max(node.at, draft.setting.policy.wakeAt(node.state) ?? node.at) });
    draft.dispatch(id, { kind: 'tick' });
  },
  expire: (draft, id) => {
    draft.spend('timeouts');
    const { rollbackTimeoutMs } = draft.setting.timing;
    draft.setNode(id, { at: draft.node(id).at + rollbackTimeoutMs });
    draft.dispatch(id, { kind: 'tick' });
  },
  crash: (draft, id) => crash(draft, id, false),
  'crash-landed': (draft, id) => crash(draft, id, true),
  restart,
  start: (draft, id) => {
    draft.spend('starts');
    const operationId = `move-${String(draft.system.budget.starts)}`;
    draft.dispatch(id, { kind: 'command', commandId: 'c', command: { kind: 'start', operationId } });
  },
  command: (draft, id, text) => {
    const command = JSON.parse(text) as PlannedFailoverCommand;
    draft.dispatch(id, { kind: 'command', commandId: 'c', command });
  },
  abort: (draft, id) => {
    draft.spend('aborts');
    const operationId = draft.node(id).state.record.operation?.operationId ?? '';
    draft.dispatch(id, { kind: 'command', commandId: 'd', command: { kind: 'abort', operationId } });
  },
  lose: (draft, id) => {
    const { session, state } = draft.node(id);
    draft.setNode(id, { session: undefined });
    draft.set({ toward: { ...draft.system.toward, [id]: [] } });
    draft.dispatch(id, { kind: 'peer-disconnected', session: session ?? 0, cause: 'connection lost' });
    if (state.standing.service === 'mirrored') draft.standing(id, { service: 'interrupted' });
  },
  ask,
  learn,
  elect: (draft, id) => {
    const { epoch, lineageId } = claimOf(draft, id, `p${id}`);
    own(draft, id, epoch, lineageId);
  },
  write: (draft, id) => {
    draft.spend('writes');
    const { writes, state } = draft.node(id);
    draft.setNode(id, { writes: writes + 1 });
    draft.set({ inFlight: { by: id, epoch: state.record.roles.epoch } });
  },
  'write-alone': (draft, id) => {
    draft.spend('writes');
    const writes = draft.node(id).writes + 1;
    draft.setNode(id, { writes });
    draft.set({ acknowledged: writes });
  },
  applied: (draft) => {
    const { inFlight, ...rest } = draft.system;
    if (inFlight === undefined) return;
    const { writes } = draft.node(inFlight.by);
    draft.system = { ...rest, acknowledged: writes };
    draft.setNode(other(inFlight.by), { writes });
  },
  rejected: (draft) => {
    const { inFlight: _lost, ...rest } = draft.system;
    draft.system = rest;
  },
  cut: (draft) => {
    draft.spend('cuts');
    draft.set({ linkUp: false });
  },
  heal: (draft) => draft.set({ linkUp: true }),
  connect: (draft) => {
    const session = draft.system.sessions + 1;
    draft.set({ sessions: session, toward: { a: [], b: [] } });
    for (const id of ids) draft.setNode(id, { session });
    for (const id of ids) {
      // A peer that has been restarted, or has claimed the group, mirrors no more.
      if (draft.node(other(id)).changed && draft.node(id).state.standing.service === 'mirrored')
        draft.standing(id, { service: 'interrupted' });
      draft.dispatch(id, { kind: 'peer-connected', session });
    }
  },
  meet,
  'store-fails': (draft, id) => draft.setNode(id, { storeFails: true }),
  'store-works': (draft, id) => draft.setNode(id, { storeFails: false }),
};
