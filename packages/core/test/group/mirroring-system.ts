import {
  answerMirroring,
  freshMirroringRecord,
  mirroringDefaults,
  mirroringNewsOf,
  selectiveMirroring,
  serveGroupRead,
  type GroupState,
  type MirroringEffect,
  type MirroringFact,
  type MirroringMessage,
  type MirroringRecord,
  type MirroringState,
} from '../../src/index.js';
import { plan } from '../selective-mirroring/authority.js';
import { ids, other, type NodeId } from './names.js';
import type { World } from './world.js';

/*
 * Selective mirroring at both nodes of a group, and one block that hosts write where the group lets them. The group climbs a ladder of
 * real states, as it went through them in the small world; whatever mirroring does may come before, between and after its rungs.
 */

/** One moment of the group: the state of each node that is up. */
export type Rung = Readonly<Partial<Record<NodeId, GroupState>>>;

/** Every moment at which either node changes what it may do, while `acts` happens to the group. */
export function ladderOf(world: World, acts: (world: World) => void): readonly Rung[] {
  const rungs: Rung[] = [];
  let before = '';
  const look = (): void => {
    const up = ids.filter((id) => world.nodes[id].isRunning);
    const text = up.map((id) => `${id} ${meaning(world.nodes[id].live)}`).join('; ');
    if (text === before) return;
    before = text;
    rungs.push(Object.fromEntries(up.map((id) => [id, world.nodes[id].live])));
  };
  look();
  world.checks.push(look);
  acts(world);
  look();
  return rungs;
}

function meaning(state: GroupState): string {
  const { host, legs } = state.gate;
  return JSON.stringify([mirroringNewsOf(state), host, legs === 'both']);
}

interface Node {
  readonly state: MirroringState | undefined;
  readonly disk: MirroringRecord;
  readonly incarnation: number;
  readonly sequence: number;
  /** The news of its group has changed, and mirroring has not been told. */
  readonly isBehind: boolean;
}
type Awaited = Extract<MirroringEffect, { kind: 'persist' | 'ask-authority' | 'select-blocks' }>;

export interface System {
  readonly rung: number;
  readonly nodes: Readonly<Record<NodeId, Node>>;
  readonly wire: readonly { readonly to: NodeId; readonly message: MirroringMessage }[];
  readonly todo: readonly { readonly node: NodeId; readonly effect: Awaited }[];
  /** The version of the block on each leg, the newest that was acknowledged, and the newest ever. */
  readonly legs: Readonly<Record<NodeId, number>>;
  readonly acknowledged: number;
  readonly newest: number;
  readonly writesLeft: number;
}

export type Choice =
  | { readonly kind: 'deliver' | 'do'; readonly index: number }
  | { readonly kind: 'rung' }
  | { readonly kind: 'tell' | 'write' | 'late'; readonly node: NodeId };

/** The composition, each part of which a test may replace. */
export const composition = {
  answer: answerMirroring,
  news: mirroringNewsOf,
  serve: serveGroupRead,
  policy: selectiveMirroring,
};
export type Composition = typeof composition;

const sizeBytes = 4_096;
const heat = { version: 1, digest: 'd', takenAt: 0, observedMs: 10 };
const tuning = { ...mirroringDefaults, batchBlocksMax: 1, minimumHistoryMs: 1 };

export class MirroredGroup {
  constructor(
    readonly ladder: readonly Rung[],
    readonly made: Composition = composition,
  ) {}

  /** As after some quiet minutes: the block is mirrored from the node that orders to the other one. */
  begin(writes: number): System {
    const fresh = (nodeId: NodeId): Node => ({
      state: undefined,
      disk: freshMirroringRecord('g', nodeId, 'standby'),
      incarnation: 0,
      sequence: 0,
      isBehind: false,
    });
    let system: System = {
      rung: 0,
      nodes: { a: fresh('a'), b: fresh('b') },
      wire: [],
      todo: [],
      legs: { a: 1, b: 1 },
      acknowledged: 1,
      newest: 1,
      writesLeft: writes,
    };
    for (const id of ids) system = this.start(system, id);
    return this.rest(system);
  }

  /** Whatever waits happens, and the group stands still. */
  rest(system: System): System {
    let now = system;
    for (let turn = 0; turn < 80; turn += 1) {
      const [next] = this.choices(now).filter(({ kind }) => ['do', 'deliver', 'tell'].includes(kind));
      if (next === undefined) break;
      now = this.apply(now, next);
    }
    return now;
  }

  group(system: System, id: NodeId): GroupState | undefined {
    return this.ladder[system.rung]?.[id];
  }

