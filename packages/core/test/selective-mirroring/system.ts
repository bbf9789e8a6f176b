import {
  freshMirroringRecord,
  mirroringDefaults,
  selectiveMirroring,
  serveMirroredRead,
  type MirroringEffect,
  type MirroringEvent,
  type MirroringFact,
  type MirroringMessage,
  type MirroringRecord,
  type MirroringState,
} from '../../src/index.js';
import { decide, plan } from './authority.js';
import { mirroringGuards, type MirroringGuards } from '../../src/policies/selective-mirroring/guards.js';
import { stepWith } from '../../src/policies/selective-mirroring/step.js';

/*
 * An owner, a cache, the authority, a slow copy at the cache's site, and one block that clients write. Messages wait on the wire until
 * somebody chooses to deliver them: in order, as often out of order or twice as the bounds say, or never. Time stands still; that somebody has waited long enough is a choice.
 */

export interface Node {
  readonly state: MirroringState | undefined;
  readonly disk: MirroringRecord;
  readonly incarnation: number;
  readonly sequence: number;
}

interface Todo {
  readonly node: 'a' | 'b';
  readonly effect: Extract<MirroringEffect, { kind: 'persist' | 'ask-authority' | 'select-blocks' }>;
}

export interface System {
  readonly nodes: Readonly<Record<'a' | 'b', Node>>;
  readonly wire: readonly { readonly to: 'a' | 'b'; readonly message: MirroringMessage }[];
  readonly todo: readonly Todo[];
  readonly authority: { readonly epoch: number; readonly owner: string; readonly trusted?: string };
  /** Version of the block at the owner, the newest acknowledged one, and that in the slow copy. */
  readonly local: number;
  readonly acknowledged: number;
  readonly slow: number;
  /** The owner can acknowledge nothing any more: cut off, its lease over. */
  readonly fenced: boolean;
  readonly left: Readonly<Record<Limited, number>>;
}

type Limited =
  | 'write'
  | 'crash'
  | 'restart-cache'
  | 'lose'
  | 'repeat'
  | 'evict'
  | 'claim'
  | 'cut'
  | 'reselect'
  | 'overtake';

export interface Bounds extends Partial<Record<Limited, number>> {
  readonly slowCopy: 'sync' | 'async';
  readonly onWrite?: 'invalidate' | 'update';
  /** Begin before anybody has met. Otherwise the block is mirrored already. */
  readonly cold?: boolean;
  /** A claim comes only once the owner is cut off: what comes of an earlier one is left to a longer exploration. */
  readonly claimsLate?: boolean;
  readonly guards?: MirroringGuards;
}

export type Choice =
  | { readonly kind: 'deliver'; readonly index: number; readonly again: boolean }
  | { readonly kind: 'do'; readonly index: number }
  | { readonly kind: Exclude<Limited, 'repeat' | 'overtake'> | 'restart-owner' | 'slow' };

const tuning = { ...mirroringDefaults, batchBlocksMax: 1, minimumHistoryMs: 1 };
const sizeBytes = 4_096;

export class Model {
  private readonly bounds: Bounds;
  private readonly guards: MirroringGuards;
  private readonly step: typeof selectiveMirroring.step;

  constructor(bounds: Bounds) {
    this.bounds = bounds;
    this.guards = bounds.guards ?? mirroringGuards;
    this.step = stepWith(this.guards);
  }

  begin(): System {
    const node = (nodeId: 'a' | 'b', role: 'owner' | 'standby'): Node => ({
      state: undefined,
      disk: freshMirroringRecord('g', nodeId, role),
      incarnation: 0,
      sequence: 0,
    });
    const none = Object.fromEntries(limited.map((name) => [name, this.bounds[name] ?? 0])) as System['left'];
    let system: System = {
      nodes: { a: node('a', 'owner'), b: node('b', 'standby') },
      wire: [],
      todo: [],
      authority: { epoch: 1, owner: 'a' },
      local: 1,
      acknowledged: 1,
      slow: 1,
      fenced: false,
      left: none,
    };
    system = this.start(system, 'a');
    return this.hello(this.start(system, 'b'));
  }

  /** As after some quiet minutes: the block is mirrored, and everybody knows. */
  warm(): System {
    let system = this.begin();
    for (let turn = 0; turn < 40; turn += 1) {
      const [next] = this.choices(system).filter(({ kind }) => kind === 'do' || kind === 'deliver');
      if (next === undefined) break;
      system = this.apply(system, next);
    }
    return system;
  }

  private start(system: System, name: 'a' | 'b'): System {
    const node = system.nodes[name];
    const incarnation = node.incarnation + 1;
    const state = selectiveMirroring.init(
      {
        groupId: 'g',
        nodeId: name,
        incarnation,
        record: node.disk,
        volumeBytes: sizeBytes * 100,
        cacheBytes: sizeBytes * 4,
        slowCopy: this.bounds.slowCopy,
        heat: { version: 1, digest: 'd', takenAt: 0, observedMs: 10 },
        tuning: { ...tuning, onWrite: this.bounds.onWrite ?? 'invalidate' },
      },
      0,
    );
    const nodes = { ...system.nodes, [name]: { ...node, incarnation, sequence: 0, state } };
    return this.happen({ ...system, nodes }, name, { kind: 'tick' });
  }

