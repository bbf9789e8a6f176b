import type { Clock, Millis } from '@holdfast/core';

export interface PeerGuardOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** More than this share of all peers has to be lost, 0 to 1. Default 0.5. */
  readonly share?: number;
  /** Losses within this time of the latest one count as one event, in milliseconds. Default 2000. */
  readonly withinMs?: number;
}

/** What a suspicion rests on. */
export interface Suspicion {
  readonly lost: number;
  readonly of: number;
}

interface Peer {
  readonly listeners: Set<(suspicion: Suspicion | undefined) => void>;
  /** Undefined: it has never been here, or it is here now. One that was never met is no loss. */
  lostAt: Millis | undefined;
}

/**
 * Looks at the peers of all groups of one process: when more than a share of them look lost at once, the fault is likelier here than
 * there, and every group is told to let its peer go first. With a single peer there is nothing to compare: it never suspects then.
 */
export class PeerGuard {
  private readonly peers = new Map<string, Peer>();
  private readonly share: number;
  private readonly withinMs: number;
  private told = '';

  /** @throws RangeError for a share outside 0 to 1. */
  constructor(private readonly options: PeerGuardOptions) {
    this.share = options.share ?? 0.5;
    this.withinMs = options.withinMs ?? 2_000;
    if (!(this.share >= 0 && this.share < 1))
      throw new RangeError(
        `The share of a PeerGuard is ${String(this.share)}; it has to be 0 or more, and below 1.`,
      );
  }

  /** A group joins with its peer. Groups that share a peer count once. Call the answer when the group leaves. */
  join(peerId: string, suspects: (suspicion: Suspicion | undefined) => void): () => void {
    const peer = this.peers.get(peerId) ?? { listeners: new Set(), lostAt: undefined };
    this.peers.set(peerId, peer);
    peer.listeners.add(suspects);
    return () => {
      peer.listeners.delete(suspects);
      if (peer.listeners.size === 0) this.peers.delete(peerId);
      this.look();
    };
  }

  arrived(peerId: string): void {
    const peer = this.peers.get(peerId);
    if (peer === undefined) return;
    peer.lostAt = undefined;
    this.look();
  }

  left(peerId: string): void {
    const peer = this.peers.get(peerId);
    if (peer === undefined) return;
    peer.lostAt ??= this.options.clock.now();
    this.look();
  }

  /** The suspicion that holds now; undefined: none. */
  get suspicion(): Suspicion | undefined {
    const of = this.peers.size;
    const losses = [...this.peers.values()].flatMap(({ lostAt }) => (lostAt === undefined ? [] : [lostAt]));
    const latest = Math.max(...losses);
    const lost = losses.filter((at) => latest - at <= this.withinMs).length;
    return of > 1 && lost > of * this.share ? { lost, of } : undefined;
  }

  private look(): void {
    const { suspicion } = this;
    const text = suspicion === undefined ? '' : JSON.stringify(suspicion);
    if (text === this.told) return;
    this.told = text;
    for (const { listeners } of this.peers.values())
      for (const suspects of [...listeners]) suspects(suspicion);
  }
}
