import { memoryBackend, memoryExport } from '../../src/memory-export.js';
import type { NbdServerOptions } from '../../src/server/options.js';
import { NbdServer } from '../../src/server/server.js';
import type { NbdExport, NbdReadBuffer } from '../../src/server/types.js';
import { ManualClock } from '../support/clock.js';

/** An export of the fuzzed server, in the words of the protocol's own document: what the reference believes. */
export interface StageExport {
  readonly name: string;
  readonly description: string;
  readonly sizeBytes: number;
  readonly minimumBytes: number;
  /** Without the bit for DF, which is a matter of structured replies. */
  readonly flags: number;
  readonly hasContext: boolean;
}

export const stageExports: readonly StageExport[] = [
  { name: 'disk', description: '', sizeBytes: 98_816, minimumBytes: 1, flags: 0xd6d, hasContext: true },
  {
    name: 'frozen',
    description: 'not to be written',
    sizeBytes: 8_192,
    minimumBytes: 1,
    flags: 0x50f,
    hasContext: true,
  },
  { name: 'blocks', description: '', sizeBytes: 16_384, minimumBytes: 512, flags: 0x125, hasContext: false },
];

/** Small, so that a frame of a few bytes reaches each of them. */
export const stageLimits = {
  maxOptions: 32,
  maxOptionBytes: 16_384,
  maxRequestBytes: 32_768,
  advertisedMaximumBytes: 32_768,
  connectionAllowanceBytes: 128 * 1024,
  maxUnsentBytes: 64 * 1024,
} as const;

export const stageBudgetBytes = 16 * 1024 * 1024;

/** Every byte differs from zero and from its neighbours. */
const pattern = new Uint8Array(98_816).map((_, at) => (at * 31 + (at >>> 8) * 7 + 1) & 0xff);

/** What a served export begins with. */
export function initialBytes(served: StageExport): Uint8Array {
  return pattern.slice(0, served.sizeBytes);
}

/** Whether the server knows TLS, and whether it insists. */
export type StageTls = 'none' | 'offered' | 'required';

export interface StageOptions {
  readonly maxSliceBytes: number;
  readonly tls: StageTls;
  /** Stands in for the server under test: mutants of it are to be found. */
  readonly options?: Partial<NbdServerOptions>;
}

/** A server in memory with one export of each kind. */
export class ServerStage {
  readonly clock = new ManualClock();
  readonly server: NbdServer;
  readonly disks: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  allocatedPeakBytes = 0;

  constructor({ maxSliceBytes, tls, options }: StageOptions) {
    const exports = stageExports.map((served) => {
      const disk = memoryExport({
        name: served.name,
        sizeBytes: served.sizeBytes,
        readOnly: served.name === 'frozen',
        ...(served.description === '' ? {} : { description: served.description }),
      });
      disk.bytes.set(pattern.subarray(0, served.sizeBytes));
      return withCopies(served.name === 'blocks' ? ofBlocks(disk) : disk);
    });
    this.disks = exports.map(({ name, bytes }) => ({ name, bytes }));
    this.server = new NbdServer({
      clock: this.clock,
      exports,
      limits: { ...stageLimits, maxSliceBytes },
      allocate: (lengthBytes) => {
        this.allocatedPeakBytes = Math.max(this.allocatedPeakBytes, lengthBytes);
        return new Uint8Array(lengthBytes);
      },
      ...(tls !== 'none'
        ? {
            tls: {
              required: tls === 'required',
              upgrade: (stream) => Promise.resolve({ stream, identity: { kind: 'anonymous' } }),
            },
          }
        : {}),
      ...options,
    });
  }
}

type Disk = NbdExport & { readonly bytes: Uint8Array };

function ofBlocks(disk: Disk): Disk {
  const features = { ...disk.features, fua: false, cache: false, fastZero: false, writeZeroes: false };
  return { ...disk, minimumBlockBytes: 512, features: { ...features, blockStatus: false } };
}

/** A read is a copy: what a later request of the same turn writes must not show in it, so that it can be judged. */
function withCopies(disk: Disk): Disk {
  const backend = memoryBackend(disk.bytes);
  const read = (offsetBytes: number, lengthBytes: number): NbdReadBuffer => ({
    bytes: disk.bytes.slice(offsetBytes, offsetBytes + lengthBytes),
    release: () => undefined,
  });
  return { ...disk, open: () => ({ ...backend, read }) };
}
