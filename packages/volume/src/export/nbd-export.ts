import { HoldfastError } from '@holdfast/core';
import {
  type NbdBackend,
  type NbdCloseReason,
  NbdDisconnect,
  NbdError,
  type NbdExport,
  type NbdSession,
} from '@holdfast/nbd';
import type { DataPath } from '../group/data-path.js';

/**
 * One volume as an NBD export, straight at a node. Plain NBD clients have no identity of their own: each stays on one node, and
 * the node finishes or drops what a dead connection has left before it opens a newer one from the same address. A repeat of such
 * a client counts as a write of its own; the initiator is the way to use both paths.
 */
export function nodeExport(dataPath: DataPath, volume: number, description: string): NbdExport {
  const { volumeId, sizeBytes } = volumeOf(dataPath, volume);
  const leaving = new Map<string, Set<Promise<void>>>();
  return {
    name: volumeId,
    description,
    sizeBytes,
    features: { flush: true, fua: true, trim: true, writeZeroes: true, multiConn: true, blockStatus: false },
    preferredBlockBytes: 4096,
    open: async (session) => {
      await dataPath.served({ signal: session.signal });
      while ((leaving.get(session.remote)?.size ?? 0) > 0)
        await Promise.all([...(leaving.get(session.remote) ?? [])]);
      return new NodeBackend(dataPath, volume, session, (drained) => {
        const set = leaving.get(session.remote) ?? new Set();
        leaving.set(session.remote, set.add(drained));
        void drained.then(() => {
          set.delete(drained);
          if (set.size === 0) leaving.delete(session.remote);
        });
      });
    },
  };
}

function volumeOf(dataPath: DataPath, volume: number): { volumeId: string; sizeBytes: number } {
  const found = dataPath.volumes[volume];
  if (found === undefined)
    throw new HoldfastError('NOT_FOUND', `This group has no volume number ${String(volume)}.`);
  return found;
}

class NodeBackend implements NbdBackend {
  private readonly source = {};
  private inFlight = 0;
  private closing: (() => void) | undefined;
  private readonly stopWatching: () => void;

  constructor(
    private readonly dataPath: DataPath,
    private readonly volume: number,
    session: NbdSession,
    leaves: (drained: Promise<void>) => void,
  ) {
    this.stopWatching = dataPath.onGate((gate) => {
      // Answer nothing: a client that sees its connection reset sends again, to whoever serves.
      if (gate.host === 'closed') session.abort('this node does not serve any more');
    });
    session.signal.addEventListener('abort', () => {
      this.stopWatching();
      dataPath.dropUnordered((operation) => operation.source === this.source);
      if (this.inFlight > 0) leaves(new Promise((resolve) => (this.closing = resolve)));
    });
  }

  read(offsetBytes: number, lengthBytes: number): ReturnType<NbdBackend['read']> {
    return this.dataPath.read(this.volume, offsetBytes, lengthBytes).catch(translate);
  }

  write(offsetBytes: number, data: Uint8Array, options: { readonly fua: boolean }): Promise<void> {
    return this.put(offsetBytes, data.length, data, options.fua, false);
  }

  trim(offsetBytes: number, lengthBytes: number, options: { readonly fua: boolean }): Promise<void> {
    return this.put(offsetBytes, lengthBytes, undefined, options.fua, true);
  }

  writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options: { readonly fua: boolean; readonly mayPunchHole: boolean; readonly fastOnly: boolean },
  ): Promise<void> {
    if (options.fastOnly) throw new NbdError('ENOTSUP', 'Zeros are not faster than data here.');
    return this.put(offsetBytes, lengthBytes, undefined, options.fua, options.mayPunchHole);
  }

  private put(
    offsetBytes: number,
    lengthBytes: number,
    data: Uint8Array | undefined,
    forceUnitAccess: boolean,
    mayTrim: boolean,
  ): Promise<void> {
    this.inFlight += 1;
    const request = {
      volume: this.volume,
      offsetBytes,
      lengthBytes,
      data,
      forceUnitAccess,
      mayTrim,
      origin: undefined,
    };
    return this.dataPath.write(request, this.source).then(
      () => {
        this.ended();
      },
      (error: unknown) => {
        this.ended();
        return translate(error);
      },
    );
  }

  private ended(): void {
    this.inFlight -= 1;
    if (this.inFlight === 0) this.closing?.();
  }

  flush(): Promise<void> {
    return this.dataPath.flush(this.volume).catch(translate);
  }

  close(_reason: NbdCloseReason): void {
    this.stopWatching();
  }
}

/** Nothing that a failover causes is ever an error for a client. */
function translate(error: unknown): never {
  if (HoldfastError.is(error, 'OUT_OF_RANGE')) throw new NbdError('EINVAL', error.message);
  throw new NbdDisconnect(error instanceof Error ? error.message : String(error));
}
