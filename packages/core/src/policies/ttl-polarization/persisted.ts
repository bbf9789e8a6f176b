import { openAloneIfDue, suspend } from './alone.js';
import { commitHandover } from './handover.js';
import { emptyLease } from './lease.js';
import { enterMirror } from './mirror.js';
import { startAsSource, startAsTarget } from './resync.js';
import type { Continuation } from './state.js';
import type { Turn } from './turn.js';
import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { PolarizationState } from './state.js';
import { renewDuty } from './witness.js';

/** A record stands on the disk: only now does what it says become true here. */
export function onPersisted(turn: Turn, effect: EffectId): void {
  const { saving } = turn.state;
  if (saving?.effect !== effect) return;
  turn.patch({ record: saving.record, saving: undefined });
  goOn(turn, saving.then);
  if (!turn.state.stopped) turn.setGate({ kind: 'mode', mode: turn.state.mode, epoch: saving.record.epoch });
  renewDuty(turn);
}

function goOn(turn: Turn, then: Continuation): void {
  const { peer } = turn.state;
  switch (then.kind) {
    case 'serve-alone':
      turn.patch({
        entitledBy: then.by,
        asked: undefined,
        claim: undefined,
        grant: undefined,
        denied: undefined,
      });
      openAloneIfDue(turn);
      if (then.by === 'handover' || then.by === 'pause') {
        const { epoch, lineageId } = turn.state.record;
        turn.send({ kind: 'win-ack', epoch, lineageId }, { kind: 'handover-taken', epoch });
      }
      break;
    case 'handed-over':
      commitHandover(turn, then);
      break;
    case 'sync-target':
      startAsTarget(turn, then.session, then.full);
      break;
    case 'sync-source':
      startAsSource(turn, then);
      break;
    case 'prepared':
      onPreparedDurably(turn, then.session);
      break;
    case 'mirrored':
      onMirrorDurably(turn, then);
      break;
    case 'member':
      onProvedMember(turn);
      break;
    case 'victim':
      turn.answer(then.commandId, 'resolve-split-brain', true, 'this copy waits to be copied to in full');
      break;
    case 'resume':
      if (turn.state.mode === 'paused') turn.patch({ mode: 'standalone' });
      turn.answer(then.commandId, 'resume', true, 'the peer is copied to as soon as its link is stable');
      break;
    case 'stopped':
      turn.patch({ stopped: true, operation: undefined, peer });
      turn.answer(then.commandId, 'shut-down', true, 'everything is flushed and the record says so');
      break;
    case 'fenced':
    case 'split-brain':
    case 'noted':
      break;
  }
}

function onPreparedDurably(turn: Turn, session: number): void {
  const { peer, record } = turn.state;
  const { prepared } = record;
  if (peer?.session !== session || turn.state.mode !== 'syncTarget' || prepared === undefined) return;
  const { epoch, lineageId } = prepared;
  turn.send({ kind: 'mirror-prepared', epoch, lineageId }, { kind: 'prepared', epoch });
}

function onMirrorDurably(turn: Turn, then: Extract<Continuation, { kind: 'mirrored' }>): void {
  const { peer, record } = turn.state;
  const isHere = peer?.session === then.session;
  if (isHere && turn.state.legFailure === undefined) {
    if (then.side === 'source') {
      const { epoch, lineageId, sequencer } = record;
      turn.send({ kind: 'mirror-commit', epoch, lineageId }, { kind: 'mirrored', epoch, sequencer });
    }
    enterMirror(turn);
    return;
  }
  mirrorWithoutPeer(turn, `epoch ${String(record.epoch)} is durable here, and the peer is gone`);
}

/** A member by its record, and alone: as after a loss, with leases that nobody has ever had in this epoch. */
function mirrorWithoutPeer(turn: Turn, detail: string): void {
  turn.patch({
    lease: emptyLease(turn.at),
    resync: undefined,
    mirroringWith: undefined,
    // Neither can have been granted a read in an epoch that has not begun.
    peerQuietAt: turn.at,
    evidenceAt: undefined,
    entitledBy: undefined,
  });
  suspend(turn, 'mirror-unproven', detail, false);
}

function onProvedMember(turn: Turn): void {
  if (turn.state.mode === 'fenced')
    mirrorWithoutPeer(turn, `the witness knows the mirror of epoch ${String(turn.state.record.epoch)}`);
}

/** The disk did not take the record. What needed it does not happen, and the same is written again. */
export function onPersistFailed(turn: Turn, effect: EffectId, detail: string): void {
  const { saving, self } = turn.state;
  if (saving?.effect !== effect) return;
  const retryMs = self.timing.witnessRetryIntervalMs;
  turn.patch({ saving: { ...saving, retryAt: turn.at + retryMs } });
  turn.report('alarm', { kind: 'persist-failed', detail, retryMs });
}

export function persistRetryAt(state: PolarizationState): Millis | undefined {
  return state.saving?.retryAt;
}

export function retryPersistIfDue(turn: Turn): void {
  const { saving } = turn.state;
  if (saving?.retryAt === undefined || turn.at < saving.retryAt) return;
  const effect = turn.wish(
    { kind: 'persist', record: saving.record },
    { kind: 'persist-failed', detail: 'written again', retryMs: 0 },
  );
  turn.patch({ saving: { effect, record: saving.record, then: saving.then } });
}
