import { ask } from './ask.js';
import { emptyCache } from './evict.js';
import type { Turn } from './turn.js';
import type {
  MirroringAuthorityAnswer,
  MirroringAuthorityRequest,
  MirroringEvent,
  MirroringSite,
} from './types.js';

/** Back to where the volume was: copied in full, compared, the last writes with nobody writing, and only then handed over. */
export function beginFailBack(turn: Turn, commandId: string, to: MirroringSite): void {
  const { mode, failBack } = turn.state;
  if (mode !== 'tookOver' || failBack !== undefined) {
    turn.answer(commandId, 'fail-back', false, `this node is ${mode} and has nothing to give back`);
    return;
  }
  const aboveVersion = turn.state.record.takenOver?.aboveVersion ?? 0;
  const effect = copyBack(turn, to, aboveVersion, 'copying');
  turn.patch({
    mode: 'failingBack',
    failBack: { to, commandId, phase: 'copying', effect, throughVersion: aboveVersion },
  });
}

function copyBack(turn: Turn, to: MirroringSite, aboveVersion: number, phase: string): string {
  const because = { kind: 'fail-back', to, phase, throughVersion: aboveVersion } as const;
  return turn.wish({ kind: 'copy-back', to, aboveVersion }, because);
}

export function onCopiedBack(turn: Turn, event: Extract<MirroringEvent, { kind: 'copied-back' }>): void {
  const { failBack } = turn.state;
  if (failBack?.effect !== event.effect) {
    turn.absorb('copy of another time');
    return;
  }
  const { to } = failBack;
  const throughVersion = Math.max(failBack.throughVersion, event.throughVersion);
  if (!turn.guards.copyBackIsVerified(event.verified)) {
    stopFailBack(turn, 'the two copies differ after the copy');
    return;
  }
  if (failBack.phase === 'copying') {
    const because = { kind: 'fail-back', to, phase: 'writes are held', throughVersion } as const;
    turn.setService('reads-only', because);
    const effect = turn.wish({ kind: 'hold-writes' }, because);
    turn.patch({ failBack: { ...failBack, phase: 'holding', effect, throughVersion } });
  } else {
    handOver(turn, throughVersion);
  }
}

export function onWritesHeld(turn: Turn, event: Extract<MirroringEvent, { kind: 'writes-held' }>): void {
  const { failBack } = turn.state;
  if (failBack?.effect !== event.effect || failBack.phase !== 'holding') {
    turn.absorb('hold of another time');
    return;
  }
  const { to, throughVersion } = failBack;
  if (turn.guards.copiedBackCompletely(throughVersion, event.lastVersion)) {
    handOver(turn, throughVersion);
    return;
  }
  const effect = copyBack(turn, to, throughVersion, 'the last writes');
  turn.patch({ failBack: { ...failBack, phase: 'last-copy', effect } });
}

function handOver(turn: Turn, throughVersion: number): void {
  const { failBack, epoch } = turn.state;
  if (failBack === undefined) return;
  turn.patch({ failBack: { ...failBack, phase: 'handing', effect: '', throughVersion } });
  ask(turn, { kind: 'hand-over', epoch: epoch + 1, fromEpoch: epoch, to: failBack.to });
}

/** Until ownership was handed over nothing is lost: this node goes on as before. Afterwards only the authority knows. */
export function stopFailBack(turn: Turn, detail: string): void {
  const { failBack } = turn.state;
  if (failBack === undefined || failBack.phase === 'handing') return;
  const because = { kind: 'fail-back-stopped', to: failBack.to, detail } as const;
  turn.patch({ mode: 'tookOver', failBack: undefined });
  turn.setService('open', because);
  turn.report('warning', because);
  turn.answer(failBack.commandId, 'fail-back', false, detail);
}

type HandOver = Extract<MirroringAuthorityRequest, { kind: 'hand-over' }>;

/** An earlier try was done, and its answer was lost. */
export function isHandedOver(
  request: HandOver,
  answer: Extract<MirroringAuthorityAnswer, { kind: 'owned' }>,
): boolean {
  return answer.owner === request.to && answer.epoch === request.epoch;
}

/** The other site owns the volume: this one serves nothing any more, and says so once that is durable. */
export function handedOver(turn: Turn, to: MirroringSite, epoch: number): void {
  const because = { kind: 'handed-over', to, epoch } as const;
  const { groupId, nodeId } = turn.state.record;
  const { failBack } = turn.state;
  turn.patch({ mode: 'standby', epoch, failBack: undefined });
  turn.setService('closed', because);
  emptyCache(turn);
  const persisted = turn.save(
    { version: 1, groupId, nodeId, role: 'standby', epoch },
    'handed-over',
    because,
  );
  turn.send(to, { kind: 'your-turn', epoch }, because, [persisted]);
  if (failBack !== undefined) {
    turn.answer(
      failBack.commandId,
      'fail-back',
      true,
      `${to} owns the volume from epoch ${String(epoch)} on`,
    );
  }
}

/** The volume comes back to this node, if the authority says the same. */
export function onYourTurn(turn: Turn, epoch: number): void {
  const { mode, epoch: own } = turn.state;
  if ((mode !== 'standby' && mode !== 'suspect') || epoch < own) {
    turn.absorb('turn of another time');
    return;
  }
  emptyCache(turn);
  turn.patch({ mode: 'starting', epoch, watch: undefined });
  ask(turn, { kind: 'confirm', epoch });
}
