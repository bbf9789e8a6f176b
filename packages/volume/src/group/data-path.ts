import {
  type AbortSignalLike,
  type BlockBuffer,
  type Clock,
  type Gate,
  HoldfastError,
  type Millis,
  type PolarizationFact,
} from '@holdfast/core';
import type { HostSide, HostWrite, VolumeDescription } from '../api.js';
import type { Leg } from '../metadata/leg.js';
import { Origins, type OriginsSnapshot } from '../order/origins.js';
import { RepeatMemory } from '../order/repeat-memory.js';
import { type Frame, frame, frameTypes } from '../wire/index.js';
import { type DataPathContext, fenced, type PeerChannel } from './context.js';
import { Drains } from './drains.js';
import { Flusher } from './flusher.js';
import { Follower } from './follower.js';
import { Forwards } from './forwards.js';
import { Generations } from './generations.js';
import { Operation } from './operation.js';
import { Reads } from './reads.js';
import { Sequencer } from './sequencer.js';

export interface DataPathOptions {
  readonly nodeId: string;
  readonly legs: readonly Leg[];
  readonly clock: Clock;
  readonly gate: Gate;
  readonly readMode: 'leased' | 'confirmed';
  readonly readableUntil: () => Millis;
  readonly clockIsSound: () => boolean;
  readonly targetCounts: () => boolean;
  readonly fact: (fact: PolarizationFact) => void;
  readonly initiatorsChanged: (count: number) => void;
  /** What the process before this one has noted of the writes that it carried out. */
  readonly notes: OriginsSnapshot | undefined;
  readonly saveNotes: (notes: OriginsSnapshot, isStable: boolean) => Promise<void>;
}

/** What hosts' requests go through on one node, under the gate that the policy has set. */
export class DataPath implements HostSide, DataPathContext {
  readonly nodeId: string;
  readonly legs: readonly Leg[];
  readonly clock: Clock;
  readonly origins = new Origins();
  readonly repeats: RepeatMemory;
  readonly volumes: readonly VolumeDescription[];
  readonly reads: Reads;
  readonly sequencer: Sequencer;
  readonly follower: Follower;
  readonly flusher: Flusher;
  readonly generations: Generations;
  gate: Gate;
  peer: PeerChannel | undefined;
  isLegOut = false;
  private held: Operation[] = [];
  private readonly listeners = new Set<(gate: Gate) => void>();
  private readonly drains: Drains;
  private readonly forwards: Forwards;
  private lastGateSession = 0;

  constructor(private readonly options: DataPathOptions) {
    this.nodeId = options.nodeId;
    this.legs = options.legs;
    this.clock = options.clock;
    this.gate = options.gate;
    this.volumes = options.legs.map((leg) => ({ volumeId: leg.volumeId, sizeBytes: leg.sizeBytes }));
    this.reads = new Reads(
      this,
      options.readableUntil,
      options.clockIsSound,
      options.readMode === 'confirmed',
    );
    this.repeats = new RepeatMemory({
      origins: this.origins,
      legs: options.legs,
      clock: options.clock,
      save: options.saveNotes,
      legFailed: (error) => {
        this.fact({ kind: 'leg-failed', operation: 'flush', detail: detailOf(error) });
      },
    });
    this.repeats.recall(options.notes);
    this.forwards = new Forwards(this, (operation) => {
      this.submit(operation);
    });
    this.sequencer = new Sequencer(this, (operation) => this.held.push(operation));
    this.follower = new Follower(this);
    this.flusher = new Flusher(this, options.targetCounts);
    this.drains = new Drains(
      options.legs,
      () => this.sequencer.isDrained && this.follower.isDrained && (this.flusher.isDrained || this.isLegOut),
      (detail) => {
        this.fact({ kind: 'leg-failed', operation: 'flush', detail });
      },
    );
    this.generations = new Generations(this, (initiatorId, generation) => {
      this.dropUnordered(
        (operation) =>
          operation.origin?.initiatorId === initiatorId && operation.origin.generation < generation,
      );
    });
  }

  fact(fact: PolarizationFact): void {
    if (fact.kind === 'leg-failed') this.isLegOut = true;
    this.options.fact(fact);
    if (fact.kind === 'leg-failed') this.progressed();
  }

