import { type Clock, InvariantError, type Timer, type Transport } from '@holdfast/core';
import type { InitiatorEvent } from '../api.js';
import type { InitiatorOptions, InitiatorTuning } from '../options.js';
import { farewellGeneration } from '../order/origins.js';
import { type PathHello, type PathWelcome, pathVersion } from '../path/messages.js';
import { type Frame, frame, frameStatus, frameTypes } from '../wire/index.js';
import { betterSequencer, choosePath, epochSeen, judgeActive } from './choose.js';
import { InitiatorPath, type InitiatorPathOwner } from './initiator-path.js';

/** For so long requests are held at most before a move to the sequencer is given up for now. */
const drainForMoveMs = 5;
/** A path must have been open for so long before requests move to it unforced: one that comes and goes would cost a pause each time. */
const steadyMs = 5_000;
/** Pause after a move that was given up; doubled every time. */
const firstMovePauseMs = 500;
const longestMovePauseMs = 30_000;

type EventBody<Event> = Event extends { readonly at: number } ? Omit<Event, 'at' | 'wallTime'> : never;

/** Who holds the requests that travel on the path chosen here. */
export interface SteeringOwner {
  readonly sentCount: number;
  /** Writes from this number on were never sent. */
  readonly sentBelow: number;
  /** All writes below this number were answered to their clients. */
  readonly acknowledgedBelow: number;
  welcomed(nodeId: string, welcome: PathWelcome): readonly number[];
  refused(nodeId: string, reason: string): void;
  /** `sendPath` is set, under a new generation: send everything that is unanswered. Gives back how many were sent before. */
  opened(path: InitiatorPath): number;
  /** `sendPath` is set again after a pause, under the same generation: send what was not. */
  resumed(path: InitiatorPath): void;
  /** What was sent may never be answered. */
  lost(): void;
  replied(reply: Frame, now: number): void;
  /** Some time has passed. */
  looked(now: number): void;
  tell(event: EventBody<InitiatorEvent>): void;
}

/** Keeps a path to every node, and decides which one requests take. */
export class PathSteering implements InitiatorPathOwner {
  readonly paths: readonly InitiatorPath[];
  readonly clock: Clock;
  readonly transport: Transport;
  readonly redialIntervalMs: number;
  readonly connectDeadlineMs: number;
  readonly pathTimeoutMs: number;
  readonly hello: PathHello;
  /** Set while requests may be sent. */
  sendPath: InitiatorPath | undefined;
  generation = 0;

  private readonly pingIntervalMs: number;
  private readonly preferSequencer: boolean;
  /** Whose generation is open or being opened. */
  private active: InitiatorPath | undefined;
  private lowestEpoch = 0;
  private graceSince: number | undefined;
  private pausedSince = 0;
  private lastNodeId: string | undefined;
  private move: { readonly to: InitiatorPath; readonly timer: Timer; readonly since: number } | undefined;
  private movePauseMs = firstMovePauseMs;
  private moveNotBefore = 0;
  private firstChoiceUntil = 0;
  private looks = 0;
  private look: Timer | undefined;
  private stopped = false;

  constructor(
    options: InitiatorOptions,
    tuning: InitiatorTuning,
    initiatorId: string,
    private readonly owner: SteeringOwner,
  ) {
    this.clock = options.clock;
    this.transport = options.transport;
    this.redialIntervalMs = tuning.redialIntervalMs;
    this.pathTimeoutMs = tuning.pathTimeoutMs;
    this.connectDeadlineMs = 4 * tuning.pathTimeoutMs;
    this.pingIntervalMs = tuning.pingIntervalMs;
    this.preferSequencer = options.preferSequencer ?? true;
    this.hello = { pathVersion, clusterId: options.clusterId, groupId: options.groupId, initiatorId };
    this.paths = options.paths.map(({ nodeId, address }) => new InitiatorPath(this, nodeId, address));
  }

  get activeNodeId(): string | undefined {
    return this.sendPath === undefined ? undefined : this.active?.nodeId;
  }

  /** The active path's node says that it serves. */
  get isServed(): boolean {
    return this.sendPath?.state?.host === 'open' || this.move !== undefined;
  }

  /** Requests are held for a moment, to be sent to the sequencer. */
  get isMoving(): boolean {
    return this.move !== undefined;
  }

  start(): void {
    this.firstChoiceUntil = this.clock.now() + 2 * this.redialIntervalMs;
    for (const path of this.paths) path.dial();
    this.lookLater();
  }

  stop(): void {
    this.stopped = true;
    this.look?.cancel();
    this.move?.timer.cancel();
    // Nothing of this initiator comes after this: both nodes may forget it.
    const farewell = frame(frameTypes.raiseGeneration, { generation: farewellGeneration });
    for (const path of this.paths) path.stop(path === this.active ? farewell : undefined);
    this.sendPath = undefined;
  }

  /** Gives the active path up, so that the next request goes under a new generation. */
  reopen(cause: string): void {
    this.active?.drop(cause);
  }

