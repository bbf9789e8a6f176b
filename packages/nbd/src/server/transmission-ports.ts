import type { BufferPool, SlabPool } from '../output/slabs.js';
import type { NbdServerLimits } from './limits.js';

/** What a transmission reports to its connection. */
export interface TransmissionOwner {
  /** The client said goodbye or stopped sending, and everything it asked for is answered. */
  transmissionDrained(): void;
  /** Reset the connection. */
  transmissionFailed(reason: 'protocol-error' | 'aborted', because: string): void;
  /** After `lost`: the last backend call has answered. */
  transmissionSettled(): void;
}

/** What all transmissions of a server have in common. */
export interface TransmissionTools {
  readonly limits: NbdServerLimits;
  readonly slabs: SlabPool;
  readonly buffers: BufferPool;
  readonly defer: (callback: () => void) => void;
}
