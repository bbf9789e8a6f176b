import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Towards the place that is relayed to, or back from it. */
export type Direction = 'forward' | 'backward';
export type Passage = 'pass' | 'swallow';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** Bytes or an end were swallowed: what would come now makes no sense any more. */
  lossy: boolean;
}

/**
 * A wire that can be cut per direction without a word: bytes disappear, and so do ends and resets. When a direction passes
 * again, connections that lost something are reset, as by a firewall that has forgotten them; new ones pass.
 */
export class Relay {
  private readonly passage: Record<Direction, Passage> = { forward: 'pass', backward: 'pass' };
  private readonly pairs = new Set<Pair>();
  private server: Server | undefined;
  private swallowed_ = 0;

  constructor(
    private readonly listenPath: string,
    private readonly targetPath: string,
  ) {}

  get swallowedBytes(): number {
    return this.swallowed_;
  }

  async listen(): Promise<void> {
    this.server = createServer({ allowHalfOpen: true }, (near) => this.accept(near));
    this.server.listen(this.listenPath);
    await once(this.server, 'listening');
  }

  set(direction: Direction, passage: Passage): void {
    this.passage[direction] = passage;
    if (passage === 'swallow') return;
    for (const pair of this.pairs) if (pair.lossy) this.drop(pair);
  }

  async close(): Promise<void> {
    for (const pair of this.pairs) this.drop(pair);
    if (this.server === undefined) return;
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(near: Socket): void {
    const far = connect({ path: this.targetPath, allowHalfOpen: true });
    const pair: Pair = { near, far, lossy: false };
    this.pairs.add(pair);
    this.carry(pair, 'forward', near, far);
    this.carry(pair, 'backward', far, near);
  }

  private carry(pair: Pair, direction: Direction, from: Socket, to: Socket): void {
    const swallows = (): boolean => {
      if (this.passage[direction] === 'pass') return false;
      pair.lossy = true;
      return true;
    };
    from.on('data', (chunk: Uint8Array) => {
      if (swallows() || pair.lossy) {
        this.swallowed_ += chunk.length;
        return;
      }
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => {
      if (!swallows()) to.end();
    });
    // An error is followed by a close, which says the same to the other side.
    from.on('error', () => undefined);
    from.on('close', () => {
      if (!swallows()) this.drop(pair);
    });
  }

  private drop(pair: Pair): void {
    this.pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  }
}
