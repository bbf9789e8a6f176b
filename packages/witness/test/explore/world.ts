import type { WitnessAnswer } from '@holdfast/core';
import { type Decision, decideWith } from '../../src/service/decide.js';
import type { Guards } from '../../src/service/guards.js';
import type { GroupRecord } from '../../src/service/record.js';
import type { WitnessRequest } from '../../src/service/request.js';

/*
 * Two honest nodes, a network that keeps every message for ever and may deliver it any number of times in any order, and the
 * real decision behind it. The witness may be emptied, or be put back to a copy of its memory. Nothing here has a clock: whatever
 * can happen may happen next.
 */

export type Mode = 'mirrored' | 'asking' | 'owner' | 'loser';

export interface ModelNode {
  readonly mode: Mode;
  readonly epoch: number;
  readonly lineageId: string;
  readonly history: readonly { readonly epoch: number; readonly lineageId: string }[];
  /** The incarnation of the witness that this node has talked with. */
  readonly seen: number;
  /** What it asks for, while it asks. */
  readonly claimId: string;
  readonly lives: number;
  /** Claims that it was told `denied` about. */
  readonly told: readonly string[];
}

export type Message = Exclude<WitnessRequest, { kind: 'status' | 'forget' | 'manual-promote' }>;

export interface World {
  readonly nodes: readonly [ModelNode, ModelNode];
  readonly record: GroupRecord | undefined;
  readonly incarnation: number;
  readonly backup: GroupRecord | 'none' | 'empty';
  /** Messages ever sent to the witness, by their numbers in `Messages`, sorted. */
  readonly network: readonly number[];
  /** Ghost: who was ever called the owner, as 'incarnation/epoch node', sorted. */
  readonly owners: readonly string[];
  /** Ghost: the highest epoch ever granted to each node by its own request. */
  readonly granted: readonly [number, number];
  readonly broken?: string;
}

export interface Bounds {
  readonly epochMax: number;
  readonly incarnationMax: number;
  readonly livesMax: number;
  readonly messagesMax: number;
  /** A person makes a node serve without asking anybody. */
  readonly withForce?: boolean;
  /** A node that was taken out of the group asks like a member. */
  readonly withStranger?: boolean;
  readonly withEmptied?: boolean;
  readonly withBackup?: boolean;
  /** A node that has lost asks all the same, and says that both are in sync again. */
  readonly withDisobedience?: boolean;
  /** A broken witness: it takes a copy of its memory for the memory itself. */
  readonly trustsCopies?: boolean;
}

