import type { HoldfastError } from '@holdfast/core';
import type { Leg } from '../metadata/leg.js';
import { type Frame, frame, frameStatus, frameTypes } from '../wire/index.js';
import { type DataPathContext, fenced, mayAcknowledge } from './context.js';

interface Flush {
  readonly leg: Leg;
  ownDone: boolean;
  peerDone: boolean;
  readonly settled: (error: HoldfastError | undefined) => void;
}

/**
 * Makes everything that was acknowledged before it stable on every leg that counts, whichever node acknowledged it: an
 * acknowledged write has completed on both legs, so flushing both covers it across all connections of both nodes.
 */
export class Flusher {
  private readonly atPeer = new Map<number, Flush>();
  private readonly open = new Set<Flush>();
  private held: { leg: Leg; settled: (error: HoldfastError | undefined) => void }[] = [];
  private flushId = 0;
  private legReported = false;

  constructor(
    private readonly context: DataPathContext,
    /** The resync has caught up: from here on the target's leg counts for flushes. */
    private readonly targetCounts: () => boolean,
  ) {}

  submit(leg: Leg, settled: (error: HoldfastError | undefined) => void): void {
    const { gate, nodeId } = this.context;
    if (gate.host === 'closed') settled(fenced(nodeId, gate));
    else if (gate.host === 'held' || this.context.isDraining) this.held.push({ leg, settled });
    else this.start({ leg, ownDone: false, peerDone: false, settled });
  }

  private start(flush: Flush): void {
    this.open.add(flush);
    if (this.peerCounts()) this.askPeer(flush);
    else flush.peerDone = true;
    flush.leg.flush().then(
      () => {
        flush.ownDone = true;
        this.tryEnd(flush);
      },
      (error: unknown) => {
        this.legFailed(error);
      },
    );
  }

  private peerCounts(): boolean {
    const { legs } = this.context.gate;
    return legs === 'both' || (legs === 'own-and-target' && this.targetCounts());
  }

  private askPeer(flush: Flush): void {
    this.flushId += 1;
    this.atPeer.set(this.flushId, flush);
    this.context.peer?.send(
      frame(frameTypes.flush, { id: this.flushId, volume: flush.leg.index, epoch: this.context.gate.epoch }),
    );
  }

  /** A failed flush is never tried again: what it should have covered may be lost, and a second try would say that it is not. */
  private legFailed(error: unknown): void {
    if (this.legReported) return;
    this.legReported = true;
    this.context.fact({
      kind: 'leg-failed',
      operation: 'flush',
      detail: error instanceof Error ? error.message : String(error),
    });
  }

  private tryEnd(flush: Flush): void {
    if (!flush.ownDone || !flush.peerDone || !this.open.has(flush) || !mayAcknowledge(this.context.gate))
      return;
    this.open.delete(flush);
    flush.settled(undefined);
    this.context.progressed();
  }

  /** The peer wants this node's leg flushed. */
  flushOwn(request: Frame): void {
    const { gate } = this.context;
    const leg = this.context.legs[request.volume];
    const answer = (status: number): void => {
      this.context.peer?.send(frame(frameTypes.flushed, { id: request.id, status, epoch: gate.epoch }));
    };
    if (leg === undefined || request.epoch < gate.epoch) {
      answer(frameStatus.staleEpoch);
      return;
    }
    leg.flush().then(
      () => {
        answer(frameStatus.ok);
      },
      (error: unknown) => {
        answer(frameStatus.failed);
        this.legFailed(error);
      },
    );
  }

  /** Flushes the target's leg for the resync itself. */
  flushPeer(leg: Leg, done: () => void): void {
    const flush: Flush = { leg, ownDone: true, peerDone: false, settled: done };
    this.open.add(flush);
    this.askPeer(flush);
  }

  flushedAtPeer(answer: Frame): void {
    const flush = this.atPeer.get(answer.id);
    if (flush === undefined) return;
    this.atPeer.delete(answer.id);
    // A peer whose flush failed takes itself out; the gate that follows decides what this flush needs.
    if (answer.status !== frameStatus.ok) return;
    flush.peerDone = true;
    this.tryEnd(flush);
  }

  get isDrained(): boolean {
    return this.open.size === 0;
  }

  gateChanged(sessionChanged: boolean): void {
    const { gate, nodeId } = this.context;
    if (gate.host === 'closed') {
      for (const { settled } of this.held.splice(0)) settled(fenced(nodeId, gate));
      for (const flush of this.open) flush.settled(fenced(nodeId, gate));
      this.open.clear();
      this.atPeer.clear();
      return;
    }
    const peerCounts = this.peerCounts();
    for (const flush of [...this.open]) {
      if (!flush.peerDone && gate.legs !== 'none' && !peerCounts) flush.peerDone = true;
      else if (!flush.peerDone && peerCounts && sessionChanged && gate.host === 'open') this.askPeer(flush);
      this.tryEnd(flush);
    }
    if (gate.host === 'open') for (const { leg, settled } of this.held.splice(0)) this.submit(leg, settled);
  }
}
