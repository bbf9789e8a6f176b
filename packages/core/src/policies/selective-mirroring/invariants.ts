import type { Invariant } from '../../kernel/policy.js';
import { blockIn, blocksOf } from './blocks.js';
import type { MirroringState } from './state.js';

type Check = (state: MirroringState) => string | undefined;

const cheap = (name: string, check: Check): Invariant<MirroringState> => ({ name, cost: 'cheap', check });
const costly = (name: string, check: Check): Invariant<MirroringState> => ({ name, cost: 'costly', check });

/** What must hold of one node's state after every step. What holds between sites is checked where all are in sight. */
export const mirroringInvariants: readonly Invariant<MirroringState>[] = [
  cheap('who serves writes owns the volume durably', ({ service, record, mode, epoch }) =>
    service === 'open' && !(record.role === 'owner' && record.epoch === epoch)
      ? `mode ${mode}, record ${record.role} of epoch ${String(record.epoch)}, epoch ${String(epoch)}`
      : undefined,
  ),
  cheap('only an owner serves', ({ service, mode }) =>
    service !== 'closed' && mode !== 'owner' && mode !== 'tookOver' && mode !== 'failingBack'
      ? `mode ${mode}, service ${service}`
      : undefined,
  ),
  cheap('the epoch never falls behind the record', ({ epoch, record }) =>
    epoch < record.epoch ? `epoch ${String(epoch)}, record ${String(record.epoch)}` : undefined,
  ),
  cheap('the cache keeps within its capacity', ({ cache, self }) =>
    cache.bytes > self.cacheBytes ? `${String(cache.bytes)} of ${String(self.cacheBytes)} bytes` : undefined,
  ),
  cheap('waiting is bounded', ({ owner, cache, self }) => {
    const { heldWritesMax, batchesInFlightMax, stagedBatchesMax, floorsMax } = self.tuning;
    const sizes = {
      writes: owner.writes,
      batches: owner.batches,
      staged: cache.staged,
      floors: cache.floors,
    };
    const limits = {
      writes: heldWritesMax,
      batches: batchesInFlightMax,
      staged: stagedBatchesMax,
      floors: floorsMax,
    };
    for (const name of ['writes', 'batches', 'staged', 'floors'] as const) {
      const count = Object.keys(sizes[name]).length;
      if (count > limits[name]) return `${String(count)} ${name}`;
    }
    return undefined;
  }),
  cheap('an unowned cache holds nothing', ({ cache }) =>
    cache.generation === undefined && cache.blocks.count > 0
      ? `${String(cache.blocks.count)} copies`
      : undefined,
  ),
  costly('the sums of the mirror set are right', ({ owner }) => {
    let bytes = 0;
    let count = 0;
    for (const [block, entry] of blocksOf(owner.blocks)) {
      count += 1;
      if (entry.phase !== 'dropping') bytes += entry.sizeBytes;
      if ((entry.phase === 'queued') !== (entry.site === undefined))
        return `block ${String(block)} is ${entry.phase} at ${entry.site ?? 'no site'}`;
    }
    if (count !== owner.blocks.count) return `${String(count)} blocks, ${String(owner.blocks.count)} counted`;
    return bytes === owner.mirroredBytes
      ? undefined
      : `${String(bytes)} bytes, ${String(owner.mirroredBytes)} counted`;
  }),
  costly('the queue holds exactly the queued blocks', ({ owner }) => {
    const waiting = new Set(owner.queue);
    if (waiting.size !== owner.queue.length) return 'a block waits twice';
    for (const block of waiting) {
      if (blockIn(owner.blocks, block)?.phase !== 'queued')
        return `block ${String(block)} waits and is not queued`;
    }
    for (const [block, entry] of blocksOf(owner.blocks)) {
      if (entry.phase === 'queued' && !waiting.has(block))
        return `block ${String(block)} is queued and does not wait`;
    }
    return undefined;
  }),
  costly('the sums of the cache are right', ({ cache }) => {
    let bytes = 0;
    for (const [, copy] of blocksOf(cache.blocks)) bytes += copy.sizeBytes;
    const tenants = Object.values(cache.tenantBytes).reduce((sum, part) => sum + part, 0);
    return bytes === cache.bytes && tenants === bytes
      ? undefined
      : `${String(bytes)} bytes, ${String(cache.bytes)} and ${String(tenants)} counted`;
  }),
  costly('the state is plain JSON', (state) => {
    const text = JSON.stringify(state);
    return JSON.stringify(JSON.parse(text)) === text ? undefined : 'it does not survive a round trip';
  }),
];
