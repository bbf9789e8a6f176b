import { ownLevel } from './health.js';
import { introduce } from './introduce.js';
import { reconcile, type Meeting } from './meet.js';
import { matches } from './mirror.js';
import { historyBehind, nextRecord, ownedBySelf } from './record.js';
import type { PeerView, PolarizationState } from './state.js';
import type { Turn } from './turn.js';
import type { NodeRecord, PolarizationMessage } from './types.js';

type Propose = Extract<PolarizationMessage, { kind: 'sync-propose' }>;
type Accept = Extract<PolarizationMessage, { kind: 'sync-accept' }>;
type Refuse = Extract<PolarizationMessage, { kind: 'sync-refuse' }>;

/** Source to be: asks for the other's consent. Serving goes on as before, or stays held. */
export function propose(turn: Turn, meeting: Extract<Meeting, { kind: 'source' }>): void {
  const { peer, record } = turn.state;
  if (peer === undefined) return;
  const { epoch, full } = meeting;
  const lineageId = meeting.lineage === 'keep' ? record.lineageId : turn.drawLineage(epoch);
  const because = { kind: 'sync-propose', epoch, full, why: meeting.why } as const;
  const proposal = { epoch, lineageId, full, ...(full ? { copyId: fullCopyOf(turn, peer, epoch) } : {}) };
  turn.begin({ kind: 'proposing', session: peer.session, ...proposal, since: turn.at });
  turn.send({ kind: 'sync-propose', ...proposal }, because);
  turn.report('info', because);
}

/** The full copy that the other is in the middle of, else a new one. A name is never used for two beginnings. */
function fullCopyOf(turn: Turn, peer: PeerView, epoch: number): string {
  const { fullResync, fullCopyId } = peer.introduction.record;
  return fullResync === true && fullCopyId !== undefined ? fullCopyId : turn.drawLineage(epoch);
}

/** Target to be: consents by writing down that the other goes on, and only then says so. */
export function onPropose(turn: Turn, proposal: Propose): void {
  const { state } = turn;
  const { peer } = state;
  if (peer === undefined) return;
  const { epoch, lineageId, full, copyId } = proposal;
  const detail = whyNot(state, epoch);
  if (detail !== undefined) {
    turn.send({ kind: 'sync-refuse', epoch, lineageId, detail }, { kind: 'sync-refuse', epoch, detail });
    return;
  }
  const source = state.self.peerId;
  const record = nextRecord(state, {
    mode: 'syncTarget',
    owner: source,
    sequencer: source,
    epoch,
    lineageId,
    dataState: 'inconsistent',
    history: historyBehind(peer.introduction.record, lineageId),
    ...(full ? { fullResync: true } : {}),
    ...(full && copyId !== undefined ? { fullCopyId: copyId } : {}),
  });
  turn.patch({ operation: undefined });
  turn.save(
    record,
    { kind: 'sync-target', session: peer.session, full },
    { kind: 'sync-accept', epoch, source },
  );
}

function whyNot(state: PolarizationState, epoch: number): string | undefined {
  const { peer, record } = state;
  if (peer === undefined) return 'the session is gone';
  if (state.saving !== undefined || state.grant !== undefined || state.denied !== undefined)
    return 'a record is being written';
  if (state.claim?.call === 'promote') return 'a claim at the witness is open';
  if (ownLevel(state) === 'unhealthyHard') return 'the own leg does not work';
  if (epoch < record.epoch) return `epoch ${String(record.epoch)} is written down here`;
  const meeting = reconcile(introduce(state), peer.introduction);
  if (meeting.kind !== 'target') return `this node comes to another decision (${meeting.kind})`;
  // Who holds survivorship may repeat its epoch; a mirror that is formed anew needs one that nobody has used.
  if (!meeting.owned && epoch === record.epoch) return `epoch ${String(epoch)} has been used already`;
  return undefined;
}

/** Source to be: the other has consented durably. */
export function onAccept(turn: Turn, accept: Accept): void {
  const { state } = turn;
  const { operation, peer, self } = state;
  if (operation?.kind !== 'proposing' || !matches(operation, accept) || peer === undefined) return;
  if (state.saving !== undefined || state.claim?.call === 'promote' || state.legFailure !== undefined) return;
  const { epoch, lineageId, full, copyId, session } = operation;
  const { introduction } = peer;
  turn.patch({
    operation: undefined,
    // It has closed its doors before it consented.
    peerQuietAt: state.peerQuietAt ?? turn.at,
    peer: {
      ...peer,
      introduction: {
        ...introduction,
        mode: 'syncTarget',
        record: targetTwin(introduction.record, state, accept),
      },
    },
  });
  turn.save(
    nextRecord(state, {
      mode: 'syncSource',
      owner: self.nodeId,
      sequencer: self.nodeId,
      epoch,
      lineageId,
      dataState: 'upToDate',
      history: historyBehind(state.record, lineageId),
    }),
    { kind: 'sync-source', session, full, ...(copyId === undefined ? {} : { copyId }) },
    { kind: 'sync-start', epoch, full, source: self.nodeId },
  );
}

