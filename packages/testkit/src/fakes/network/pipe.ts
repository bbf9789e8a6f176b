import type { Clock, Timer } from '@holdfast/core';
import type { Link } from './link.js';

export type Segment =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' };

/** The end of a pipe that bytes come out of. */
export interface Receiver {
  /** Things arrive in its time: late, when its process is paused. */
  readonly clock: Clock;
  /** False: keep it and call nothing until `pump`. */
  readonly wantsMore: boolean;
  take(segment: Segment): void;
}

interface Sent {
  readonly segment: Segment;
  /** One that is there before its forerunner waits for it. */
  dueAt: number;
}

/**
 * One direction of one stream: in order, nothing lost, and at most `windowBytes` on the way. While the link is cut everything waits
 * where it is, as the kernel of the sender would keep repeating it, and neither side is told.
 */
export class Pipe {
  private readonly network: Clock;
  private readonly link: Link;
  private readonly windowBytes: number;
  private readonly receiver: Receiver;
  /** Called when bytes have entered the window: the sender's system has taken them. */
  private readonly entered: (segment: Segment) => void;
  private readonly waiting: Segment[] = [];
  private inFlight: Sent[] = [];
  private readonly arrived: Segment[] = [];
  private windowUsed = 0;
  private timer: Timer | undefined;
  private readonly stopListening: () => void;

  constructor(options: {
    readonly network: Clock;
    readonly link: Link;
    readonly windowBytes: number;
    readonly receiver: Receiver;
    readonly entered: (segment: Segment) => void;
  }) {
    this.network = options.network;
    this.link = options.link;
    this.windowBytes = options.windowBytes;
    this.receiver = options.receiver;
    this.entered = options.entered;
    this.stopListening = this.link.onChange(() => this.linkChanged());
  }

  send(segment: Segment): void {
    this.waiting.push(segment);
    this.launch();
  }

  /** Nothing that is still on the sender's side follows; a part of what is on the way, as long as `keep` says, and then the reset. */
  sendReset(keep: (count: number) => number): void {
    this.waiting.length = 0;
    this.inFlight = this.inFlight.slice(0, keep(this.inFlight.length));
    this.inFlight.push({ segment: { kind: 'reset' }, dueAt: this.link.arrivalOf(0) });
    this.arm();
  }

  /** What the sender's system has taken still goes out, then the end; for a process that died. */
  sendLastEnd(): void {
    this.waiting.length = 0;
    this.inFlight.push({ segment: { kind: 'end' }, dueAt: this.link.arrivalOf(0) });
    this.arm();
  }

  /** The receiver is ready again. */
  pump(): void {
    while (this.arrived.length > 0 && (this.receiver.wantsMore || this.arrived[0]?.kind === 'reset')) {
      const segment = this.arrived.shift();
      if (segment === undefined) break;
      this.windowUsed -= lengthOf(segment);
      // Nothing follows these two, so what happens to the link matters no more.
      if (segment.kind !== 'data') this.stopListening();
      this.receiver.take(segment);
    }
    this.launch();
  }

  private launch(): void {
    while (this.waiting.length > 0 && this.windowUsed < this.windowBytes) {
      const segment = this.waiting.shift();
      if (segment === undefined) break;
      this.windowUsed += lengthOf(segment);
      this.inFlight.push({ segment, dueAt: this.link.arrivalOf(lengthOf(segment)) });
      this.entered(segment);
    }
    this.arm();
  }

  private arm(): void {
    const first = this.inFlight[0];
    if (this.timer !== undefined || first === undefined || this.link.cut) return;
    this.timer = this.receiver.clock.setTimer(Math.max(0, first.dueAt - this.network.now()), () =>
      this.arrive(),
    );
  }

  private arrive(): void {
    this.timer = undefined;
    const now = this.network.now();
    let first = this.inFlight[0];
    // A receiver's clock that runs fast fires early by the network's; what is there within rounding counts as there.
    while (first !== undefined && first.dueAt <= now + 1e-6) {
      this.inFlight.shift();
      if (first.segment.kind === 'reset') this.arrived.length = 0;
      this.arrived.push(first.segment);
      first = this.inFlight[0];
    }
    this.pump();
    this.arm();
  }

  private linkChanged(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.link.cut) return;
    for (const sent of this.inFlight) sent.dueAt = this.link.arrivalOf(lengthOf(sent.segment));
    this.arm();
  }
}

function lengthOf(segment: Segment): number {
  return segment.kind === 'data' ? segment.bytes.length : 0;
}