  /** A connection stands: the cache introduces itself. */
  private hello(system: System): System {
    const { state } = system.nodes.b;
    const message: MirroringMessage = {
      kind: 'hello',
      epoch: state?.epoch ?? 0,
      capacityBytes: sizeBytes * 4,
      usedBytes: 0,
      cachedBlocks: state?.cache.blocks.count ?? 0,
    };
    return { ...system, wire: [...system.wire, { to: 'a', message }] };
  }

  private happen(system: System, name: 'a' | 'b', fact: MirroringFact): System {
    const node = system.nodes[name];
    if (node.state === undefined) return system;
    const sequence = node.sequence + 1;
    const event: MirroringEvent = { ...fact, at: 0, sequence };
    const { state, effects } = this.step(node.state, event);
    for (const invariant of selectiveMirroring.invariants) {
      if (invariant.cost === 'costly') continue;
      const broken = invariant.check(state);
      if (broken !== undefined) throw new Error(`${invariant.name}: ${broken}`);
    }
    let next: System = { ...system, nodes: { ...system.nodes, [name]: { ...node, state, sequence } } };
    for (const effect of effects) next = this.carryOut(next, name, effect);
    return next;
  }

  private carryOut(system: System, node: 'a' | 'b', effect: MirroringEffect): System {
    switch (effect.kind) {
      case 'persist':
      case 'ask-authority':
      case 'select-blocks':
        return { ...system, todo: [...system.todo, { node, effect }] };
      case 'send':
        // A message that waits for a record is not explored here: it never changes who may serve.
        return {
          ...system,
          wire: [...system.wire, { to: node === 'a' ? 'b' : 'a', message: effect.message }],
        };
      case 'copy-batch': {
        const { epoch, generation, batch, blocks } = effect;
        const scope = { epoch, generation, batch };
        const puts = blocks.map(({ block }) => ({
          block,
          version: system.local,
          sizeBytes,
          tenant: 't',
          first: false,
        }));
        const messages: readonly MirroringMessage[] = [
          { ...scope, kind: 'puts', blocks: puts },
          { ...scope, kind: 'commit', count: puts.length },
        ];
        return {
          ...system,
          wire: [...system.wire, ...messages.map((message) => ({ to: 'b' as const, message }))],
        };
      }
      case 'release-write': {
        if (node !== 'a') return system;
        const version = Number(effect.writeId);
        const local = Math.max(system.local, version);
        // Written here, and never acknowledged: the owner is out.
        if (system.fenced) return { ...system, local };
        const slow = this.bounds.slowCopy === 'sync' ? local : system.slow;
        return { ...system, local, slow, acknowledged: Math.max(system.acknowledged, version) };
      }
      default:
        return system;
    }
  }

  choices(system: System): readonly Choice[] {
    const { nodes, left, wire, todo } = system;
    // Once the other site serves, only what it serves matters.
    if (nodes.b.state?.mode === 'tookOver' && system.slow === system.acknowledged) return [];
    const choices: Choice[] = [];
    for (let index = 0; index < wire.length; index += 1) {
      const isFirst = wire.findIndex(({ to }) => to === wire[index]!.to) === index;
      if (!isFirst && left.overtake === 0) continue;
      choices.push({ kind: 'deliver', index, again: false });
      if (left.repeat > 0) choices.push({ kind: 'deliver', index, again: true });
    }
    for (let index = 0; index < todo.length; index += 1) choices.push({ kind: 'do', index });
    const owner = nodes.a.state;
    if (owner === undefined) choices.push({ kind: 'restart-owner' });
    for (const kind of ['write', 'crash', 'lose', 'cut', 'reselect'] as const) {
      if (left[kind] > 0 && owner !== undefined) choices.push({ kind });
    }
    for (const kind of ['restart-cache', 'evict'] as const) if (left[kind] > 0) choices.push({ kind });
    if (left.claim > 0 && (this.bounds.claimsLate !== true || system.fenced)) choices.push({ kind: 'claim' });
    if (system.slow < system.acknowledged) choices.push({ kind: 'slow' });
    return choices;
  }

