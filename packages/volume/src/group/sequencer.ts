import { assert, HoldfastError } from '@holdfast/core';
import { type Frame, frame, frameFlags, frameStatus, frameTypes } from '../wire/index.js';
import { type DataPathContext, fenced, mayAcknowledge, staleGeneration } from './context.js';
import type { Operation } from './operation.js';
import { SettledNews } from './settling.js';

/**
 * Gives overlapping writes one order on both legs. A write takes its range from before its own leg's write until the peer has
 * applied it too; generation and repeat are checked in the same turn that takes the range.
 */
export class Sequencer {
  /** Started, not ended, in order. */
  readonly outstanding = new Map<number, Operation>();
  private readonly waiting = new Set<Operation>();
  /** Epoch in which a write was last given up half done. */
  private gaveUpIn = 0;
  private sequence = 0;
  private legReported = false;
  private readonly news: SettledNews;

  constructor(
    private readonly context: DataPathContext,
    /** Takes back a write that may not start now. */
    private readonly holdBack: (operation: Operation) => void,
  ) {
    this.news = new SettledNews(
      context.clock,
      () => (context.gate.sequencer === context.nodeId ? context.peer : undefined),
      this.outstanding,
      () => this.sequence,
    );
  }

  submit(operation: Operation): void {
    if (operation.origin !== undefined && !this.admit(operation, operation.origin)) return;
    const { leg, offsetBytes, lengthBytes } = operation;
    operation.state = 'waiting';
    this.waiting.add(operation);
    leg.locks.acquire(leg.lockFrom(offsetBytes), leg.lockLength(offsetBytes, lengthBytes), true, (hold) => {
      operation.hold = hold;
      this.locked(operation);
    });
  }

  /** False when the write has its answer already, or will get it from the try that is under way. */
  private admit(operation: Operation, stamp: NonNullable<Operation['origin']>): boolean {
    const verdict = this.context.origins.admit(stamp);
    switch (verdict.kind) {
      case 'new':
        return true;
      case 'done':
        this.answer(operation, undefined);
        return false;
      case 'stale':
        this.answer(operation, staleGeneration());
        return false;
      case 'in-flight':
        verdict.whenSettled((outcome) => {
          this.answer(
            operation,
            outcome === 'finished' ? undefined : fenced(this.context.nodeId, this.context.gate),
          );
        });
        return false;
    }
  }

  private locked(operation: Operation): void {
    const { gate, nodeId } = this.context;
    if (operation.state === 'waiting' && this.waitsForRepeats(operation)) return;
    this.waiting.delete(operation);
    if (operation.state !== 'waiting') {
      this.unlock(operation);
      return;
    }
    if (gate.host !== 'open' || gate.sequencer !== nodeId || this.context.isDraining) {
      this.unlock(operation);
      if (operation.origin !== undefined) this.context.origins.dropped(operation.origin);
      // Others may write there before it has its range again.
      operation.outrun = undefined;
      operation.state = 'held';
      this.holdBack(operation);
      return;
    }
    this.start(operation);
  }

  /** True when it goes on later: it would cover a write that may be repeated, or is such a repeat and was outrun itself. */
  private waitsForRepeats(operation: Operation): boolean {
    const { gate, repeats } = this.context;
    const { leg, offsetBytes, lengthBytes, origin } = operation;
    // While both legs count, the other node remembers should this one die.
    if (gate.legs !== 'both' && gate.host === 'open' && repeats.isInTheWay(leg, offsetBytes, lengthBytes)) {
      void repeats.note().then(() => {
        this.locked(operation);
      });
      return true;
    }
    if (origin === undefined || operation.outrun !== undefined) return false;
    if (!repeats.isOutrun(origin, leg, offsetBytes, lengthBytes)) return false;
    repeats.outrunBytes(leg, offsetBytes, lengthBytes, operation.data).then(
      (bytes) => {
        operation.outrun = bytes;
        this.locked(operation);
      },
      (error: unknown) => {
        this.legFailed('read', error);
      },
    );
    return true;
  }

  private start(operation: Operation): void {
    const { context } = this;
    const { leg, offsetBytes, lengthBytes } = operation;
    operation.state = 'started';
    context.repeats.begins(leg, offsetBytes, lengthBytes);
    this.sequence += 1;
    operation.sequence = this.sequence;
    this.outstanding.set(operation.sequence, operation);
    if (context.gate.legs === 'own') {
      leg.map.mark(offsetBytes, lengthBytes);
      operation.peerDone = true;
    }
    leg.log.begin(
      leg.firstExtent(offsetBytes),
      leg.lastExtent(offsetBytes, lengthBytes),
      () => {
        this.logged(operation);
      },
      (error) => {
        this.ownFailed(operation, error);
      },
    );
  }

