import { HoldfastError } from '@holdfast/core';
import type { OriginStamp } from '../api.js';
import type { Leg } from '../metadata/leg.js';
import { type Frame, frame, frameFlags, frameStatus, frameTypes } from '../wire/index.js';
import { type DataPathContext, fenced, staleGeneration } from './context.js';
import type { Operation } from './operation.js';
import { UnsettledRanges } from './settling.js';

/** What the other node may make this one remember. */
export interface FollowerLimits {
  /** Writes above the lowest missing number: more than can be under way at once. */
  readonly numbersAheadMax: number;
  /** Frames of an epoch that is still being written down: what was under way at the other node, and not more. */
  readonly earlyBytesMax: number;
  readonly earlyFramesMax: number;
}

const defaultLimits: FollowerLimits = {
  numbersAheadMax: 1_048_576,
  earlyBytesMax: 256 * 1024 * 1024,
  earlyFramesMax: 65_536,
};

/** Replicated writes that were applied, by the sequencer's numbers: so that a repeat after a reconnect is only acknowledged. */
class AppliedNumbers {
  private below = 1;
  private readonly above = new Set<number>();

  has(sequence: number): boolean {
    return sequence < this.below || this.above.has(sequence);
  }

  /** Numbers that are remembered one by one, because a lower one is missing. */
  get ahead(): number {
    return this.above.size;
  }

  /** Not known, and a lower one is missing. */
  wouldKeep(sequence: number): boolean {
    return sequence !== this.below && !this.has(sequence);
  }

  add(sequence: number): void {
    this.above.add(sequence);
    while (this.above.delete(this.below)) this.below += 1;
  }
}

/** What the node that is not the sequencer does: applies what is ordered there, and sends its own hosts' writes to be ordered. */
export class Follower {
  /** Sent to the sequencer, not answered yet, in order. */
  readonly forwards = new Map<number, Operation>();
  private forwardId = 0;
  private applied = new AppliedNumbers();
  private appliedOf: string | undefined;
  private readonly applying = new Set<number>();
  /** Frames of an epoch that this node is still writing down. */
  private early: Frame[] = [];
  private earlyBytes = 0;
  private legReported = false;
  readonly unsettled = new UnsettledRanges();
  private lastEpoch = 0;

  constructor(
    private readonly context: DataPathContext,
    private readonly limits: FollowerLimits = defaultLimits,
  ) {}

  /** Sends a write of an own host to get its order. */
  forward(operation: Operation): void {
    operation.state = 'started';
    this.forwardId += 1;
    operation.forwardId = this.forwardId;
    this.forwards.set(operation.forwardId, operation);
    this.send(operation);
  }

  private send(operation: Operation): void {
    const { peer, gate } = this.context;
    if (peer === undefined) return;
    operation.sentSession = peer.session;
    const { origin, data } = operation;
    const next = frame(data === undefined ? frameTypes.forwardZeroes : frameTypes.forwardWrite, {
      volume: operation.leg.index,
      id: operation.forwardId,
      offsetBytes: operation.offsetBytes,
      lengthBytes: operation.lengthBytes,
      epoch: gate.epoch,
      flags:
        (operation.forceUnitAccess ? frameFlags.forceUnitAccess : 0) |
        (operation.mayTrim ? frameFlags.mayTrim : 0),
    });
    if (data !== undefined) next.payload = data;
    if (origin !== undefined) {
      next.flags |= frameFlags.hasOrigin;
      next.origin = peer.originIndex(origin.initiatorId);
      next.generation = origin.generation;
      next.operation = origin.operation;
      next.extra = origin.acknowledgedBelow;
    }
    operation.use();
    peer.send(next, operation);
  }

  forwardDone(answer: Frame): void {
    const operation = this.forwards.get(answer.id);
    if (operation === undefined) return;
    // Not serving: the sequencer is about to go. The gate that follows decides what becomes of the write.
    if (answer.status === frameStatus.notServing) return;
    this.forwards.delete(answer.id);
    // The sequencer has answered, so the write stands on its leg as well.
    if (answer.status === frameStatus.ok) this.unsettled.settled(operation.sequence);
    operation.state = 'ended';
    operation.settled(answer.status === frameStatus.ok ? undefined : staleGeneration());
    this.context.progressed();
  }

