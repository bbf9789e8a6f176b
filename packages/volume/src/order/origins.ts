import { HoldfastError } from '@holdfast/core';
import type { OriginStamp } from '../api.js';
import { OperationRanges } from './operation-ranges.js';

/** A generation that closes an initiator for good: raised by its orderly end, after which it may be forgotten. */
export const farewellGeneration = 0xffff_ffff;

/** From an initiator's oldest open operation to its newest: twice the window that paths keep to. */
const widestSpan = 524_288;

export type SettledOutcome = 'finished' | 'dropped';

export type Admission =
  /** Never seen: carry it out, then call `finished` or `dropped`. */
  | { readonly kind: 'new' }
  /** Not of the generation that was raised last: its path was given up, or nobody waited for the older ones. Refuse it. */
  | { readonly kind: 'stale' }
  /** Carried out before: answer success, touch nothing. */
  | { readonly kind: 'done' }
  /** Under way: answer what the first one gets. `whenSettled` calls back once, never from inside this call. */
  | {
      readonly kind: 'in-flight';
      readonly whenSettled: (listener: (outcome: SettledOutcome) => void) => void;
    };

export type Raised =
  /** `waitingFor` operations of lower generations are still to finish; `drained` is called after the last, not when 0. */
  | { readonly kind: 'raised'; readonly waitingFor: number }
  /** A higher generation was raised before. */
  | { readonly kind: 'stale'; readonly generation: number };

/** Plain JSON. What a node that joins a mirror must know to recognise repeats. */
export interface OriginsSnapshot {
  readonly version: 1;
  /** Longest silent first. */
  readonly initiators: readonly {
    readonly initiatorId: string;
    readonly generation: number;
    readonly doneBelow: number;
    /** Pairs of first and last operation number, flat and ascending. */
    readonly done: readonly number[];
  }[];
}

interface InFlight {
  readonly generation: number;
  listeners: ((outcome: SettledOutcome) => void)[] | undefined;
}

interface DrainWaiter {
  readonly below: number;
  waitingFor: number;
  readonly drained: () => void;
}

class Origin {
  generation = 0;
  /** Known from the notes of a process that is gone, which did not know what became of all its writes. */
  isRecalled = false;
  /** Operations below this may have been carried out by a process that is gone. */
  doubtfulBelow = 0;
  readonly done = new OperationRanges();
  readonly inFlight = new Map<number, InFlight>();
  readonly waiters = new Set<DrainWaiter>();
}

const isNew: Admission = { kind: 'new' };
const isStale: Admission = { kind: 'stale' };
const isDone: Admission = { kind: 'done' };

/**
 * The registry of repeats. Pure and synchronous, so that the question "is this a repeat?" and the place in the order are
 * decided in the same turn. Rules:
 *
 * - An initiator that is not known is stale until it raises a generation. A write that waited somewhere while its initiator
 *   was forgotten can therefore never come back to life.
 * - A done operation is remembered until its initiator says that the client has its answer (`acknowledgedBelow`). What is kept
 *   is a list of ranges, as long as the number of gaps: at most one more than the initiator has requests under way.
 * - An initiator is forgotten when nothing of it is in flight and every done operation was acknowledged (what it may still
 *   repeat was never carried out here, so carrying it out is right), and when it said farewell. One that is merely silent may
 *   be a paused process with repeats in its hands: it stays. When the registry is full of such, newcomers are refused.
 */
export class Origins {
  private readonly origins = new Map<string, Origin>();

  /** @param maxInitiators Entries that are kept; each is some hundred bytes. */
  constructor(private readonly maxInitiators = 65_536) {}

  get size(): number {
    return this.origins.size;
  }

  /** The sequencer's question, in the turn that assigns the order. */
  admit(stamp: OriginStamp): Admission {
    const origin = this.origins.get(stamp.initiatorId);
    if (origin?.generation !== stamp.generation) return isStale;
    origin.done.raiseFloor(stamp.acknowledgedBelow);
    const under = origin.inFlight.get(stamp.operation);
    if (under !== undefined) return waitFor(under);
    if (origin.done.has(stamp.operation)) return isDone;
    origin.inFlight.set(stamp.operation, { generation: stamp.generation, listeners: undefined });
    return isNew;
  }

  /** All of this initiator's operations below this number were answered to its clients. */
  confirm(initiatorId: string, generation: number, acknowledgedBelow: number): void {
    const origin = this.origins.get(initiatorId);
    if (origin?.generation === generation) origin.done.raiseFloor(acknowledgedBelow);
  }

  /** What is remembered of an initiator; undefined when nothing is. */
  doneBy(initiatorId: string): OperationRanges | undefined {
    return this.origins.get(initiatorId)?.done;
  }