function targetTwin(theirs: NodeRecord, state: PolarizationState, accept: Accept): NodeRecord {
  const { prepared: _prepared, ...kept } = theirs;
  return {
    ...kept,
    mode: 'syncTarget',
    owner: state.self.nodeId,
    sequencer: state.self.nodeId,
    epoch: accept.epoch,
    lineageId: accept.lineageId,
    dataState: 'inconsistent',
    history: historyBehind(state.record, accept.lineageId),
  };
}

export function onRefuse(turn: Turn, refusal: Refuse): void {
  const { operation, peer, self } = turn.state;
  if (operation?.kind !== 'proposing' || !matches(operation, refusal) || peer === undefined) return;
  turn.patch({
    operation: undefined,
    peer: { ...peer, proposeAt: turn.at + self.timing.handoverTimeoutMs },
  });
  turn.report('warning', { kind: 'sync-refuse', epoch: refusal.epoch, detail: refusal.detail });
}

/** The record that makes this node the source is durable. */
export function startAsSource(turn: Turn, start: Omit<ResyncStart, 'side'>): void {
  const { session, full } = start;
  const { state } = turn;
  const { record, self } = state;
  turn.patch({ asked: undefined, entitledBy: state.entitledBy ?? 'peer-fenced', claim: undefined });
  if (state.peer?.session !== session || state.legFailure !== undefined) return;
  const because = { kind: 'sync-start', epoch: record.epoch, full, source: self.nodeId } as const;
  turn.patch({ mode: 'syncSource' });
  turn.setGate(because, true);
  startResync(turn, { ...start, side: 'source' });
  turn.report('info', because);
}

/** The consent is durable: say so, and take what comes. */
export function startAsTarget(turn: Turn, session: number, full: boolean): void {
  const { state } = turn;
  const { record, self } = state;
  const because = { kind: 'sync-accept', epoch: record.epoch, source: self.peerId } as const;
  const isHere = state.peer?.session === session && state.legFailure === undefined;
  turn.patch({
    mode: isHere ? 'syncTarget' : 'fenced',
    asked: undefined,
    claim: undefined,
    entitledBy: undefined,
    loss: undefined,
  });
  turn.setGate(because, true);
  if (!isHere) return;
  startResync(turn, { side: 'target', session, full });
  turn.send({ kind: 'sync-accept', epoch: record.epoch, lineageId: record.lineageId }, because);
  turn.report('info', because);
}

interface ResyncStart {
  readonly side: 'source' | 'target';
  readonly session: number;
  readonly full: boolean;
  readonly copyId?: string;
}

function startResync(turn: Turn, { side, session, full, copyId }: ResyncStart): void {
  const { epoch } = turn.state.record;
  const source = side === 'source' ? turn.state.self.nodeId : turn.state.self.peerId;
  const effect = turn.wish(
    {
      kind: 'start-resync',
      side,
      session,
      full,
      epoch,
      ...(copyId === undefined ? {} : { copyId }),
    },
    { kind: 'sync-start', epoch, full, source },
  );
  turn.patch({ resync: { effect, session, side, full } });
}

/** The session of the resync is over: the source serves on alone, the target is of no use until they meet again. */
export function interruptResync(turn: Turn, detail: string): void {
  const { state } = turn;
  const { mode, record, resync, saving, operation } = state;
  const because = { kind: 'sync-interrupted', epoch: record.epoch, detail } as const;
  if (resync !== undefined) turn.wish({ kind: 'stop-resync' }, because);
  turn.patch({ resync: undefined, operation: undefined });
  turn.report('warning', because);
  if (mode === 'syncTarget') {
    turn.patch({ mode: 'fenced' });
    turn.setGate(because);
    return;
  }
  if (mode !== 'syncSource') return;
  // The mirror's record is on its way to the disk: nobody can say which one will stand there. Wait, with I/O held as it is.
  if (saving?.then.kind === 'mirrored') return;
  turn.patch({
    mode: 'standalone',
    entitledBy: state.entitledBy ?? 'own-record',
    loss: { at: turn.at, cause: 'disconnected' },
  });
  turn.setGate(because, operation?.kind === 'draining');
  if (saving === undefined && ownedBySelf(record)) {
    turn.save(
      nextRecord(state, { owner: state.self.nodeId, mode: 'standalone' }),
      { kind: 'noted' },
      because,
    );
  }
}
