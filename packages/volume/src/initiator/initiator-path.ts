import type { Address, ByteStream, Clock, Timer, Transport } from '@holdfast/core';
import {
  decodeReason,
  decodeState,
  decodeWelcome,
  encodeHello,
  type PathHello,
  type PathState,
  type PathWelcome,
} from '../path/messages.js';
import { type Frame, frame, FrameStream, type FrameStreamHandler, frameTypes } from '../wire/index.js';

/** A node that refused this initiator is asked again, but seldom: only a person can change that. */
const refusedPauseMs = 1_000;
/** How long a last word may take to leave. */
const lingerMs = 100;

export interface InitiatorPathOwner {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly redialIntervalMs: number;
  /** A connection that does not come about in this time is tried anew, in milliseconds. */
  readonly connectDeadlineMs: number;
  readonly pathTimeoutMs: number;
  readonly hello: PathHello;
  /** Gives the index of each of the initiator's volumes at this node. Throws when the node has not what the other has. */
  welcomed(path: InitiatorPath, welcome: PathWelcome): readonly number[];
  stateChanged(path: InitiatorPath): void;
  raised(path: InitiatorPath, answer: Frame): void;
  replied(path: InitiatorPath, reply: Frame, now: number): void;
  lost(path: InitiatorPath, cause: string): void;
  refused(path: InitiatorPath, reason: string): void;
}

/** The initiator's end of one path: dialled for ever, greeted, watched. Which path requests take is not decided here. */
export class InitiatorPath implements FrameStreamHandler {
  status: 'closed' | 'opening' | 'open' = 'closed';
  /** What the node last said; undefined while the path is not open. */
  state: PathState | undefined;
  lastError: string | undefined;
  lastHeardAt = 0;
  openedAt = 0;
  /** Whether the first attempt has had its outcome. */
  tried = false;
  private frames: FrameStream | undefined;
  private volumes: readonly number[] = [];
  private redial: Timer | undefined;
  /** Instead of the usual one, before the next attempt. */
  private pauseMs: number | undefined;
  private dials = 0;
  private stopped = false;

  constructor(
    private readonly owner: InitiatorPathOwner,
    readonly nodeId: string,
    readonly address: Address,
  ) {}

  dial(): void {
    if (this.stopped) return;
    this.status = 'opening';
    const dial = ++this.dials;
    this.owner.transport.connect(this.address, { deadlineMs: this.owner.connectDeadlineMs }).then(
      (stream) => {
        if (dial === this.dials && !this.stopped) this.connected(stream);
        else stream.destroy();
      },
      (error: unknown) => {
        if (dial === this.dials) this.ended(error instanceof Error ? error.message : String(error));
      },
    );
  }

  /** Index of a volume of the initiator at this node. */
  volumeAt(index: number): number {
    return this.volumes[index] ?? 0xffff;
  }

  send(next: Frame): void {
    this.frames?.send(next);
  }

  /** Called regularly. `lateMs`: for so long this process stood still and could hear nothing. */
  look(now: number, lateMs: number): void {
    if (this.frames === undefined) return;
    this.lastHeardAt += lateMs;
    const { pathTimeoutMs } = this.owner;
    if (now - this.lastHeardAt > pathTimeoutMs) this.drop(`silent for more than ${pathTimeoutMs} ms`);
  }

  ping(acknowledgedBelow: number): void {
    if (this.status === 'open') this.send(frame(frameTypes.ping, { extra: acknowledgedBelow }));
  }

  /** Drops what there is, without a word; the path is dialled anew. */
  drop(cause: string): void {
    this.frames?.close(cause);
  }

  /** For good: `last` still leaves, and nothing more is heard. */
  stop(last: Frame | undefined): void {
    this.stopped = true;
    this.redial?.cancel();
    const { frames } = this;
    this.frames = undefined;
    this.status = 'closed';
    this.state = undefined;
    if (last === undefined) {
      frames?.close('the initiator stops');
      return;
    }
    frames?.send(last);
    frames?.end('the initiator stops');
    this.owner.clock.setTimer(lingerMs, () => frames?.destroy());
  }

  frame(next: Frame): void {
    const now = this.owner.clock.now();
    this.lastHeardAt = now;
    switch (next.type) {
      case frameTypes.pathReply:
        this.owner.replied(this, next, now);
        return;
      case frameTypes.ping:
        this.send(frame(frameTypes.pong, { id: next.id }));
        return;
      case frameTypes.pathState:
        this.state = decodeState(next.payload);
        this.owner.stateChanged(this);
        return;
      case frameTypes.generationRaised:
        this.owner.raised(this, next);
        return;
      case frameTypes.welcome:
        this.welcomed(decodeWelcome(next.payload));
        return;
      case frameTypes.refuse:
        this.refused(decodeReason(next.payload));
        return;
      default:
        // A newer node may say more than this release understands.
        return;
    }
  }

  closed(cause: string): void {
    this.ended(cause);
  }

  private connected(stream: ByteStream): void {
    this.lastHeardAt = this.owner.clock.now();
    this.frames = new FrameStream(stream, this);
    this.send(frame(frameTypes.hello, { payload: encodeHello(this.owner.hello) }));
  }

  private welcomed(welcome: PathWelcome): void {
    if (welcome.nodeId !== this.nodeId) {
      this.refused(`expected node '${this.nodeId}' at ${this.address}, and '${welcome.nodeId}' answered`);
      return;
    }
    this.volumes = this.owner.welcomed(this, welcome);
    this.status = 'open';
    this.openedAt = this.lastHeardAt;
    this.tried = true;
    this.lastError = undefined;
  }

  private refused(reason: string): void {
    this.pauseMs = refusedPauseMs;
    this.drop(reason);
    this.owner.refused(this, reason);
  }

  private ended(cause: string): void {
    if (this.stopped) return;
    const wasOpen = this.status === 'open';
    this.frames = undefined;
    this.status = 'closed';
    this.state = undefined;
    this.tried = true;
    this.lastError = cause;
    if (wasOpen) this.owner.lost(this, cause);
    else this.owner.stateChanged(this);
    this.redial = this.owner.clock.setTimer(this.pauseMs ?? this.owner.redialIntervalMs, () => this.dial());
    this.pauseMs = undefined;
  }
}