  /** Whether the operation was sent before this process had heard of its initiator, so that an earlier one may have carried it out. */
  isDoubtful(stamp: OriginStamp): boolean {
    return stamp.operation < (this.origins.get(stamp.initiatorId)?.doubtfulBelow ?? 0);
  }

  /** The other node's note of a write that the sequencer has already ordered: no question is asked. Settle it like an admitted one. */
  follow(stamp: OriginStamp): void {
    const origin = this.origins.get(stamp.initiatorId) ?? this.add(stamp.initiatorId);
    if (stamp.generation > origin.generation) origin.generation = stamp.generation;
    origin.done.raiseFloor(stamp.acknowledgedBelow);
    if (origin.inFlight.has(stamp.operation) || origin.done.has(stamp.operation)) return;
    origin.inFlight.set(stamp.operation, { generation: stamp.generation, listeners: undefined });
  }

  /** It was carried out on every leg that counts here: a repeat will be answered without touching anything. */
  finished(stamp: OriginStamp): void {
    this.settle(stamp, 'finished');
  }

  /** It was not carried out, or nobody knows; a repeat is new. */
  dropped(stamp: OriginStamp): void {
    this.settle(stamp, 'dropped');
  }

  /**
   * It stands on this leg, and this node gave it up before it was on every leg that counts. Who waits for it hears that it was dropped, since the
   * other leg may be the one that goes on. If it is this one, hosts may have read it and written over it by the time it is repeated: the
   * repeat must touch nothing. A leg that becomes a target forgets all of this (`restore`).
   */
  appliedHere(stamp: OriginStamp): void {
    const origin = this.origins.get(stamp.initiatorId);
    if (origin?.inFlight.has(stamp.operation) !== true) return;
    origin.done.add(stamp.operation);
    this.settle(stamp, 'dropped');
  }

  /**
   * From now on nothing below `generation` is admitted. The same generation may be raised again.
   *
   * @param sentBelow Operations below this may have been sent before, on other paths.
   * @throws HoldfastError NO_SPACE when the registry is full of initiators that may still come back with repeats.
   */
  raise(initiatorId: string, generation: number, drained: () => void, sentBelow = 0): Raised {
    const known = this.origins.get(initiatorId);
    if (generation === farewellGeneration && known === undefined) return { kind: 'raised', waitingFor: 0 };
    const origin = known ?? this.addWithinLimit(initiatorId);
    if (known?.isRecalled !== false) origin.doubtfulBelow = sentBelow;
    origin.isRecalled = false;
    if (generation < origin.generation) return { kind: 'stale', generation: origin.generation };
    origin.generation = generation;
    this.touch(initiatorId, origin);
    let waitingFor = 0;
    for (const under of origin.inFlight.values()) if (under.generation < generation) waitingFor++;
    if (waitingFor > 0) origin.waiters.add({ below: generation, waitingFor, drained });
    else this.forgetAfterFarewell(initiatorId, origin);
    return { kind: 'raised', waitingFor };
  }

  /** Take it when nothing is in flight, or tell the joining node of the outcome of what is: that is not part of it. */
  snapshot(): OriginsSnapshot {
    const initiators: OriginsSnapshot['initiators'][number][] = [];
    for (const [initiatorId, { generation, done }] of this.origins) {
      initiators.push({ initiatorId, generation, doneBelow: done.floor, done: done.toFlat() });
    }
    return { version: 1, initiators };
  }

  /**
   * Forgets everything and knows what the snapshot knows. What was in flight here counts as dropped.
   * @throws HoldfastError PROTOCOL when it is no snapshot; nothing is changed then.
   */
  restore(snapshot: unknown): void {
    const origins = readSnapshot(snapshot);
    const before = [...this.origins.values()];
    this.origins.clear();
    for (const [initiatorId, origin] of origins) this.origins.set(initiatorId, origin);
    for (const origin of before) dropAll(origin);
  }

  /**
   * As `restore`, from the notes of the process before this one. What else that one did is not known.
   * @throws HoldfastError PROTOCOL when it is no snapshot; nothing is changed then.
   */
  recall(snapshot: unknown): void {
    this.restore(snapshot);
    for (const origin of this.origins.values()) origin.isRecalled = true;
  }