  private start(system: System, id: NodeId): System {
    const node = system.nodes[id];
    const incarnation = node.incarnation + 1;
    const options = { groupId: 'g', nodeId: id, incarnation, record: node.disk } as const;
    const sizes = { volumeBytes: sizeBytes * 100, cacheBytes: sizeBytes * 4 };
    const state = selectiveMirroring.init({ ...options, ...sizes, slowCopy: 'sync', heat, tuning }, 0);
    const started = { ...node, incarnation, sequence: 0, state, isBehind: true };
    return this.greet(
      this.happen({ ...system, nodes: { ...system.nodes, [id]: started } }, id, { kind: 'tick' }),
    );
  }

  /** A connection stands: each cache introduces itself to the other side. */
  private greet(system: System): System {
    const { a, b } = system.nodes;
    if (a.state === undefined || b.state === undefined) return system;
    const hello = (id: NodeId): System['wire'][number] => {
      const { epoch = 0, cache } = system.nodes[id].state ?? {};
      const cachedBlocks = cache?.blocks.count ?? 0;
      const capacityBytes = sizeBytes * 4;
      return {
        to: other(id),
        message: { kind: 'hello', epoch, capacityBytes, usedBytes: 0, cachedBlocks },
      };
    };
    return { ...system, wire: [...system.wire, hello('a'), hello('b')] };
  }

  private happen(system: System, id: NodeId, fact: MirroringFact): System {
    const node = system.nodes[id];
    if (node.state === undefined) return system;
    const sequence = node.sequence + 1;
    const { state, effects } = this.made.policy.step(node.state, { ...fact, at: 0, sequence });
    let next: System = { ...system, nodes: { ...system.nodes, [id]: { ...node, state, sequence } } };
    for (const effect of effects) next = this.carryOut(next, id, effect);
    return next;
  }

  private carryOut(system: System, id: NodeId, effect: MirroringEffect): System {
    const send = (...messages: readonly MirroringMessage[]): System => ({
      ...system,
      wire: [...system.wire, ...messages.map((message) => ({ to: other(id), message }))],
    });
    switch (effect.kind) {
      case 'persist':
      case 'ask-authority':
      case 'select-blocks':
        return { ...system, todo: [...system.todo, { node: id, effect }] };
      case 'send':
        return send(effect.message);
      case 'copy-batch': {
        const { epoch, generation, batch } = effect;
        const version = system.legs[id];
        const block = { block: 0, version, sizeBytes, tenant: 't', first: false };
        const scope = { epoch, generation, batch };
        return send({ ...scope, kind: 'puts', blocks: [block] }, { ...scope, kind: 'commit', count: 1 });
      }
      case 'release-write':
        return this.released(system, id, Number(effect.writeId));
      default:
        return system;
    }
  }

  /** Nothing is in the way of the write any more at this node's caches: it is acknowledged where the group lets it. */
  private released(system: System, id: NodeId, version: number): System {
    const gate = this.group(system, id)?.gate;
    if (gate?.host !== 'open') return system;
    const isBoth = gate.legs === 'both';
    const peer = this.group(system, other(id))?.gate;
    const takes = peer?.host === 'open' && peer.mode === 'mirrored' && peer.epoch === gate.epoch;
    const own = { ...system.legs, [id]: version };
    if (isBoth && !takes) return { ...system, legs: own };
    return {
      ...system,
      legs: isBoth ? { a: version, b: version } : own,
      acknowledged: Math.max(system.acknowledged, version),
    };
  }

  choices(system: System): readonly Choice[] {
    const choices: Choice[] = [];
    for (const id of ids) {
      const { state, isBehind } = system.nodes[id];
      // In order on its way to each node.
      const index = system.wire.findIndex(({ to }) => to === id);
      if (index >= 0) choices.push({ kind: 'deliver', index });
      if (state === undefined) continue;
      if (isBehind) choices.push({ kind: 'tell', node: id });
      const isQuiet = system.todo.length === 0 && system.wire.length === 0;
      if (state.asking !== undefined && isQuiet && this.isDecided(system, id))
        choices.push({ kind: 'late', node: id });
      if (system.writesLeft > 0 && this.group(system, id)?.gate.ordersWrites === true)
        choices.push({ kind: 'write', node: id });
    }
    system.todo.forEach((_, index) => choices.push({ kind: 'do', index }));
    if (system.rung + 1 < this.ladder.length) choices.push({ kind: 'rung' });
    return choices;
  }

  private isDecided(system: System, id: NodeId): boolean {
    const group = this.group(system, id);
    return group !== undefined && mirroringNewsOf(group) !== undefined;
  }

