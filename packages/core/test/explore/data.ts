import { Register } from './register.js';
import { withSide, type Side, type World } from './world.js';

/*
 * The data path by its rules, on two blocks and as many writes as a scene has, each by a host of its own. A write's number is the value that
 * it writes; 0 is what stood there before. Blocks and writes are bits in a mask.
 */

export const blocks = [0, 1] as const;
export type Block = (typeof blocks)[number];

export interface Leg {
  /** What a read returns. */
  readonly cache: readonly [number, number];
  /** What is left after a loss of power. */
  readonly disk: readonly [number, number];
}

/** A write at a node. Only the sequencer orders; the other one forwards. */
export interface Job {
  readonly write: number;
  readonly generation: number;
  readonly origin: Side;
  readonly phase: 'queued' | 'forwarded' | 'ordered';
  /** The own leg has it. */
  readonly own: boolean;
  readonly peer: 'unsent' | 'sent' | 'applied';
}

/** A host's view of its write. It repeats once, over the other path, under the next generation. */
export interface HostWrite {
  readonly state: 'new' | 'under-way' | 'acknowledged';
  readonly via: Side;
  readonly generation: number;
}

type Masks = readonly [number, number];

export interface DataPart {
  readonly legs: readonly [Leg, Leg];
  /** Activity logs: blocks that may differ. Durable before a leg or the peer is written. */
  readonly log: Masks;
  /** Dirty maps in memory, and what of them was saved. */
  readonly dirty: Masks;
  readonly saved: Masks;
  /** Writes that a node knows to be applied, and those whose first path it has closed. */
  readonly done: Masks;
  readonly raised: Masks;
  readonly jobs: readonly [readonly Job[], readonly Job[]];
  /** The source's list of blocks that the target still lacks, and those that are on their way. */
  readonly todo: number;
  readonly copying: number;
  readonly writes: readonly HostWrite[];
  /** One linearizable register per block: everything that it may be by now. */
  readonly registers: readonly [number, number];
  /** Broken variant only: reads that were admitted under a lease and fetch later. */
  readonly admitted: Masks;
}

export type DataLetter =
  | { readonly kind: 'forward'; readonly write: number; readonly generation: number }
  | {
      readonly kind: 'replicate';
      readonly write: number;
      readonly generation: number;
      readonly epoch: number;
      readonly lineageId: string;
    }
  | { readonly kind: 'applied'; readonly write: number }
  | { readonly kind: 'finished'; readonly write: number; readonly generation: number }
  | { readonly kind: 'copy'; readonly block: Block; readonly value: number }
  | { readonly kind: 'copied'; readonly block: Block };

/** Every rule that can be left out, to see what happens without it. */
export interface DataRules {
  /** A write is on both legs before it is acknowledged. */
  readonly bothLegs: boolean;
  /** The peer gets a write when the own leg has it: what can be read there cannot be missing in a sequencer that comes back alone. */
  readonly ownLegFirst: boolean;
  /** A replicated write is refused under another epoch or lineage, or by a node that does not mirror. */
  readonly sameEpoch: boolean;
  /** A range is held from before the own leg's write until the peer has it, and reads wait. */
  readonly rangeHeld: boolean;
  /** One write of a block at a time. */
  readonly oneAtATime: boolean;
  /** The follower asks the sequencer for the order, and does not order itself. */
  readonly oneSequencer: boolean;
  /** What is repeated was done once: applied writes are known by their numbers. */
  readonly knowsDone: boolean;
  /** What arrives by a path that its host has left is dropped. */
  readonly knowsGenerations: boolean;
  /** The activity log has the block before anything is written. */
  readonly logFirst: boolean;
  /** A block leaves the log only when both legs have it, or the saved map has it. */
  readonly logKept: boolean;
  /** The logs of both nodes take part in a resync. */
  readonly bothLogs: boolean;
  /** The winner's map takes part in a resync. */
  readonly mapTaken: boolean;
  /** Alone, a block is marked before its write is acknowledged. */
  readonly marked: boolean;
  /** A block is taken off the list by the target's answer, not by the sending. */
  readonly clearedByAnswer: boolean;
  /** A block that is copied takes no host write meanwhile. */
  readonly copyHeld: boolean;
  /** During a resync a write waits for the target, or its block is listed again. */
  readonly targetWaitedFor: boolean;
  /** A drain waits for what is in flight. */
  readonly drainWaits: boolean;
  /** The lease is looked at after the bytes were read. */
  readonly leaseAfterRead: boolean;
  /** What an old life of the gate admitted is dropped when the gate closes. */
  readonly dropsWhenClosed: boolean;
  /** The numbers of applied writes reach the target with a resync. */
  readonly doneTravels: boolean;
}

export const soundRules: DataRules = {
  bothLegs: true,
  ownLegFirst: true,
  sameEpoch: true,
  rangeHeld: true,
  oneAtATime: true,
  oneSequencer: true,
  knowsDone: true,
  knowsGenerations: true,
  logFirst: true,
  logKept: true,
  bothLogs: true,
  mapTaken: true,
  marked: true,
  clearedByAnswer: true,
  copyHeld: true,
  targetWaitedFor: true,
  drainWaits: true,
  leaseAfterRead: true,
  dropsWhenClosed: true,
  doneTravels: true,
};

export function freshData(writes: number): DataPart {
  const leg: Leg = { cache: [0, 0], disk: [0, 0] };
  return {
    legs: [leg, leg],
    log: [0, 0],
    dirty: [0, 0],
    saved: [0, 0],
    done: [0, 0],
    raised: [0, 0],
    jobs: [[], []],
    todo: 0,
    copying: 0,
    writes: Array.from({ length: writes }, () => ({ state: 'new', via: 0, generation: 0 })),
    registers: [Register.fresh, Register.fresh],
    admitted: [0, 0],
  };
}

export const maskOf = (number: number): number => 1 << number;

export function withData(world: World, change: Partial<DataPart>): World {
  return world.data === null ? world : { ...world, data: { ...world.data, ...change } };
}

export function withMask(masks: Masks, side: Side, mask: number): Masks {
  return withSide(masks, side, mask);
}

export function withValue(leg: Leg, block: Block, value: number): Leg {
  return { ...leg, cache: block === 0 ? [value, leg.cache[1]] : [leg.cache[0], value] };
}

/** The process has ended: memory is gone, the legs (with what a running machine caches) and the logs are there. */
export function forget(data: DataPart, side: Side): DataPart {
  return {
    ...data,
    jobs: withSide(data.jobs, side, []),
    dirty: withMask(data.dirty, side, data.saved[side]),
    done: withMask(data.done, side, 0),
    raised: withMask(data.raised, side, 0),
    admitted: withMask(data.admitted, side, 0),
  };
}

/** The machine's caches are gone as well. */
export function forgetCache(data: DataPart, side: Side): DataPart {
  const leg = data.legs[side];
  return { ...data, legs: withSide(data.legs, side, { ...leg, cache: leg.disk }) };
}

/** The session is over for this side: what was sent is sent again, what was forwarded waits again. */
export function unsend(data: DataPart, side: Side): DataPart {
  const jobs = data.jobs[side].map((job) => ({
    ...job,
    phase: job.phase === 'forwarded' ? ('queued' as const) : job.phase,
    peer: job.peer === 'sent' ? ('unsent' as const) : job.peer,
  }));
  return { ...data, jobs: withSide(data.jobs, side, jobs), copying: 0 };
}