  apply(system: System, choice: Choice): System {
    const { left } = system;
    const spent = (kind: Limited): System => ({ ...system, left: { ...left, [kind]: left[kind] - 1 } });
    switch (choice.kind) {
      case 'deliver': {
        const sent = system.wire[choice.index]!;
        const { to, message } = sent;
        const wire = system.wire.filter((_, index) => index !== choice.index);
        const isFirst = system.wire.findIndex((other) => other.to === to) === choice.index;
        const counted = isFirst ? system : spent('overtake');
        const again = { ...counted, left: { ...counted.left, repeat: counted.left.repeat - 1 } };
        const next = choice.again ? again : { ...counted, wire };
        return this.happen(next, to, { kind: 'message-received', from: to === 'a' ? 'b' : 'a', message });
      }
      case 'do':
        return this.complete(system, choice.index);
      case 'write': {
        const version = 1 + (this.bounds.write ?? 0) - left.write + 1;
        return this.happen(spent('write'), 'a', {
          kind: 'write-received',
          writeId: String(version),
          block: 0,
          version,
        });
      }
      case 'crash': {
        const next = spent('crash');
        return {
          ...next,
          nodes: { ...next.nodes, a: { ...next.nodes.a, state: undefined } },
          todo: next.todo.filter(({ node }) => node === 'b'),
          wire: next.wire.filter(({ to }) => to === 'b'),
        };
      }
      case 'restart-owner':
        return this.hello(this.start(system, 'a'));
      case 'restart-cache': {
        const next = spent('restart-cache');
        const todo = next.todo.filter(({ node }) => node === 'a');
        const wire = next.wire.filter(({ to }) => to === 'a');
        return this.hello(this.start({ ...next, todo, wire }, 'b'));
      }
      case 'lose': {
        // The connection ends for the owner, and a new one is made at some time.
        const next = this.happen(spent('lose'), 'a', { kind: 'peer-lost', peer: 'b', detail: 'silence' });
        return this.hello(next);
      }
      case 'evict':
        return this.happen(spent('evict'), 'b', { kind: 'cache-pressure', keepBytes: 0 });
      case 'reselect':
        return this.happen(spent('reselect'), 'a', {
          kind: 'blocks-selected',
          effect: system.nodes.a.state?.owner.planning?.effect ?? '',
          ...plan([], [0]),
        });
      case 'claim':
        return this.happen(spent('claim'), 'b', { kind: 'attempt-failed', client: 'c', how: 'reset' });
      case 'cut':
        return { ...spent('cut'), fenced: true };
      case 'slow':
        return this.happen({ ...system, slow: system.acknowledged }, 'b', {
          kind: 'slow-copy-applied',
          throughVersion: system.acknowledged,
        });
    }
  }

  private complete(system: System, index: number): System {
    const { node, effect } = system.todo[index]!;
    const todo = system.todo.filter((_, other) => other !== index);
    const next = { ...system, todo };
    if (effect.kind === 'select-blocks') {
      return this.happen(next, node, { kind: 'blocks-selected', effect: effect.id, ...plan([0], []) });
    }
    if (effect.kind === 'persist') {
      const nodes = { ...next.nodes, [node]: { ...next.nodes[node], disk: effect.record } };
      return this.happen({ ...next, nodes }, node, { kind: 'persisted', effect: effect.id });
    }
    const { authority, answer, fenced } = decide(next, node, effect.request);
    return this.happen({ ...next, authority, fenced }, node, {
      kind: 'authority-answered',
      effect: effect.id,
      answer,
    });
  }

  /** What is wrong, if anything: a copy is served that is older than an acknowledged write, or two own the volume. */
  violation(system: System): string | undefined {
    const { a, b } = system.nodes;
    for (const state of [a.state, b.state]) {
      if (state === undefined) continue;
      for (const invariant of sums) {
        const broken = invariant.check(state);
        if (broken !== undefined) return `${invariant.name}: ${broken}`;
      }
    }
    if (b.state === undefined) return undefined;
    if (a.state?.service === 'open' && b.state.service === 'open' && !system.fenced)
      return 'two sites serve writes';
    const read = serveMirroredRead(
      b.state,
      { block: 0, slowVersion: system.slow, intact: true },
      this.guards.serve,
    );
    if (read.from === 'cache' && read.version < system.acknowledged) {
      return `version ${read.version} is served from the cache after write ${system.acknowledged} was acknowledged`;
    }
    if (read.from === 'slow-copy' && read.version < (b.state.cache.floors['0'] ?? 0)) {
      return `version ${read.version} is served from the slow copy, which is known to be behind`;
    }
    if (b.state.service === 'open' && b.disk.role !== 'owner')
      return 'a site serves what it does not own durably';
    return undefined;
  }

  key(system: System): string {
    const ids = new Map<string, string>();
    const wire = (to: 'a' | 'b') => system.wire.filter((sent) => sent.to === to);
    return JSON.stringify({ ...system, wire: [wire('a'), wire('b')] }, (name, value: unknown) =>
      skipped.has(name) ? undefined : value,
    ).replace(/g\/[ab]\/\d+\/\d+\/\d+/g, (id) => {
      const known = ids.get(id) ?? `e${ids.size}`;
      ids.set(id, known);
      return known;
    });
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

const sums = selectiveMirroring.invariants.filter(
  ({ name, cost }) => cost === 'costly' && !name.includes('JSON'),
);

const limited: readonly Limited[] = [
  'write',
  'crash',
  'restart-cache',
  'lose',
  'repeat',
  'evict',
  'claim',
  'cut',
  'reselect',
  'overtake',
];