  /** The last request that was sent is answered, while `isMoving`. */
  drained(): void {
    const { move } = this;
    if (move === undefined) return;
    move.timer.cancel();
    this.move = undefined;
    this.movePauseMs = firstMovePauseMs;
    if (move.to.status !== 'open' || move.to.state?.host !== 'open') {
      this.endMove();
      return;
    }
    this.pausedSince = move.since;
    this.activate(move.to);
  }

  welcomed(path: InitiatorPath, welcome: PathWelcome): readonly number[] {
    const volumes = this.owner.welcomed(path.nodeId, welcome);
    this.owner.tell({ kind: 'path-opened', nodeId: path.nodeId, generation: this.generation });
    return volumes;
  }

  stateChanged(path: InitiatorPath): void {
    if (path.state !== undefined) this.lowestEpoch = epochSeen(this.lowestEpoch, path.state);
    this.review();
  }

  refused(path: InitiatorPath, reason: string): void {
    this.owner.refused(path.nodeId, reason);
  }

  replied(path: InitiatorPath, reply: Frame, now: number): void {
    if (path === this.active) this.owner.replied(reply, now);
  }

  raised(path: InitiatorPath, answer: Frame): void {
    if (path !== this.active || answer.generation !== this.generation) return;
    if (answer.status !== frameStatus.ok) {
      path.drop('the node did not open the generation');
      return;
    }
    this.sendPath = path;
    const repeated = this.owner.opened(path);
    const from = this.lastNodeId;
    this.lastNodeId = path.nodeId;
    if (from === undefined) return;
    const pausedMs = Math.max(0, this.clock.now() - this.pausedSince);
    this.owner.tell({ kind: 'failover', from, to: path.nodeId, pausedMs, repeated });
  }

  lost(path: InitiatorPath, cause: string): void {
    this.owner.tell({ kind: 'path-lost', nodeId: path.nodeId, cause });
    if (path === this.active) {
      // A host has waited since the last word that came, not since the silence was noticed.
      if (this.sendPath !== undefined || this.move !== undefined) this.pausedSince = path.lastHeardAt;
      this.move?.timer.cancel();
      this.move = undefined;
      this.active = undefined;
      this.sendPath = undefined;
      this.graceSince = undefined;
      this.owner.lost();
    }
    this.review();
  }

  private review(): void {
    if (this.stopped) return;
    if (this.active === undefined) {
      this.choose();
      return;
    }
    const { active } = this;
    const verdict = judgeActive(active, this.paths);
    if (verdict === 'keep') this.graceSince = undefined;
    else if (verdict === 'leave') active.drop('its node does not serve any more');
    else {
      this.graceSince ??= this.clock.now();
      if (this.clock.now() - this.graceSince > this.pathTimeoutMs)
        active.drop('its node did not follow to the epoch of the other');
    }
  }

  private choose(): void {
    const first = this.generation === 0 && this.clock.now() < this.firstChoiceUntil;
    if (
      first &&
      this.paths.some((path) => !path.tried || (path.status === 'open' && path.state === undefined))
    )
      return;
    const best = choosePath(this.paths, this.lowestEpoch, this.preferSequencer);
    if (best !== undefined) this.activate(best);
  }

  private activate(path: InitiatorPath): void {
    this.active = path;
    this.sendPath = undefined;
    this.generation++;
    if (this.generation >= farewellGeneration)
      throw new InvariantError('generations of an initiator never run out');
    const { sentBelow } = this.owner;
    path.send(frame(frameTypes.raiseGeneration, { generation: this.generation, operation: sentBelow }));
  }

  private considerMove(now: number): void {
    const { active, sendPath } = this;
    if (!this.preferSequencer || active === undefined || sendPath === undefined || now < this.moveNotBefore)
      return;
    const to = betterSequencer(active, this.paths);
    if (to === undefined || now - to.openedAt < steadyMs) return;
    const timer = this.clock.setTimer(drainForMoveMs, () => this.endMove());
    this.move = { to, timer, since: now };
    this.sendPath = undefined;
    if (this.owner.sentCount === 0) this.drained();
  }

  /** It took too long: hosts come first. */
  private endMove(): void {
    this.move = undefined;
    this.moveNotBefore = this.clock.now() + this.movePauseMs;
    this.movePauseMs = Math.min(2 * this.movePauseMs, longestMovePauseMs);
    if (this.active === undefined) return;
    this.sendPath = this.active;
    this.owner.resumed(this.active);
  }

  private lookLater(): void {
    const intervalMs = this.pingIntervalMs / 2;
    const dueAt = this.clock.now() + intervalMs;
    this.look = this.clock.setTimer(intervalMs, () => {
      const now = this.clock.now();
      // Late by much: this process stood still, and what was said meanwhile is not read yet.
      const lateMs = now - dueAt > this.pingIntervalMs ? now - dueAt : 0;
      this.looks++;
      for (const path of this.paths) {
        path.look(now, lateMs);
        // Who waits to write where an answered write stands need not wait for the next request.
        if (this.looks % 2 === 0) path.ping(path === this.sendPath ? this.owner.acknowledgedBelow : 0);
      }
      this.review();
      this.considerMove(now);
      this.owner.looked(now);
      if (!this.stopped) this.lookLater();
    });
  }
}
