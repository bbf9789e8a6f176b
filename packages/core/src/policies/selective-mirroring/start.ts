import { ask } from './ask.js';
import { noBlocks } from './blocks.js';
import { validateMirroringOptions, type MirroringOptions } from './options.js';
import type { MirroringState } from './state.js';
import type { Turn } from './turn.js';
import type { Millis } from '../../kernel/time.js';

/** A link that nobody has measured yet counts as one of 100 Mbit/s. */
const UNMEASURED_BYTES_PER_MS = 12_500;

export function initialState(options: MirroringOptions, at: Millis): MirroringState {
  validateMirroringOptions(options);
  const { groupId, nodeId, incarnation, volumeBytes, cacheBytes, slowCopy, tuning, record, heat } = options;
  return {
    version: 1,
    self: { groupId, nodeId, incarnation, volumeBytes, cacheBytes, slowCopy, tuning },
    now: at,
    booted: false,
    mode: record.role === 'owner' ? 'starting' : 'standby',
    epoch: record.epoch,
    service: 'closed',
    record,
    questions: [],
    owner: {
      ...(heat === undefined ? {} : { heat }),
      selectAt: at,
      dumpAt: at + tuning.heatDumpIntervalMs,
      dumpedVersion: heat?.version ?? 0,
      blocks: noBlocks(),
      mirroredBytes: 0,
      queue: [],
      queuedAt: at,
      batches: {},
      batchesSent: 0,
      generations: 0,
      remotes: {},
      greetings: {},
      writes: {},
      link: { bytesPerMs: UNMEASURED_BYTES_PER_MS, tokens: tuning.batchBytesMax, at },
      expectedWarmShare: 0,
    },
    cache: {
      blocks: noBlocks(),
      bytes: 0,
      tenantBytes: {},
      staged: {},
      done: [],
      floors: {},
      appliedThrough: 0,
      trust: 'none',
    },
    absorbed: {},
  };
}

/** The first event of a life: `init` may wish nothing. */
export function boot(turn: Turn): void {
  if (turn.state.booted) return;
  const { record } = turn.state;
  const because = { kind: 'started', node: record.nodeId, role: record.role, epoch: record.epoch } as const;
  turn.patch({ booted: true });
  turn.report('info', because);
  if (record.role !== 'owner') return;
  if (turn.guards.ownerIsConfirmedFirst) {
    ask(turn, { kind: 'confirm', epoch: record.epoch });
    return;
  }
  turn.patch({ mode: record.takenOver === undefined ? 'owner' : 'tookOver' });
  turn.setService('open', because);
}