  initiatorsChanged(count: number): void {
    this.options.initiatorsChanged(count);
  }

  read(volume: number, offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    return this.reads.submit(this.legFor(volume, offsetBytes, lengthBytes), offsetBytes, lengthBytes);
  }

  write(request: HostWrite, source?: object): Promise<void> {
    const leg = this.legFor(request.volume, request.offsetBytes, request.lengthBytes);
    this.checkFits(leg, request.offsetBytes, request.lengthBytes);
    return new Promise((resolve, reject) => {
      this.submit(
        new Operation(
          leg,
          request.offsetBytes,
          request.lengthBytes,
          request.data,
          request.forceUnitAccess,
          request.mayTrim,
          request.origin,
          source,
          (error) => {
            if (error === undefined) resolve();
            else reject(error);
          },
        ),
      );
    });
  }

  flush(volume: number): Promise<void> {
    const leg = this.legFor(volume, 0, 0);
    return new Promise((resolve, reject) => {
      this.flusher.submit(leg, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  /** A request that the activity log cannot hold would wait for room for ever. */
  private checkFits(leg: Leg, offsetBytes: number, lengthBytes: number): void {
    const extents = leg.lastExtent(offsetBytes, lengthBytes) - leg.firstExtent(offsetBytes) + 1;
    if (lengthBytes === 0 || extents <= leg.log.slots) return;
    throw new HoldfastError(
      'OUT_OF_RANGE',
      `A write of ${String(lengthBytes)} bytes touches ${String(extents)} extents of the activity log of volume ${leg.volumeId}, which has ${String(leg.log.slots)}. ` +
        'Send smaller requests, or give the log more extents. Nothing was done.',
    );
  }

  private legFor(volume: number, offsetBytes: number, lengthBytes: number): Leg {
    const leg = this.legs[volume];
    if (leg === undefined)
      throw new HoldfastError('OUT_OF_RANGE', `This group has no volume number ${String(volume)}.`);
    if (offsetBytes < 0 || offsetBytes + lengthBytes > leg.sizeBytes) {
      throw new HoldfastError(
        'OUT_OF_RANGE',
        `Bytes ${String(offsetBytes)} to ${String(offsetBytes + lengthBytes)} do not lie in volume ${leg.volumeId} of ${String(leg.sizeBytes)} bytes.`,
      );
    }
    return leg;
  }

  submit(operation: Operation): void {
    const { gate } = this;
    if (gate.host === 'open' && !this.isDraining) {
      if (gate.sequencer === this.nodeId) this.sequencer.submit(operation);
      else this.follower.forward(operation);
    } else if (gate.host !== 'closed') {
      operation.state = 'held';
      this.held.push(operation);
    } else {
      operation.state = 'ended';
      operation.settled(fenced(this.nodeId, gate));
    }
  }

  raiseGeneration(
    initiatorId: string,
    generation: number,
    options: { readonly signal?: AbortSignalLike; readonly sentBelow?: number } = {},
  ): Promise<void> {
    return this.generations.raise(initiatorId, generation, options.sentBelow ?? 0, options.signal);
  }

  confirm(initiatorId: string, generation: number, acknowledgedBelow: number): void {
    this.origins.confirm(initiatorId, generation, acknowledgedBelow);
  }

  served(options: { readonly signal?: AbortSignalLike } = {}): Promise<void> {
    if (this.gate.host !== 'closed') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = this.onGate((gate) => {
        if (gate.host === 'closed') return;
        end();
        resolve();
      });
      const aborted = (): void => {
        end();
        reject(new HoldfastError('ABORTED', 'The wait for this node to serve was given up.'));
      };
      const end = (): void => {
        stop();
        options.signal?.removeEventListener('abort', aborted);
      };
      options.signal?.addEventListener('abort', aborted);
    });
  }

  onGate(listener: (gate: Gate) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Drops writes that were not ordered yet; what is under way goes on. */
  dropUnordered(matches: (operation: Operation) => boolean): void {
    const error = new HoldfastError(
      'REFUSED',
      'The connection that sent this write is gone, and it was not ordered yet.',
    );
    const dropped = this.held.filter((operation) => matches(operation));
    this.held = this.held.filter((operation) => !matches(operation));
    for (const operation of dropped) {
      operation.state = 'ended';
      operation.settled(error);
    }
    this.sequencer.dropWaiting(matches, error);
  }

  setGate(gate: Gate): void {
    this.gate = gate;
    this.drains.endAll();
    const session = this.peer?.session;
    const sessionChanged = session !== undefined && session !== this.lastGateSession;
    this.lastGateSession = session ?? this.lastGateSession;
    this.settleLogs(gate);
    // Until now the other node would have remembered for this one. While it is only silent, this begins all the same.
    const isWhole = gate.legs === 'both' && gate.host === 'open';
    if (!isWhole && gate.host !== 'closed') this.repeats.otherMayBeGone();
    const toOrder = this.follower.gateChanged(session);
    this.sequencer.gateChanged(session);
    this.flusher.gateChanged(sessionChanged);
    this.generations.gateChanged();
    this.reads.retry();
    const waiting = gate.host === 'held' ? [] : this.held.splice(0);
    if (gate.host === 'held') this.held.push(...toOrder);
    else for (const operation of [...toOrder, ...waiting]) this.submit(operation);
    for (const listener of [...this.listeners]) listener(gate);
    this.progressed();
  }

  private get remembersAlone(): boolean {
    return this.gate.legs === 'own' || this.gate.legs === 'own-and-target';
  }

  /** Extents are about to leave an activity log, and with them the only hint at repeats that a later process could not judge. */
  mayForgetExtents(): Promise<boolean> {
    return this.remembersAlone ? this.repeats.noteAll() : Promise.resolve(true);
  }

  /** What the activity logs stand for goes over into the dirty map, or is settled because both legs are equal. */
  private settleLogs(gate: Gate): void {
    if (gate.legs === 'none') return;
    for (const leg of this.legs) {
      if (gate.legs === 'both') {
        leg.log.resolve();
        leg.map.clear(0, leg.sizeBytes, leg.sizeBytes);
        // The copy is complete. Its name is gone from the target's record too, and this says so a second time.
        leg.noteFullCopy(undefined).catch(() => undefined);
      } else if (leg.log.hasUnsettled || leg.log.lost) leg.markLog();
    }
  }

  /**
   * Holds host I/O and calls back with true when nothing is under way here; with `flush` also when the own legs are stable. The
   * next gate ends it, also before that: then with false.
   */
  drain(flush: boolean, ended: (drained: boolean) => void): void {
    this.drains.begin(flush, ended);
  }

  get isDraining(): boolean {
    return this.drains.isHolding;
  }

  progressed(): void {
    this.generations.progressed();
    this.drains.look();
  }

  peerArrived(peer: PeerChannel): void {
    this.peer = peer;
    this.forwards.peerArrived(peer.bootId);
  }

  peerLeft(session: number): void {
    if (this.peer?.session !== session) return;
    this.peer = undefined;
    this.follower.sessionEnded();
    this.reads.sessionEnded();
    this.generations.sessionEnded();
  }

  /** A frame of the data path from the peer. False: not one of those. */
  peerFrame(next: Frame): boolean {
    switch (next.type) {
      case frameTypes.replicateWrite:
      case frameTypes.replicateZeroes:
      case frameTypes.replicateForwarded:
        this.follower.replicate(next);
        return true;
      case frameTypes.applied:
        this.sequencer.applied(next);
        return true;
      case frameTypes.settled:
        this.follower.unsettled.heard(next);
        return true;
      case frameTypes.forwardWrite:
      case frameTypes.forwardZeroes:
        this.forwards.take(next);
        return true;
      case frameTypes.forwardDone:
        this.follower.forwardDone(next);
        return true;
      case frameTypes.flush:
        this.flusher.flushOwn(next);
        return true;
      case frameTypes.flushed:
        this.flusher.flushedAtPeer(next);
        return true;
      case frameTypes.confirmRead:
        this.peer?.send(
          frame(frameTypes.readConfirmed, {
            id: next.id,
            epoch: this.gate.mode === 'mirrored' ? this.gate.epoch : 0,
          }),
        );
        return true;
      case frameTypes.readConfirmed:
        this.reads.confirmedByPeer(next.id, next.epoch);
        return true;
      case frameTypes.raiseGeneration:
      case frameTypes.generationRaised:
        this.generations.peerFrame(next);
        return true;
      default:
        return false;
    }
  }
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