  /**
   * The peer gets a write only when it stands in the own log. Otherwise it could have it, settle it, and let go of it, and a crash
   * here would leave two different legs and no log that knows.
   */
  private logged(operation: Operation): void {
    operation.inLog = true;
    if (operation.givenUp !== undefined) {
      this.abandon(operation);
      return;
    }
    if (!operation.peerDone) this.send(operation);
    this.writeOwn(operation);
  }

  private writeOwn(operation: Operation): void {
    const { leg, offsetBytes, lengthBytes, bytes, forceUnitAccess, mayTrim } = operation;
    // A lone write waits for the peer longer than for the own leg, whose answer would only wake this loop once more.
    const unhurried = !operation.peerDone && this.outstanding.size === 1;
    leg.write(offsetBytes, lengthBytes, bytes, forceUnitAccess, mayTrim, unhurried).then(
      () => {
        operation.ownDone = true;
        this.tryEnd(operation);
      },
      (error: unknown) => {
        this.ownFailed(operation, error);
      },
    );
  }

  /** Never acknowledged, never answered with an error: this node has to go, the other one will answer. */
  private ownFailed(operation: Operation, error: unknown): void {
    operation.ownFailed = true;
    if (operation.givenUp !== undefined) this.abandon(operation);
    this.legFailed('write', error);
  }

  private legFailed(operation: 'read' | 'write', error: unknown): void {
    if (this.legReported) return;
    this.legReported = true;
    const detail = error instanceof Error ? error.message : String(error);
    this.context.fact({ kind: 'leg-failed', operation, detail });
  }

  private send(operation: Operation): void {
    const { peer, gate } = this.context;
    if (peer === undefined) return;
    operation.sentSession = peer.session;
    this.news.tell();
    const forwarded =
      operation.forwardId !== 0 && operation.forwardBootId === peer.bootId && operation.outrun === undefined;
    const { origin, bytes: data } = operation;
    const type = forwarded
      ? frameTypes.replicateForwarded
      : data === undefined
        ? frameTypes.replicateZeroes
        : frameTypes.replicateWrite;
    const next = frame(type, {
      volume: operation.leg.index,
      id: operation.sequence,
      offsetBytes: operation.offsetBytes,
      lengthBytes: operation.lengthBytes,
      epoch: gate.epoch,
      flags:
        (operation.forceUnitAccess ? frameFlags.forceUnitAccess : 0) |
        (operation.mayTrim ? frameFlags.mayTrim : 0),
      extra: forwarded ? operation.forwardId : (origin?.acknowledgedBelow ?? 0),
    });
    if (!forwarded && data !== undefined) next.payload = data;
    if (origin !== undefined) {
      next.flags |= frameFlags.hasOrigin;
      next.origin = peer.originIndex(origin.initiatorId);
      next.generation = origin.generation;
      next.operation = origin.operation;
    }
    operation.use();
    peer.send(next, operation);
    // A lone write waits for the peer longest: its frame goes before anything else is done.
    if (this.outstanding.size === 1) peer.flush();
  }

  /** The peer says what became of a write that it was sent. */
  applied(answer: Frame): void {
    const operation = this.outstanding.get(answer.id);
    if (operation === undefined || operation.peerDone) return;
    if (answer.status === frameStatus.ok) {
      operation.peerDone = true;
      if (this.context.gate.legs === 'own-and-target') this.unmark(operation);
      if (!operation.ownDone) operation.leg.collect();
      this.tryEnd(operation);
    } else if (answer.status === frameStatus.staleEpoch) {
      const session = this.context.peer?.session ?? 0;
      this.context.fact({ kind: 'replication-silent', session, silentMs: 0 });
    }
  }

  /** The target has this version: blocks that it covers whole are equal again. Should it never arrive, they are marked then. */
  private unmark(operation: Operation): void {
    const { leg, offsetBytes, lengthBytes } = operation;
    leg.map.clear(offsetBytes, lengthBytes, leg.sizeBytes);
  }

  private tryEnd(operation: Operation): void {
    if (!operation.ownDone) return;
    if (operation.givenUp !== undefined) {
      this.abandon(operation);
      return;
    }
    if (!operation.peerDone) return;
    if (!mayAcknowledge(this.context.gate)) {
      this.context.progressed();
      return;
    }
    if (operation.origin !== undefined) {
      const { leg, offsetBytes, lengthBytes, origin } = operation;
      this.context.origins.finished(origin);
      this.context.repeats.carriedOut(origin, leg, offsetBytes, lengthBytes);
    }
    this.answer(operation, undefined);
    this.cleanUp(operation);
  }