  /**
   * A write that the sequencer has ordered.
   * @throws HoldfastError PROTOCOL when it would have to be remembered and too much is already; the session ends with it.
   */
  replicate(request: Frame): void {
    const { numbersAheadMax } = this.limits;
    const { peer } = this.context;
    if (peer !== undefined) this.followLife(peer.bootId);
    // Looked at when a frame comes: when a write ends, nobody is there any more who could end the session.
    if (this.applied.wouldKeep(request.id) && this.applied.ahead + this.applying.size >= numbersAheadMax) {
      throw new HoldfastError(
        'PROTOCOL',
        `The sequencer is more than ${String(numbersAheadMax)} writes ahead of its lowest number that is missing here.`,
      );
    }
    this.take(request);
  }

  private take(request: Frame): void {
    const { gate, peer } = this.context;
    if (peer === undefined) return;
    if (request.epoch > gate.epoch) {
      this.keepEarly(request);
      return;
    }
    const takes = gate.mode === 'mirrored' || gate.mode === 'suspended' || gate.mode === 'syncTarget';
    if (request.epoch < gate.epoch || !takes || gate.sequencer === this.context.nodeId) {
      this.acknowledge(request.id, frameStatus.staleEpoch);
      return;
    }
    this.followLife(peer.bootId);
    if (this.applied.has(request.id)) this.acknowledge(request.id, frameStatus.ok);
    else if (!this.applying.has(request.id)) this.apply(request, peer.bootId);
  }

  private followLife(bootId: string): void {
    if (this.appliedOf === bootId) return;
    this.appliedOf = bootId;
    this.applied = new AppliedNumbers();
  }

  private keepEarly(request: Frame): void {
    const { earlyBytesMax, earlyFramesMax } = this.limits;
    this.earlyBytes += request.payload.length;
    if (this.earlyBytes > earlyBytesMax || this.early.length >= earlyFramesMax) {
      throw new HoldfastError(
        'PROTOCOL',
        `The other node sends ahead of its epoch: ${String(this.early.length)} writes of ${String(this.earlyBytes)} bytes wait.`,
      );
    }
    this.early.push(request);
  }

  private apply(request: Frame, bootId: string): void {
    const leg = this.context.legs[request.volume];
    const forwarded =
      request.type === frameTypes.replicateForwarded ? this.forwards.get(request.extra) : undefined;
    const missing = request.type === frameTypes.replicateForwarded && forwarded === undefined;
    if (leg === undefined || missing || request.offsetBytes + request.lengthBytes > leg.sizeBytes) {
      this.acknowledge(request.id, frameStatus.failed);
      return;
    }
    const data =
      forwarded?.data ?? (request.type === frameTypes.replicateWrite ? request.payload : undefined);
    const stamp = this.stampOf(request);
    this.applying.add(request.id);
    this.context.repeats.begins(leg, request.offsetBytes, request.lengthBytes);
    if (stamp !== undefined) this.context.origins.follow(stamp);
    forwarded?.use();
    if (forwarded !== undefined) forwarded.sequence = request.id;
    const landed = (): void => {
      if (stamp === undefined) return;
      this.context.origins.finished(stamp);
      this.context.repeats.carriedOut(stamp, leg, request.offsetBytes, request.lengthBytes);
    };
    const ended = (failure: unknown): void => {
      forwarded?.release();
      this.applying.delete(request.id);
      if (failure === undefined && this.appliedOf === bootId) this.applied.add(request.id);
      if (stamp !== undefined && failure !== undefined) this.context.origins.dropped(stamp);
      this.acknowledge(request.id, failure === undefined ? frameStatus.ok : frameStatus.failed);
      if (this.applying.size === 0) this.context.peer?.flush();
      // A write that failed may still be read from: its leg may have been given up while it hung.
      if (failure === undefined) request.giveBack?.();
      this.context.progressed();
    };
    this.write(leg, request, data, ended, landed);
  }

