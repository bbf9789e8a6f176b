import type { Millis } from '../kernel/time.js';
import { carryEpoch } from './carry.js';
import { withEpoch } from './fold.js';
import { isForeignOrder } from './gate.js';
import type { GroupState } from './state.js';
import type { GroupTurn } from './turn.js';
import type { GroupMessage } from './types.js';

/*
 * Who orders writes, where it changes without a fault: an agreed epoch is carried into fault handling; a redirect gives the order to
 * the target of the resync and waits until that has it on its disk; an owner that has lost such a target takes the order back. In all
 * of it the complete copy stays the owner.
 */

/** The one record has moved on by agreement: fault handling follows. */
export function carryIfDue(turn: GroupTurn): void {
  const { record, polarization, self } = turn.state;
  if (polarization.record.epoch >= record.epoch) return;
  const fromEpoch = polarization.record.epoch;
  turn.patch({ polarization: carryEpoch(polarization, record, turn.at) });
  const { epoch, sequencer, preferred, owner } = record;
  turn.report('warning', { kind: 'epoch-carried', epoch, fromEpoch, sequencer, preferred });
  turn.tell({ policy: 'ttl-polarization', fact: { kind: 'tick' } });
  if (owner === self.nodeId && sequencer !== self.nodeId) {
    turn.patch({ passing: { fromEpoch, saidAt: turn.at } });
    sayOrderPassed(turn);
  }
  if (owner === self.peerId && sequencer === self.nodeId) sayTaken(turn);
}

function sayOrderPassed(turn: GroupTurn): void {
  const { state } = turn;
  const { passing, session, record, failback } = state;
  if (passing === undefined || session === undefined) return;
  const { epoch, lineageId, sequencer } = record;
  turn.patch({ passing: { ...passing, saidAt: turn.at } });
  turn.wish(
    {
      kind: 'send',
      session,
      message: { kind: 'order-passed', epoch, lineageId, fromEpoch: passing.fromEpoch, sequencer },
    },
    { kind: 'order-passed', sequencer, epoch, outOfSyncBytes: failback?.map.outOfSyncBytes ?? 0 },
  );
}

function sayTaken(turn: GroupTurn): void {
  const { session, record, failback } = turn.state;
  if (session === undefined) return;
  const { epoch, sequencer } = record;
  turn.wish(
    { kind: 'send', session, message: { kind: 'order-taken', epoch } },
    { kind: 'order-passed', sequencer, epoch, outOfSyncBytes: failback?.map.outOfSyncBytes ?? 0 },
  );
}

export function passingDueAt({ passing, session, polarization }: GroupState): Millis | undefined {
  if (passing === undefined || session === undefined) return undefined;
  return passing.saidAt + polarization.self.timing.peerCallTimeoutMs;
}

export function sayAgainIfDue(turn: GroupTurn): void {
  const due = passingDueAt(turn.state);
  if (due !== undefined && turn.at >= due) sayOrderPassed(turn);
}

export function hearGroupMessage(turn: GroupTurn, session: number, message: GroupMessage): void {
  const { state } = turn;
  if (session !== state.session) {
    turn.absorb(`message ${message.kind}`);
    return;
  }
  const { record, polarization, self } = state;
  if (message.kind === 'order-taken') {
    if (message.epoch === record.epoch && state.passing !== undefined) turn.patch({ passing: undefined });
    else turn.absorb('message order-taken');
    return;
  }
  const { epoch, lineageId, fromEpoch, sequencer } = message;
  const isHere = record.epoch === epoch && record.lineageId === lineageId;
  const fits =
    polarization.mode === 'syncTarget' &&
    record.owner === self.peerId &&
    record.epoch === fromEpoch &&
    epoch === fromEpoch + 1 &&
    sequencer === self.nodeId;
  if (isHere && sequencer === self.nodeId) sayTaken(turn);
  else if (fits && turn.base.epoch === fromEpoch) {
    const because = {
      kind: 'order-passed',
      sequencer,
      epoch,
      outOfSyncBytes: state.failback?.map.outOfSyncBytes ?? 0,
    } as const;
    turn.write(
      withEpoch(turn.base, { epoch, lineageId, sequencer, preferred: record.preferred }),
      [],
      because,
    );
  } else turn.absorb('message order-passed');
}

/** The target that ordered the writes is lost: nothing is served before this node orders them itself, durably. */
export function takeOrderBack(turn: GroupTurn): void {
  const { state } = turn;
  const { record, polarization, self } = state;
  if (state.passing !== undefined && polarization.mode !== 'syncSource') turn.patch({ passing: undefined });
  const { base } = turn;
  if (!isForeignOrder(state) || base.epoch > record.epoch || base.sequencer === self.nodeId) return;
  const epoch = base.epoch + 1;
  const because = { kind: 'order-taken-back', from: base.sequencer, epoch } as const;
  const { preferred } = base;
  turn.write(
    withEpoch(base, { epoch, lineageId: turn.drawLineage(epoch), sequencer: self.nodeId, preferred }),
    [],
    because,
  );
  turn.report('warning', because);
}
