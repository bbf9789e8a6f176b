import type {
  plannedFailover,
  PlannedFailoverEffect,
  PlannedFailoverMessage,
  PlannedFailoverRecord,
  PlannedFailoverState,
  PlannedFailoverTiming,
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

export interface Packet {
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

export const ids = ['a', 'b'] as const;

/** Both ends believe in the same session. */
export function connected({ nodes, sessions }: System): boolean {
  return ids.every((id) => nodes[id].up && nodes[id].session === sessions);
}

export function serves({ nodes }: System, id: Id): boolean {
  const node = nodes[id];
  return node.up && (node.alone || node.state.gate.ordersWrites);
}
