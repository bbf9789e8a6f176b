import type { Millis } from '../../kernel/time.js';
import { requireVersionOne } from '../../kernel/version.js';
import { freshRound } from './alone.js';
import { emptyLease } from './lease.js';
import type { PolarizationOptions } from './options.js';
import { follows, ownedBySelf } from './record.js';
import type { PolarizationState } from './state.js';
import { validateOptions } from './timing.js';
import type { Turn } from './turn.js';
import type { Mode, NodeRecord } from './types.js';

/** @throws OptionsError, TypeError: see `validateOptions`; HoldfastError `NOT_SUPPORTED` for a record of another release. */
export function initialState(options: PolarizationOptions, at: Millis): PolarizationState {
  validateOptions(options);
  requireVersionOne('record of ttl-polarization', options.record);
  const record = recordAfterStart(options.record, options.machineBootId);
  const incarnation = record.witnessIncarnation;
  return {
    version: 1,
    self: {
      groupId: options.groupId,
      nodeId: options.nodeId,
      peerId: options.peerId,
      role: options.role,
      incarnation: options.incarnation,
      bootId: options.bootId,
      machineBootId: options.machineBootId,
      lineageSeed: options.lineageSeed,
      faultModel: options.faultModel,
      timing: options.timing,
      bootAlone: options.bootAlone ?? false,
      pristine: options.pristine,
    },
    now: at,
    startedAt: at,
    booted: false,
    stopped: false,
    mode: 'unknown',
    record,
    gate: {
      mode: 'unknown',
      epoch: record.epoch,
      lineageId: record.lineageId,
      sequencer: record.sequencer,
      host: 'closed',
      legs: 'none',
      reads: 'none',
    },
    lineagesDrawn: 0,
    health: { level: 'ok', reasons: [], since: at },
    initiators: 0,
    unreached: { value: false },
    lastSession: 0,
    lease: emptyLease(at),
    round: freshRound,
    witness: { mustRegister: false, nextAt: at, ...(incarnation === undefined ? {} : { incarnation }) },
    offerAt: at,
  };
}

/**
 * A machine that stopped without order may have lost writes that were acknowledged while volatile; its peer still has them. Only a
 * member doubts itself: what an owner lost, nobody else has either.
 */
function recordAfterStart(record: NodeRecord, machineBootId: string): NodeRecord {
  const lostPower = !record.clean && record.machineBootId !== machineBootId;
  const isMember = record.mode === 'mirrored' && !ownedBySelf(record);
  return lostPower && isMember && record.dataState === 'upToDate'
    ? { ...record, dataState: 'consistent' }
    : record;
}

/** The first event of a life: say what stands on the disk, serve nothing. */
export function boot(turn: Turn): void {
  const { state } = turn;
  if (state.booted) return;
  const { record, self } = state;
  turn.patch({ booted: true, mode: modeAfterStart(record, self.peerId) });
  const because = {
    kind: 'started',
    node: self.nodeId,
    record: record.mode,
    epoch: record.epoch,
    dataState: record.dataState,
  } as const;
  turn.setGate(because, true);
  turn.report('info', because);
  const isElected = self.faultModel.kind === 'preElected' && self.faultModel.node === self.nodeId;
  if (isElected && ownedBySelf(record)) turn.patch({ entitledBy: 'own-record' });
}

function modeAfterStart(record: NodeRecord, peerId: string): Mode {
  if (record.mode === 'fenced') return 'fenced';
  if (!follows(record, peerId)) return 'unknown';
  return record.mode === 'paused' ? 'paused' : 'fenced';
}
