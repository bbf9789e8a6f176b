import type { NbdClientOptions } from '../../src/client/options.js';
import { NbdClient } from '../../src/client/client.js';
import { memoryExport } from '../../src/memory-export.js';
import type { NbdServerOptions } from '../../src/server/options.js';
import type { NbdServerNotice } from '../../src/server/options.js';
import { NbdServer } from '../../src/server/server.js';
import { ManualClock } from './clock.js';
import { type PairOptions, type PairStream, streamPair } from './pair.js';
import { RawClient } from './raw-client.js';

/** A server in memory, and ways to connect to it. */
export class World {
  readonly clock = new ManualClock();
  readonly notices: NbdServerNotice[] = [];
  readonly disk = memoryExport({ name: 'disk', sizeBytes: 8 * 1024 * 1024 });
  readonly server: NbdServer;

  constructor(options: Partial<NbdServerOptions> = {}) {
    this.server = new NbdServer({
      clock: this.clock,
      exports: [this.disk],
      observe: (notice) => {
        this.notices.push(notice);
      },
      ...options,
    });
  }

  /** The client's end of a connection that the server has accepted. */
  stream(options: PairOptions = {}): PairStream {
    const { near, far } = streamPair(options);
    this.server.accept(far);
    return near;
  }

  connect(options: Partial<NbdClientOptions> = {}, pair: PairOptions = {}): Promise<NbdClient> {
    return NbdClient.connect(this.stream(pair), { clock: this.clock, exportName: 'disk', ...options });
  }

  /** A client that sends bytes as it is told, sensible or not. */
  raw(pair: PairOptions = {}): RawClient {
    return new RawClient(this.stream(pair));
  }

  closings(): readonly Extract<NbdServerNotice, { kind: 'connection-closed' }>[] {
    return this.notices.filter((notice) => notice.kind === 'connection-closed');
  }
}