  apply(system: System, choice: Choice): System {
    switch (choice.kind) {
      case 'deliver': {
        const { to, message } = system.wire[choice.index]!;
        const wire = system.wire.filter((_, index) => index !== choice.index);
        return this.happen({ ...system, wire }, to, {
          kind: 'message-received',
          from: other(to),
          message,
        });
      }
      case 'do':
        return this.complete(system, choice.index);
      case 'rung':
        return this.climb(system);
      case 'tell': {
        const node = { ...system.nodes[choice.node], isBehind: false };
        const told = { ...system, nodes: { ...system.nodes, [choice.node]: node } };
        const group = this.group(system, choice.node);
        const news = group === undefined ? undefined : this.made.news(group);
        return news === undefined ? told : this.happen(told, choice.node, news);
      }
      case 'write': {
        const version = system.newest + 1;
        const writesLeft = system.writesLeft - 1;
        const fact = { kind: 'write-received', writeId: String(version), block: 0, version } as const;
        return this.happen({ ...system, newest: version, writesLeft }, choice.node, fact);
      }
      case 'late': {
        // It has waited long enough to ask again.
        const { asking } = system.nodes[choice.node].state!;
        const effect = { id: asking!.effect, kind: 'ask-authority', request: asking!.request } as Awaited;
        return { ...system, todo: [...system.todo, { node: choice.node, effect }] };
      }
    }
  }

  private climb(system: System): System {
    const rung = system.rung + 1;
    let next: System = { ...system, rung };
    for (const id of ids) {
      const [was, is] = [this.group(system, id), this.group(next, id)];
      if (is === undefined && was !== undefined) next = crash(next, id);
      else if (is !== undefined && was === undefined) next = this.start(next, id);
      else if (is !== undefined) {
        const node = { ...next.nodes[id], isBehind: true };
        next = { ...next, nodes: { ...next.nodes, [id]: node } };
      }
    }
    const owner = this.group(system, 'a')?.record.owner ?? this.group(system, 'b')?.record.owner;
    const isMirror = ids.every((id) => this.group(next, id)?.gate.mode === 'mirrored');
    // The resync is over: the copies are equal.
    if (!isMirror || (owner !== 'a' && owner !== 'b')) return next;
    return { ...next, legs: { a: system.legs[owner], b: system.legs[owner] } };
  }

  private complete(system: System, index: number): System {
    const { node, effect } = system.todo[index]!;
    const next = { ...system, todo: system.todo.filter((_, place) => place !== index) };
    if (effect.kind === 'select-blocks')
      return this.happen(next, node, { kind: 'blocks-selected', effect: effect.id, ...plan([0], []) });
    if (effect.kind === 'persist') {
      const nodes = { ...next.nodes, [node]: { ...next.nodes[node], disk: effect.record } };
      return this.happen({ ...next, nodes }, node, { kind: 'persisted', effect: effect.id });
    }
    const group = this.group(system, node);
    if (group === undefined) return next;
    const answer = this.made.answer(group, effect.request);
    return this.happen(next, node, { kind: 'authority-answered', effect: effect.id, answer });
  }

  /** What is wrong, if anything. */
  broken(system: System): string | undefined {
    for (const id of ids) {
      const [group, { state }] = [this.group(system, id), system.nodes[id]];
      if (group === undefined || state === undefined) continue;
      for (const invariant of selectiveMirroring.invariants) {
        const detail = invariant.cost === 'cheap' ? invariant.check(state) : undefined;
        if (detail !== undefined) return `${id}: ${invariant.name}: ${detail}`;
      }
      const read = this.made.serve(group, state, { block: 0, slowVersion: system.legs[id], intact: true });
      if (read.from !== 'cache') continue;
      if (read.version < system.acknowledged)
        return `${id} serves version ${read.version} from its cache after write ${system.acknowledged} was acknowledged`;
      const epochs = ids.map((one) => this.group(system, one)?.record.epoch ?? 0);
      if (state.record.epoch < Math.max(...epochs))
        return `${id} serves from its cache by epoch ${state.record.epoch}, and the group is in epoch ${Math.max(...epochs)}`;
    }
    return undefined;
  }

  /** At the end: whoever answers for writes has its mirroring with it, in the group's epoch. */
  isAtRest(system: System): boolean {
    return ids.every((id) => {
      const group = this.group(system, id);
      const news = group === undefined ? undefined : mirroringNewsOf(group);
      const { state } = system.nodes[id];
      if (news === undefined || state === undefined) return true;
      const serves = state.service === 'open' && state.record.epoch === news.epoch;
      return (news.owner === id) === serves;
    });
  }

  keyOf(system: System): string {
    const names = new Map<string, string>();
    return JSON.stringify(system, (key, value: unknown) => (skipped.has(key) ? undefined : value)).replace(
      /g\/[ab]\/\d+\/\d+\/\d+/g,
      (id) => {
        const known = names.get(id) ?? `#${String(names.size)}`;
        names.set(id, known);
        return known;
      },
    );
  }
}

const skipped = new Set([
  'absorbed',
  'sequence',
  'self',
  'heat',
  'because',
  'link',
  'queuedAt',
  'selectAt',
  'dumpAt',
]);

function crash(system: System, id: NodeId): System {
  const node = { ...system.nodes[id], state: undefined, isBehind: false };
  return {
    ...system,
    nodes: { ...system.nodes, [id]: node },
    todo: system.todo.filter((one) => one.node !== id),
    wire: system.wire.filter(({ to }) => to !== id),
  };
}
