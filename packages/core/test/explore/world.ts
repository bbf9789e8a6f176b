import type {
  Introduction,
  NodeRecord,
  PolarizationMessage,
  PolarizationState,
  WitnessAnswer,
} from '../../src/index.js';
import type { DataLetter, DataPart } from './data.js';
import type { GroupRecord } from '../../../witness/src/service/record.js';
import type { WitnessRequest } from '../../../witness/src/service/request.js';

/*
 * The system as plain JSON. Every part is kept once (`Pieces`), so a world is six numbers, and what a step of the real policy does with one
 * state and one event is computed once however many worlds it happens in.
 */

export type Side = 0 | 1;
export const sides: readonly Side[] = [0, 1];
export const names = ['a', 'b'] as const;
export const otherSide = (side: Side): Side => (side === 0 ? 1 : 0);

/** One node: its process, its metadata disk, and what its data path was told. Node a is the preferred one. */
export interface NodePart {
  readonly up: boolean;
  readonly paused: boolean;
  /** Starts of the process, and of the machine. */
  readonly lives: number;
  readonly boots: number;
  /** What stands on stable storage. */
  readonly disk: NodeRecord;
  /** A lying disk only: what stands there in truth, until the next record. */
  readonly older: NodeRecord | null;
  /** The real policy's state, with all times moved so that this node's clock shows `clockBase`. Null while down. */
  readonly state: PolarizationState | null;
  /** On its way to the disk. */
  readonly persist: { readonly effect: string; readonly record: NodeRecord } | null;
  readonly draining: string | null;
  readonly resync: {
    readonly effect: string;
    readonly side: 'source' | 'target';
    readonly done: boolean;
  } | null;
}

/** `offered`: a new session stands, and this side has not been told yet. */
export type Standing = 'none' | 'offered' | 'joined';

export type Letter =
  | { readonly kind: 'connected'; readonly introduction: Introduction }
  | { readonly kind: 'message'; readonly message: PolarizationMessage }
  | { readonly kind: 'data'; readonly data: DataLetter }
  | { readonly kind: 'end' };

/** The link: one session at a time, in order in each direction. `to[0]` is on its way to node a. */
export interface LinkPart {
  readonly at: readonly [Standing, Standing];
  readonly to: readonly [readonly Letter[], readonly Letter[]];
  /** What goes towards that side is swallowed for now. */
  readonly cut: readonly [boolean, boolean];
}

export interface Ask {
  readonly side: Side;
  readonly life: number;
  readonly effect: string;
  readonly request: WitnessRequest;
  /** The asker has been told that nobody answers. The request may still arrive. */
  readonly late: boolean;
}

export interface Reply {
  readonly side: Side;
  readonly effect: string;
  readonly answer: WitnessAnswer;
  readonly late: boolean;
}

/** The witness: the real decision over its record. Requests and replies may be lost, late, repeated, and overtake each other. */
export interface WitnessPart {
  readonly record: GroupRecord | null;
  readonly incarnation: number;
  /** What a backup holds; undefined when none was made. */
  readonly backup: { readonly record: GroupRecord | null } | null;
  readonly asks: readonly Ask[];
  readonly replies: readonly Reply[];
  /** That node and the witness do not hear each other. */
  readonly cut: readonly [boolean, boolean];
  /** Who was ever promoted, as 'incarnation/epoch node'. */
  readonly owners: readonly string[];
}

/** How much has gone wrong so far: in all, and of the kinds that are bounded tighter than that. */
export type FaultsPart = readonly number[];

export interface World {
  readonly nodes: readonly [NodePart, NodePart];
  readonly link: LinkPart;
  readonly witness: WitnessPart;
  readonly copies: CopiesPart;
  /** Whose storage is ill: only groups that swap look at it. */
  readonly ill: readonly [boolean, boolean];
  /** The data path in detail; null where `copies` says enough. */
  readonly data: DataPart | null;
  readonly faults: FaultsPart;
}

/**
 * What a leg holds of the acknowledged writes. `lost`: its machine has lost its power, and with it what was not flushed (a write counts as
 * volatile until then). `behind`: the other one has acknowledged alone.
 */
export type Holding = 'all' | 'lost' | 'behind';

export interface CopiesPart {
  readonly hold: readonly [Holding, Holding];
  /** An operator has accepted the loss of data: nothing is claimed about writes any more. */
  readonly forgiven: boolean;
}

export function withSide<Value>(
  pair: readonly [Value, Value],
  side: Side,
  value: Value,
): readonly [Value, Value] {
  return side === 0 ? [value, pair[1]] : [pair[0], value];
}

export function withNode(world: World, side: Side, change: Partial<NodePart>): World {
  return { ...world, nodes: withSide(world.nodes, side, { ...world.nodes[side], ...change }) };
}