  /**
   * Applies a range under its lock and in the activity log. Also the way of the resync's copies.
   *
   * @param landed Called when the leg has it, and before anybody else gets the range.
   */
  write(
    leg: Leg,
    request: Frame,
    data: Uint8Array | undefined,
    done: (failure: unknown) => void,
    landed?: () => void,
  ): void {
    const { offsetBytes, lengthBytes, flags } = request;
    const first = leg.firstExtent(offsetBytes);
    const last = leg.lastExtent(offsetBytes, lengthBytes);
    leg.locks.acquire(leg.lockFrom(offsetBytes), leg.lockLength(offsetBytes, lengthBytes), true, (hold) => {
      const finish = (failure: unknown): void => {
        if (failure === undefined) landed?.();
        if (failure === undefined && this.mayBeAhead(request)) this.unsettled.keep(request.id, leg, hold);
        else leg.locks.release(hold);
        if (failure !== undefined) this.legFailed(failure);
        done(failure);
      };
      const start = (): void => {
        const stable = (flags & frameFlags.forceUnitAccess) !== 0;
        leg.write(offsetBytes, lengthBytes, data, stable, (flags & frameFlags.mayTrim) !== 0).then(
          () => {
            leg.log.end(first, last);
            finish(undefined);
          },
          (error: unknown) => {
            leg.log.end(first, last);
            finish(error);
          },
        );
      };
      leg.log.begin(first, last, start, finish);
    });
  }

  /** Whether hosts read here while the sequencer may not have this write on its own leg. Copies of a resync come from there. */
  private mayBeAhead(request: Frame): boolean {
    const { mode } = this.context.gate;
    return request.type !== frameTypes.resyncWrite && (mode === 'mirrored' || mode === 'suspended');
  }

  private legFailed(failure: unknown): void {
    if (this.legReported) return;
    this.legReported = true;
    this.context.fact({
      kind: 'leg-failed',
      operation: 'write',
      detail: failure instanceof Error ? failure.message : String(failure),
    });
  }

  private stampOf(request: Frame): OriginStamp | undefined {
    if ((request.flags & frameFlags.hasOrigin) === 0) return undefined;
    const initiatorId = this.context.peer?.originAt(request.origin);
    if (initiatorId === undefined) return undefined;
    // The field that carries `acknowledgedBelow` names the forward here; the forward itself has it.
    const acknowledgedBelow =
      request.type === frameTypes.replicateForwarded
        ? (this.forwards.get(request.extra)?.origin?.acknowledgedBelow ?? 0)
        : request.extra;
    return { initiatorId, generation: request.generation, operation: request.operation, acknowledgedBelow };
  }

  private acknowledge(sequence: number, status: number): void {
    this.context.peer?.send(
      frame(frameTypes.applied, { id: sequence, status, epoch: this.context.gate.epoch }),
    );
  }

  get isDrained(): boolean {
    return (this.applying.size === 0 || this.context.isLegOut) && this.forwards.size === 0;
  }

  sessionEnded(): void {
    this.early = [];
    this.earlyBytes = 0;
  }

  /** Follows a new gate; gives back the forwarded writes that this node has to order itself now. */
  gateChanged(session: number | undefined): readonly Operation[] {
    const { gate, nodeId } = this.context;
    const isMirror = gate.mode === 'mirrored' || gate.mode === 'suspended';
    if (gate.epoch !== this.lastEpoch || !isMirror) this.unsettled.settleAll();
    this.lastEpoch = gate.epoch;
    const early = this.early.splice(0);
    this.earlyBytes = 0;
    for (const request of early) this.take(request);
    const open = [...this.forwards.values()];
    if (gate.host === 'closed') {
      this.forwards.clear();
      for (const operation of open) {
        operation.state = 'ended';
        operation.fail(fenced(nodeId, gate));
      }
      return [];
    }
    if (gate.sequencer === nodeId) {
      this.forwards.clear();
      for (const operation of open) {
        operation.state = 'held';
        operation.forwardId = 0;
      }
      return open;
    }
    if (gate.host === 'open')
      for (const operation of open) if (operation.sentSession !== session) this.send(operation);
    return [];
  }
}
