import type { KeyReader, KeyWriter, Pieces } from '@holdfast/testkit';
import { readData, writeData } from './data-codec.js';
import type { NodeRecord, PolarizationState } from '../../src/index.js';
import type { GroupRecord } from '../../../witness/src/service/record.js';
import type {
  Ask,
  CopiesPart,
  Holding,
  Letter,
  LinkPart,
  NodePart,
  Reply,
  Standing,
  WitnessPart,
  World,
} from './world.js';

/*
 * Small things are packed into bits; whatever is larger than a word is a piece and stands for itself by its number. About thirty words for
 * a world. The pieces of a state that comes out of `apply` were kept already, so writing looks each of them up and into none.
 */

const none = -1;
const standings: readonly Standing[] = ['none', 'offered', 'joined'];
const holdings: readonly Holding[] = ['all', 'lost', 'behind'];

const bit = (flag: boolean, place: number): number => (flag ? 1 << place : 0);
const has = (bits: number, place: number): boolean => (bits & (1 << place)) !== 0;

export function writeWorld(pieces: Pieces, world: World, key: KeyWriter): void {
  writeNode(pieces, world.nodes[0], key);
  writeNode(pieces, world.nodes[1], key);
  writeLink(pieces, world.link, key);
  writeWitness(pieces, world.witness, key);
  writeCopies(world, key);
  if (world.data !== null) writeData(world.data, key);
  for (const used of world.faults) key.word(used);
}

export function readWorld(pieces: Pieces, key: KeyReader): World {
  const nodes = [readNode(pieces, key), readNode(pieces, key)] as const;
  const link = readLink(pieces, key);
  const witness = readWitness(pieces, key);
  const { copies, isDetailed, ill } = readCopies(key);
  const data = isDetailed ? readData(key) : null;
  const faults: number[] = [];
  while (key.left > 0) faults.push(key.word());
  return { nodes, link, witness, copies, ill, data, faults };
}

function writeNode(pieces: Pieces, node: NodePart, key: KeyWriter): void {
  const { persist, draining, resync, state } = node;
  const flags = bit(node.up, 0) | bit(node.paused, 1) | bit(persist !== null, 2) | bit(resync !== null, 3);
  const copying = bit(resync?.side === 'source', 4) | bit(resync?.done === true, 5);
  key.word(flags | copying | (node.lives << 8) | (node.boots << 16));
  key.word(pieces.number(node.disk));
  key.word(node.older === null ? none : pieces.number(node.older));
  key.word(state === null ? none : pieces.number(state));
  if (persist !== null) {
    key.word(pieces.number(persist.effect));
    key.word(pieces.number(persist.record));
  }
  key.word(draining === null ? none : pieces.number(draining));
  if (resync !== null) key.word(pieces.number(resync.effect));
}

function readNode(pieces: Pieces, key: KeyReader): NodePart {
  const flags = key.word();
  const disk = pieces.piece<NodeRecord>(key.word());
  const older = optional<NodeRecord>(pieces, key.word());
  const state = optional<PolarizationState>(pieces, key.word());
  const persist = has(flags, 2)
    ? { effect: pieces.piece<string>(key.word()), record: pieces.piece<NodeRecord>(key.word()) }
    : null;
  const draining = optional<string>(pieces, key.word());
  const resync = has(flags, 3)
    ? {
        effect: pieces.piece<string>(key.word()),
        side: has(flags, 4) ? ('source' as const) : ('target' as const),
        done: has(flags, 5),
      }
    : null;
  return {
    up: has(flags, 0),
    paused: has(flags, 1),
    lives: (flags >> 8) & 0xff,
    boots: (flags >> 16) & 0xff,
    disk,
    older,
    state,
    persist,
    draining,
    resync,
  };
}

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- who reads knows what was written there
function optional<Value extends object | string>(pieces: Pieces, number: number): Value | null {
  return number === none ? null : pieces.piece<Value>(number);
}

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- who reads knows what was written there
function list<Value extends object>(pieces: Pieces, key: KeyReader, count: number): readonly Value[] {
  const values: Value[] = [];
  for (let index = 0; index < count; index += 1) values.push(pieces.piece<Value>(key.word()));
  return values;
}

function writeLink(pieces: Pieces, link: LinkPart, key: KeyWriter): void {
  const { at, cut, to } = link;
  const standing = standings.indexOf(at[0]) | (standings.indexOf(at[1]) << 2);
  key.word(standing | bit(cut[0], 4) | bit(cut[1], 5) | (to[0].length << 8) | (to[1].length << 16));
  for (const letters of to) for (const letter of letters) key.word(pieces.number(letter));
}

function readLink(pieces: Pieces, key: KeyReader): LinkPart {
  const flags = key.word();
  return {
    at: [standings[flags & 3] ?? 'none', standings[(flags >> 2) & 3] ?? 'none'],
    cut: [has(flags, 4), has(flags, 5)],
    to: [list<Letter>(pieces, key, (flags >> 8) & 0xff), list<Letter>(pieces, key, (flags >> 16) & 0xff)],
  };
}

function writeWitness(pieces: Pieces, witness: WitnessPart, key: KeyWriter): void {
  const { record, incarnation, backup, asks, replies, cut, owners } = witness;
  key.word(
    bit(cut[0], 0) | bit(cut[1], 1) | (asks.length << 4) | (replies.length << 12) | (incarnation << 20),
  );
  key.word(record === null ? none : pieces.number(record));
  key.word(backup === null ? none : pieces.number(backup));
  key.word(pieces.number(owners));
  for (const ask of asks) key.word(pieces.number(ask));
  for (const reply of replies) key.word(pieces.number(reply));
}

function readWitness(pieces: Pieces, key: KeyReader): WitnessPart {
  const flags = key.word();
  const record = optional<GroupRecord>(pieces, key.word());
  const backup = optional<{ record: GroupRecord | null }>(pieces, key.word());
  const owners = pieces.piece<readonly string[]>(key.word());
  return {
    record,
    incarnation: flags >> 20,
    backup,
    owners,
    asks: list<Ask>(pieces, key, (flags >> 4) & 0xff),
    replies: list<Reply>(pieces, key, (flags >> 12) & 0xff),
    cut: [has(flags, 0), has(flags, 1)],
  };
}

function writeCopies({ copies, ill, data }: World, key: KeyWriter): void {
  const { hold, forgiven } = copies;
  const held = holdings.indexOf(hold[0]) | (holdings.indexOf(hold[1]) << 2);
  key.word(held | bit(forgiven, 4) | bit(data !== null, 5) | bit(ill[0], 6) | bit(ill[1], 7));
}

function readCopies(key: KeyReader): {
  readonly copies: CopiesPart;
  readonly isDetailed: boolean;
  readonly ill: World['ill'];
} {
  const flags = key.word();
  const hold = [holdings[flags & 3] ?? 'all', holdings[(flags >> 2) & 3] ?? 'all'] as const;
  const ill = [has(flags, 6), has(flags, 7)] as const;
  return { copies: { hold, forgiven: has(flags, 4) }, isDetailed: has(flags, 5), ill };
}
