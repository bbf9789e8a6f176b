import { ask, askNext, silent } from './ask.js';
import type {
  MirroringAuthorityAnswer,
  MirroringAuthorityRequest,
  MirroringFact,
  MirroringSite,
} from './types.js';
import type { Turn } from './turn.js';
import { emptyCache } from './evict.js';
import { handedOver, isHandedOver } from './failback.js';
import { granted, notGranted } from './takeover.js';
import type { MirroringReason } from './reasons.js';
import { greetAll } from './remotes.js';
import { clearSite, refuseWrites } from './writes.js';

export function onAnswer(turn: Turn, effect: string, answer: MirroringAuthorityAnswer): void {
  const { asking } = turn.state;
  if (asking?.effect !== effect) {
    turn.absorb('answer to an older question');
    return;
  }
  if (answer.kind === 'unreachable') {
    silent(turn, answer.detail);
    return;
  }
  turn.patch({ asking: undefined });
  if (answer.kind === 'granted') onGranted(turn, asking.request, answer);
  else onOwned(turn, asking.request, answer);
  askNext(turn);
}

type Granted = Extract<MirroringAuthorityAnswer, { kind: 'granted' }>;
type Owned = Extract<MirroringAuthorityAnswer, { kind: 'owned' }>;

function onGranted(turn: Turn, request: MirroringAuthorityRequest, answer: Granted): void {
  switch (request.kind) {
    case 'confirm':
      confirmed(turn, answer.epoch);
      break;
    case 'claim':
      granted(turn, answer.epoch, answer.trusted);
      break;
    case 'trust': {
      const remote = turn.owner.remotes[request.site];
      if (remote?.generation !== request.generation || remote.phase === 'lost') break;
      turn.patchRemote(request.site, { trusted: true });
      clearSite(turn, request.site);
      break;
    }
    case 'distrust':
      if (turn.owner.remotes[request.site]?.phase === 'lost') clearSite(turn, request.site);
      break;
    case 'hand-over':
      handedOver(turn, request.to, request.epoch);
      break;
  }
}

/** The record counts. What was mirrored in an earlier life is trusted by nobody any more, so writes may begin. */
function confirmed(turn: Turn, epoch: number): void {
  const { record } = turn.state;
  const because = { kind: 'confirmed', epoch } as const;
  turn.patch({ epoch });
  if (record.role !== 'owner' || record.epoch !== epoch) {
    const { groupId, nodeId } = record;
    turn.save({ version: 1, groupId, nodeId, role: 'owner', epoch }, 'owner', because);
    if (turn.guards.recordIsDurableFirst) return;
  }
  becomeOwner(turn, because);
}

/** Durable and confirmed: clients may write, and caches that wait may be filled. */
export function becomeOwner(turn: Turn, because: MirroringReason): void {
  const mode = turn.state.record.takenOver === undefined ? 'owner' : 'tookOver';
  turn.patch({ mode });
  turn.report('info', because);
  turn.setService('open', because);
  if (mode === 'owner') greetAll(turn);
}

function onOwned(turn: Turn, request: MirroringAuthorityRequest, answer: Owned): void {
  if (request.kind === 'hand-over' && isHandedOver(request, answer)) {
    handedOver(turn, request.to, request.epoch);
  } else if (request.kind === 'claim') {
    notGranted(turn, answer.owner, answer.epoch);
  } else {
    stepDown(turn, answer.owner, answer.epoch);
  }
}

/** Somebody else owns the volume: nothing is served, nobody waits, and that is written down. */
export function stepDown(turn: Turn, owner: MirroringSite, epoch: number): void {
  const because = { kind: 'owned-elsewhere', owner, epoch } as const;
  const { groupId, nodeId } = turn.state.record;
  turn.patch({
    mode: 'standby',
    epoch: Math.max(epoch, turn.state.epoch),
    watch: undefined,
    failBack: undefined,
    questions: [],
  });
  turn.setService('closed', because);
  refuseWrites(turn);
  emptyCache(turn);
  turn.patchOwner({
    remotes: {},
    greetings: {},
    batches: {},
    queue: [],
    blocks: { count: 0, pages: {} },
    mirroredBytes: 0,
    move: undefined,
    planning: undefined,
  });
  turn.report('alarm', because);
  turn.save({ version: 1, groupId, nodeId, role: 'standby', epoch: turn.state.epoch }, 'standby', because);
}

/** Somebody knows a higher epoch: until the authority has said who owns the volume, nothing is acknowledged here. */
export function doubt(turn: Turn, epoch: number): void {
  const { mode, record, epoch: own } = turn.state;
  if (epoch <= own || mode === 'standby' || mode === 'suspect' || mode === 'claiming') {
    turn.patch({ epoch: Math.max(own, epoch) });
    return;
  }
  const because = { kind: 'epoch-stale', epoch: own, ownEpoch: epoch } as const;
  turn.patch({ mode: 'starting', failBack: undefined, asking: undefined, questions: [] });
  turn.setService('closed', because);
  refuseWrites(turn);
  turn.report('alarm', because);
  ask(turn, { kind: 'confirm', epoch: record.epoch });
}

type Known = Extract<MirroringFact, { kind: 'epoch-known' }>;

/** Nobody was asked: who owns the volume has been decided without this node's doing. */
export function onEpochKnown(turn: Turn, { epoch, owner, alone }: Known): void {
  const { mode, self, epoch: own } = turn.state;
  const isServing = mode === 'owner' || mode === 'tookOver' || mode === 'failingBack';
  if (epoch < own || (isServing && owner === self.nodeId && epoch === own)) {
    turn.absorb('epoch of another time');
    return;
  }
  // Whatever was asked was asked of an earlier epoch.
  turn.patch({ asking: undefined, questions: [] });
  if (owner !== self.nodeId) {
    if (isServing || mode === 'starting') stepDown(turn, owner, epoch);
    else if (mode === 'claiming') notGranted(turn, owner, epoch);
    else turn.patch({ epoch });
    return;
  }
  if (isServing) {
    // Also copies that are proved current are served under the present epoch only, and that is written down before.
    const because = { kind: 'epoch-stale', epoch: own, ownEpoch: epoch } as const;
    turn.patch({ failBack: undefined });
    turn.setService('closed', because);
    refuseWrites(turn);
  }
  if (alone && mode !== 'owner' && mode !== 'starting') {
    turn.patch({ mode: 'claiming' });
    ask(turn, { kind: 'claim', epoch, fromEpoch: own });
    return;
  }
  if (!alone) emptyCache(turn);
  turn.patch({ mode: 'starting', watch: undefined });
  ask(turn, { kind: 'confirm', epoch });
}