  /**
   * Adds what the snapshot knows to what is known here: for a node that has followed the sequencer since before it was taken.
   * @throws HoldfastError PROTOCOL when it is no snapshot; nothing is changed then.
   */
  merge(snapshot: unknown): void {
    for (const [initiatorId, theirs] of readSnapshot(snapshot)) {
      const origin = this.origins.get(initiatorId) ?? this.addWithinLimit(initiatorId);
      origin.generation = Math.max(origin.generation, theirs.generation);
      const ranges = theirs.done.toFlat();
      for (let at = 0; at < ranges.length; at += 2) {
        for (let operation = ranges[at] ?? 0; operation <= (ranges[at + 1] ?? -1); operation++)
          origin.done.add(operation);
      }
      origin.done.raiseFloor(theirs.done.floor);
    }
  }

  private settle(stamp: OriginStamp, outcome: SettledOutcome): void {
    const origin = this.origins.get(stamp.initiatorId);
    const under = origin?.inFlight.get(stamp.operation);
    if (origin === undefined || under === undefined) return;
    origin.inFlight.delete(stamp.operation);
    if (outcome === 'finished') origin.done.add(stamp.operation);
    if (under.listeners !== undefined) for (const listener of under.listeners) listener(outcome);
    if (origin.waiters.size > 0) this.tellWaiters(stamp.initiatorId, origin, under.generation);
  }

  private tellWaiters(initiatorId: string, origin: Origin, generation: number): void {
    for (const waiter of origin.waiters) {
      if (generation >= waiter.below) continue;
      waiter.waitingFor--;
      if (waiter.waitingFor > 0) continue;
      origin.waiters.delete(waiter);
      this.forgetAfterFarewell(initiatorId, origin);
      waiter.drained();
    }
  }

  private add(initiatorId: string): Origin {
    const origin = new Origin();
    this.origins.set(initiatorId, origin);
    return origin;
  }

  private addWithinLimit(initiatorId: string): Origin {
    if (this.origins.size >= this.maxInitiators) this.forgetOne();
    return this.add(initiatorId);
  }

  /** Last in the map is the one that raised a generation last. */
  private touch(initiatorId: string, origin: Origin): void {
    this.origins.delete(initiatorId);
    this.origins.set(initiatorId, origin);
  }

  private forgetOne(): void {
    for (const [initiatorId, origin] of this.origins) {
      if (origin.inFlight.size > 0 || origin.waiters.size > 0 || !origin.done.isEmpty) continue;
      this.origins.delete(initiatorId);
      return;
    }
    throw new HoldfastError(
      'NO_SPACE',
      `${this.origins.size} initiators are known that may still repeat writes; no other one is taken. Restart this node to forget them.`,
    );
  }

  private forgetAfterFarewell(initiatorId: string, origin: Origin): void {
    if (origin.generation === farewellGeneration && origin.inFlight.size === 0)
      this.origins.delete(initiatorId);
  }
}

function waitFor(under: InFlight): Admission {
  return {
    kind: 'in-flight',
    whenSettled: (listener) => {
      (under.listeners ??= []).push(listener);
    },
  };
}

function dropAll(origin: Origin): void {
  const inFlight = [...origin.inFlight.values()];
  const waiters = [...origin.waiters];
  origin.inFlight.clear();
  origin.waiters.clear();
  for (const under of inFlight) for (const listener of under.listeners ?? []) listener('dropped');
  for (const waiter of waiters) waiter.drained();
}

function readSnapshot(value: unknown): Map<string, Origin> {
  const snapshot = value as Partial<OriginsSnapshot> | null | undefined;
  if (snapshot?.version !== 1 || !Array.isArray(snapshot.initiators))
    throw notASnapshot('version 1 with a list of initiators');
  const origins = new Map<string, Origin>();
  for (const entry of snapshot.initiators as readonly Partial<OriginsSnapshot['initiators'][number]>[]) {
    const { initiatorId, generation, doneBelow, done } = entry;
    if (
      typeof initiatorId !== 'string' ||
      !isCount(generation) ||
      !isCount(doneBelow) ||
      !Array.isArray(done)
    ) {
      throw notASnapshot('initiatorId, generation, doneBelow and done in every entry');
    }
    const origin = new Origin();
    origin.generation = generation;
    origin.done.raiseFloor(doneBelow);
    if (!origin.done.fromFlat(done)) throw notASnapshot(`ascending ranges of operations for ${initiatorId}`);
    // Everything between the floor and the last one is walked through: it is as much as one initiator may have open, and no more.
    if ((origin.done.toFlat().at(-1) ?? 0) - doneBelow > widestSpan)
      throw notASnapshot(`operations of ${initiatorId} within ${String(widestSpan)} of its oldest open one`);
    origins.set(initiatorId, origin);
  }
  return origins;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function notASnapshot(expected: string): HoldfastError {
  return new HoldfastError('PROTOCOL', `Expected a snapshot of the registry of repeats: ${expected}.`);
}