  private answer(operation: Operation, error: HoldfastError | undefined): void {
    operation.state = 'ended';
    if (operation.forwardId !== 0) this.answerForward(operation, error);
    else if (error === undefined) operation.settled(undefined);
    else operation.fail(error);
  }

  private answerForward(operation: Operation, error: HoldfastError | undefined): void {
    operation.settled(error);
    const status =
      error === undefined
        ? frameStatus.ok
        : HoldfastError.is(error, 'REFUSED')
          ? frameStatus.staleGeneration
          : frameStatus.notServing;
    if (this.context.peer?.bootId !== operation.forwardBootId) return;
    this.context.peer?.send(
      frame(frameTypes.forwardDone, { id: operation.forwardId, status, epoch: this.context.gate.epoch }),
    );
  }

  private cleanUp(operation: Operation): void {
    const { leg, offsetBytes, lengthBytes } = operation;
    const first = leg.firstExtent(offsetBytes);
    const last = leg.lastExtent(offsetBytes, lengthBytes);
    this.outstanding.delete(operation.sequence);
    if (operation.ownDone && operation.peerDone && this.context.gate.legs === 'both') this.news.changed();
    if (!operation.ownDone || !operation.peerDone) leg.log.keep(first, last);
    if (operation.inLog) leg.log.end(first, last);
    this.unlock(operation);
    this.context.progressed();
  }

  private unlock(operation: Operation): void {
    const { hold } = operation;
    operation.hold = undefined;
    if (hold !== undefined) operation.leg.locks.release(hold);
  }

  /** Nothing is on its way to a leg that counts. */
  get isDrained(): boolean {
    for (const { ownDone, ownFailed, peerDone } of this.outstanding.values()) {
      if (!peerDone || !(ownDone || ownFailed || this.context.isLegOut)) return false;
    }
    return true;
  }

  /** Follows a new gate: what was under way completes under it, goes on, or is given up. */
  gateChanged(session: number | undefined): void {
    const { gate, nodeId } = this.context;
    if (gate.host === 'closed') {
      this.giveUp();
      return;
    }
    if (gate.sequencer !== nodeId) {
      assert(
        this.outstanding.size === 0 || !mayAcknowledge(gate),
        'a node that gave the order away has nothing under way',
      );
      return;
    }
    assert(
      gate.legs !== 'both' || gate.epoch > this.gaveUpIn,
      'what a node gave up stands on one leg until a resync under a newer epoch',
    );
    if (gate.legs === 'both') this.news.changed();
    for (const operation of [...this.outstanding.values()]) {
      // What does not stand in the log yet has not been sent to anybody: it goes to whoever is there when it does.
      const wasSentElsewhere = operation.inLog && operation.sentSession !== session;
      const givenUpByPeer = gate.legs === 'own' || (gate.legs === 'own-and-target' && wasSentElsewhere);
      if (givenUpByPeer && !operation.peerDone) {
        // The peer may have it or not: its blocks are for the resync to settle.
        operation.leg.map.mark(operation.offsetBytes, operation.lengthBytes);
        operation.peerDone = true;
      } else if (gate.legs === 'both' && gate.host === 'open' && !operation.peerDone && wasSentElsewhere) {
        this.send(operation);
      }
      this.tryEnd(operation);
    }
  }

  private giveUp(): void {
    const error = fenced(this.context.nodeId, this.context.gate);
    for (const operation of this.waiting) {
      if (operation.origin !== undefined) this.context.origins.dropped(operation.origin);
      this.answer(operation, error);
    }
    for (const operation of [...this.outstanding.values()]) {
      operation.givenUp = error;
      // Its memory is in use until the own leg has answered: its client hears of it only then.
      if (operation.ownDone || operation.ownFailed) this.abandon(operation);
    }
  }

  private abandon(operation: Operation): void {
    if (operation.state === 'ended') return;
    const { gate, origins } = this.context;
    this.gaveUpIn = gate.epoch;
    const { origin, leg, offsetBytes, lengthBytes } = operation;
    if (origin !== undefined && operation.ownDone) {
      origins.appliedHere(origin);
      this.context.repeats.carriedOut(origin, leg, offsetBytes, lengthBytes);
    } else if (origin !== undefined) origins.dropped(origin);
    this.answer(operation, operation.givenUp);
    this.cleanUp(operation);
  }

  /** Drops what waits for its range and matches: it was never ordered. */
  dropWaiting(matches: (operation: Operation) => boolean, error: HoldfastError): void {
    for (const operation of this.waiting) {
      if (operation.state !== 'waiting' || !matches(operation)) continue;
      if (operation.origin !== undefined) this.context.origins.dropped(operation.origin);
      this.answer(operation, error);
    }
  }
}
