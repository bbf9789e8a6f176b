import {
  plannedFailover,
  type PlannedFailoverEffect,
  type PlannedFailoverFact,
  type PlannedFailoverRecord,
  type PlannedFailoverRoles,
  type PlannedFailoverStanding,
} from '../../src/index.js';
import { other, type Budget, type Id, type Node, type Setting, type System } from './model.js';

export class Draft {
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

export function newer(one: PlannedFailoverRoles, two: PlannedFailoverRoles): PlannedFailoverRoles {
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

export function takeTask(draft: Draft, id: Id, index: string): PlannedFailoverEffect {
  const { tasks } = draft.node(id);
  const task = tasks[Number(index)];
  if (task === undefined) throw new Error(`node ${id} has no task ${index}`);
  draft.setNode(id, { tasks: tasks.filter((one) => one !== task) });
  return task;
}

export function finish(draft: Draft, id: Id, task: PlannedFailoverEffect): void {
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