/** The messages and decisions of one exploration, each kept once. */
export class Kept {
  private readonly messages: Message[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly records = new Map<string, GroupRecord>();
  private readonly decisions = new WeakMap<object, Map<string, Decision>>();
  private readonly nothing = {};

  constructor(
    readonly guards: Guards,
    readonly bounds: Bounds,
  ) {}

  numberOf(message: Message): number {
    const text = JSON.stringify(message);
    const known = this.numbers.get(text);
    if (known !== undefined) return known;
    this.numbers.set(text, this.messages.push(message) - 1);
    return this.messages.length - 1;
  }

  message(number: number): Message {
    return this.messages[number]!;
  }

  decide(world: World, number: number): Decision {
    const known = this.decisions.get(world.record ?? this.nothing) ?? new Map<string, Decision>();
    this.decisions.set(world.record ?? this.nothing, known);
    const key = `${number} ${world.incarnation}`;
    const decided = known.get(key);
    if (decided !== undefined) return decided;
    const meta = { incarnation: `i${world.incarnation}` };
    const { record, answer } = decideWith(this.guards, world.record, this.message(number), meta);
    const decision = { record: record && this.one(record), answer };
    known.set(key, decision);
    return decision;
  }

  private one(record: GroupRecord): GroupRecord {
    const text = JSON.stringify(record);
    const known = this.records.get(text) ?? record;
    this.records.set(text, known);
    return known;
  }
}

const ids = ['P', 'N'] as const;
const groupId = 'g';

/** Both mirror and have registered; copies of their words are still under way. */
export function start(kept: Kept): World {
  const node: ModelNode = {
    mode: 'mirrored',
    epoch: 1,
    lineageId: 'm1',
    history: [],
    seen: 1,
    claimId: '',
    lives: 1,
    told: [],
  };
  const network = ids.map((nodeId) => kept.numberOf(registerOf(node, nodeId)));
  if (kept.bounds.withStranger === true) {
    network.push(
      kept.numberOf({
        kind: 'promote',
        groupId,
        nodeId: 'X',
        claimId: 'X',
        incarnation: 'i1',
        epoch: 2,
        fromEpoch: 1,
        lineageId: 'X2',
      }),
    );
  }
  const empty: World = {
    nodes: [node, node],
    record: undefined,
    incarnation: 1,
    backup: 'none',
    network,
    owners: [],
    granted: [0, 0],
  };
  const one = { ...empty, record: kept.decide(empty, network[0]!).record };
  return { ...one, record: kept.decide(one, network[1]!).record };
}

function registerOf(node: ModelNode, nodeId: string): Message {
  const { epoch, lineageId, seen } = node;
  const claimId = `g${nodeId}${epoch}${seen}`;
  return {
    kind: 'register',
    groupId,
    nodeId,
    incarnation: `i${seen}`,
    epoch,
    lineageId,
    claimId,
    members: [...ids],
  };
}

export interface Move {
  readonly label: string;
  readonly world: World;
}

export function moves(world: World, kept: Kept): readonly Move[] {
  return [
    ...[0, 1].flatMap((index) => nodeMoves(world, index, kept)),
    ...pairMoves(world, kept.bounds),
    ...witnessMoves(world, kept.bounds),
    ...world.network.flatMap((number) => deliveries(world, number, kept)),
  ];
}

function nodeMoves(world: World, index: number, kept: Kept): readonly Move[] {
  const { bounds } = kept;
  const node = world.nodes[index]!;
  const nodeId = ids[index]!;
  const found: Move[] = [];
  const become = (label: string, change: Partial<ModelNode>, sent?: Message): void => {
    const next = withNode(world, index, { ...node, ...change });
    if (sent === undefined) found.push({ label: `${nodeId} ${label}`, world: next });
    else
      found.push(
        ...send(next, kept.numberOf(sent), bounds).map((sentTo) => ({
          label: `${nodeId} sends ${label}`,
          world: sentTo,
        })),
      );
  };

  if (node.seen !== world.incarnation) become('asks for the status', { seen: world.incarnation });
  const base = { groupId, nodeId, incarnation: `i${node.seen}` };
  const here = { ...base, epoch: node.epoch, lineageId: node.lineageId };
  if (node.mode === 'mirrored') become('register', {}, registerOf(node, nodeId));
  // Whoever was alone before says that it is no more.
  const lies = bounds.withDisobedience === true && node.mode === 'loser';
  if (lies || (node.mode === 'mirrored' && node.lineageId === `m${node.epoch}${nodeId}`)) {
    const epoch = lies ? node.epoch + 2 : node.epoch;
    const claimId = `j${nodeId}${epoch}${node.seen}`;
    become('rejoin', {}, { kind: 'rejoin', ...here, epoch, claimId, members: [...ids] });
  }
  const asks = node.mode === 'mirrored' || node.mode === 'asking' || lies;
  if (asks && node.epoch < bounds.epochMax) {
    const claimId = `p${nodeId}${node.epoch}.${node.lives}.${node.seen}`;
    const wish = { epoch: node.epoch + 1, fromEpoch: node.epoch, lineageId: lineage(node, nodeId) };
    if (claimId !== node.claimId) {
      become('promote', { mode: 'asking', claimId }, { kind: 'promote', ...base, claimId, ...wish });
    }
  }
  if (node.mode === 'asking' && node.lives < bounds.livesMax) {
    become('dies and starts', { lives: node.lives + 1, claimId: '' });
  }
  if (node.mode === 'owner') {
    const claimId = `o${nodeId}${node.epoch}${node.seen}`;
    become('reassert', {}, { kind: 'reassert', ...here, claimId, history: node.history });
  }
  if (bounds.withForce === true && node.mode !== 'owner' && node.epoch + 2 <= bounds.epochMax) {
    // Two steps up: the forced node has been forced, or has changed its epoch, more than once.
    become('is forced', { mode: 'owner', epoch: node.epoch + 2, lineageId: `f${nodeId}${node.epoch + 2}` });
  }
  return found;
}

function pairMoves(world: World, bounds: Bounds): readonly Move[] {
  const found: Move[] = [];
  for (const [index, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const node = world.nodes[index];
    const peer = world.nodes[other];
    if (node.epoch >= bounds.epochMax) continue;
    const epoch = node.epoch + 1;
    const history = [{ epoch: node.epoch, lineageId: node.lineageId }, ...node.history];
    if (node.mode === 'owner' && peer.mode !== 'owner' && peer.epoch <= node.epoch) {
      const both = {
        mode: 'mirrored',
        epoch,
        lineageId: `m${epoch}${ids[index]}`,
        history,
        claimId: '',
      } as const;
      const world1 = withNode(world, index, { ...node, ...both });
      found.push({
        label: `${ids[other]} is in sync again`,
        world: withNode(world1, other, { ...peer, ...both }),
      });
    }
    if (node.mode === 'mirrored' && peer.mode === 'mirrored' && peer.epoch === node.epoch) {
      const lineageId = `h${ids[other]}${epoch}`;
      const world1 = withNode(world, index, { ...node, mode: 'loser', epoch, lineageId, history });
      const owner = { ...peer, mode: 'owner', epoch, lineageId, history } as const;
      found.push({
        label: `${ids[index]} hands over to ${ids[other]}`,
        world: withNode(world1, other, owner),
      });
    }
  }
  return found;
}

function witnessMoves(world: World, bounds: Bounds): readonly Move[] {
  const found: Move[] = [];
  const { backup } = world;
  if (bounds.withBackup === true && backup === 'none') {
    found.push({ label: 'the witness is copied', world: { ...world, backup: world.record ?? 'empty' } });
  }
  if (world.incarnation >= bounds.incarnationMax) return found;
  const fresh = { ...world, incarnation: world.incarnation + 1, record: undefined };
  if (bounds.withEmptied === true) found.push({ label: 'the witness is emptied', world: fresh });
  if (typeof backup === 'object') {
    const restored =
      bounds.trustsCopies === true ? { ...world, record: backup } : { ...fresh, record: backup };
    found.push({ label: 'the witness is put back to the copy', world: restored });
  }
  return found;
}

function deliveries(world: World, number: number, kept: Kept): readonly Move[] {
  const request = kept.message(number);
  const { record, answer } = kept.decide(world, number);
  const after = judged({ ...world, record }, world, request, answer);
  const label = `the witness hears ${request.nodeId}'s ${request.kind} ${request.epoch}: ${answer.kind}`;
  const found: Move[] = [{ label, world: after }];
  const index = ids.indexOf(request.nodeId as 'P' | 'N');
  const node = world.nodes[index];
  if (node?.mode === 'asking' && request.kind === 'promote' && request.claimId === node.claimId) {
    const heard = hear(after, index, node, request, answer);
    if (heard !== undefined) found.push({ label: `${label}, and the node hears it`, world: heard });
  }
  return found;
}

function hear(
  world: World,
  index: number,
  node: ModelNode,
  request: { readonly epoch: number; readonly lineageId: string; readonly claimId: string },
  answer: WitnessAnswer,
): World | undefined {
  if (answer.kind === 'denied') {
    const told = [...node.told, request.claimId].slice(-4);
    return withNode(world, index, { ...node, mode: 'loser', claimId: '', told });
  }
  if (answer.kind !== 'granted') return undefined;
  const { epoch, lineageId } = request;
  const history = [{ epoch: node.epoch, lineageId: node.lineageId }, ...node.history];
  return withNode(world, index, { ...node, mode: 'owner', epoch, lineageId, history, claimId: '' });
}

/** What must hold between the world before a message and the one after it. */
function judged(after: World, before: World, request: Message, answer: WitnessAnswer): World {
  const broken = robbed(before, after) ?? goesBack(before.record, after.record, request);
  if (broken !== undefined) return { ...after, broken };
  if (answer.kind !== 'granted' || (request.kind !== 'promote' && request.kind !== 'reassert')) return after;
  const index = ids.indexOf(request.nodeId as 'P' | 'N');
  if (index < 0) return { ...after, broken: 'a node that is no member was granted' };
  const other = 1 - index;
  const node = before.nodes[index]!;
  const place = `${before.incarnation}/${request.epoch}`;
  if (after.owners.includes(`${place} ${other}`)) {
    return { ...after, broken: `two owners in one incarnation and epoch (${place})` };
  }
  const owners = [...new Set([...after.owners, `${place} ${index}`])].sort();
  if (request.kind === 'reassert') return { ...after, owners };
  if (node.told.includes(request.claimId)) {
    return { ...after, broken: `${request.nodeId} was granted what it had been denied` };
  }
  if (after.granted[other]! >= request.epoch) {
    return {
      ...after,
      broken: `epoch ${request.epoch} was granted to ${request.nodeId} after the other had got it or a later one`,
    };
  }
  const granted: [number, number] = [...after.granted];
  granted[index] = Math.max(granted[index]!, request.epoch);
  return { ...after, owners, granted };
}

/** What a node holds ends when that node has left it, and not before. */
function robbed(before: World, after: World): string | undefined {
  const { record } = before;
  const owner = before.nodes[ids.indexOf(record?.owner as 'P' | 'N')];
  if (record === undefined || owner === undefined || after.record?.owner === record.owner) return undefined;
  const holds =
    owner.mode === 'owner' && owner.epoch === record.epoch && owner.lineageId === record.lineageId;
  return holds ? `${String(record.owner)} lost what it holds and has not left` : undefined;
}

/** What a member has said is never undone by an older message. */
function goesBack(
  before: GroupRecord | undefined,
  after: GroupRecord | undefined,
  request: Message,
): string | undefined {
  if (before === undefined || after === undefined || before === after) return undefined;
  if (after.epoch < before.epoch) return `the record went back from epoch ${before.epoch} to ${after.epoch}`;
  const isNewOwner = after.owner !== undefined && after.claimId !== before.claimId;
  for (const [nodeId, word] of Object.entries(before.registrations)) {
    const later = after.registrations[nodeId];
    if (later?.incarnation !== word.incarnation) continue;
    if (later.epoch < word.epoch)
      return `the word of ${nodeId} went back from epoch ${word.epoch} to ${later.epoch}`;
    // A promotion may pass over a word that the other member alone has given so far.
    const counts = request.kind === 'reassert' || request.nodeId === nodeId;
    if (isNewOwner && counts && word.epoch >= request.epoch) {
      return `${nodeId} mirrored at ${word.epoch}, and an owner of ${request.epoch} was recorded`;
    }
  }
  return undefined;
}

/** What must hold in every world. */
export function brokenRule(world: World, bounds: Bounds): string | undefined {
  if (world.broken !== undefined) return world.broken;
  const both = world.nodes.every((node) => node.mode === 'owner');
  return both && bounds.withForce !== true ? 'both nodes serve alone' : undefined;
}

function lineage(node: ModelNode, nodeId: string): string {
  return `${nodeId}${node.epoch + 1}.${node.lives}`;
}

function withNode(world: World, index: number, node: ModelNode): World {
  const nodes: [ModelNode, ModelNode] = [...world.nodes];
  nodes[index] = node;
  return { ...world, nodes };
}

function send(world: World, number: number, bounds: Bounds): readonly World[] {
  if (world.network.includes(number)) return [world];
  if (world.network.length >= bounds.messagesMax) return [];
  return [{ ...world, network: [...world.network, number].sort((left, right) => left - right) }];
}
