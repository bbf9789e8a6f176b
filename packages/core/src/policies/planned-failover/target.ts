import type { Millis } from '../../kernel/time.js';
import type { PlannedFailoverReason } from './reasons.js';
import { bareRecord } from './record.js';
import type { PlannedFailoverState } from './state.js';
import type { Turn } from './turn.js';
import type { PlannedFailoverMessage, PlannedFailoverObstacle } from './types.js';

type Message<Kind extends PlannedFailoverMessage['kind']> = Extract<PlannedFailoverMessage, { kind: Kind }>;

/** The source wants to give its roles away. A repeated question gets the same answer. */
export function onPrepare(turn: Turn, message: Message<'prepare'>): void {
  const { record, target, saving } = turn.state;
  const { operationId } = message;
  const { preparation } = record;
  if (preparation?.operationId === operationId && !preparation.discarded) {
    sayReady(turn);
    return;
  }
  if (target?.operationId === operationId && target.makeReady !== undefined) {
    turn.absorb('message prepare', 'getting ready is under way');
    return;
  }
  if (saving !== undefined) {
    turn.absorb('message prepare', 'a record is being written; the source asks again');
    return;
  }
  const obstacles = obstaclesAtTarget(turn.state, message);
  if (obstacles.length > 0) {
    refuse(turn, operationId, obstacles);
    return;
  }
  const because = {
    kind: 'making-ready',
    from: turn.state.self.peerId,
    members: message.members.length,
  } as const;
  const makeReady = turn.wish({ kind: 'make-ready', operationId, members: message.members }, because);
  turn.patch({ target: { operationId, since: turn.at, makeReady, caughtUp: false, saidAt: turn.at } });
}

function refuse(turn: Turn, operationId: string, obstacles: readonly PlannedFailoverObstacle[]): void {
  turn.send({ kind: 'prepare-refused', operationId, obstacles }, { kind: 'target-not-ready', obstacles });
}

function obstaclesAtTarget(
  { record, standing, self }: PlannedFailoverState,
  message: Message<'prepare'>,
): readonly PlannedFailoverObstacle[] {
  const obstacles: PlannedFailoverObstacle[] = [];
  const { roles, operation, grant } = record;
  if (standing.service !== 'mirrored') obstacles.push({ detail: `the group is ${standing.service} here` });
  if (!standing.inSync) obstacles.push({ detail: 'the copies are not in sync' });
  if (roles.epoch !== message.fromEpoch)
    obstacles.push({ detail: `the epoch is ${String(roles.epoch)} here, not ${String(message.fromEpoch)}` });
  if (roles.sequencer !== self.peerId)
    obstacles.push({ detail: `the sequencer is ${roles.sequencer} here, not ${self.peerId}` });
  if (operation !== undefined) obstacles.push({ detail: `operation ${operation.operationId} starts here` });
  if (grant !== undefined) obstacles.push({ detail: `operation ${grant.operationId} is not over` });
  if (standing.busyWith !== undefined) obstacles.push({ detail: `${standing.busyWith} holds the group` });
  return [
    ...obstacles,
    ...missing(self.members, message.members, 'is not in the group of the other node'),
    ...missing(message.members, self.members, 'is not in the group of this node'),
  ];
}

function missing(
  wanted: readonly string[],
  there: readonly string[],
  detail: string,
): readonly PlannedFailoverObstacle[] {
  return wanted.filter((member) => !there.includes(member)).map((member) => ({ member, detail }));
}

export function onMadeReady(
  turn: Turn,
  effect: string,
  ready: readonly string[],
  obstacles: readonly PlannedFailoverObstacle[],
): void {
  const { target, self } = turn.state;
  if (target?.makeReady !== effect) {
    turn.absorb('made-ready', 'nobody waits for it any more');
    return;
  }
  const all = [...obstacles, ...missing(self.members, ready, 'was not made ready')];
  if (all.length > 0) {
    turn.patch({ target: undefined });
    refuse(turn, target.operationId, all);
    return;
  }
  const { makeReady: _made, ...rest } = target;
  turn.patch({ target: { ...rest, promised: true } });
}

/** Both the source and the witness are told this lineage, so that whichever of them gives the roles gives the same epoch. */
function promise(turn: Turn): void {
  const { target, self, record } = turn.state;
  if (target === undefined) return;
  const lineagesDrawn = turn.state.lineagesDrawn + 1;
  const epoch = record.roles.epoch + 1;
  const lineageId = `${self.lineageSeed}-${String(epoch)}-${String(lineagesDrawn)}`;
  turn.patch({ lineagesDrawn });
  const preparation = {
    operationId: target.operationId,
    from: self.peerId,
    next: { epoch, lineageId },
    discarded: false,
  };
  const { promised: _promised, ...rest } = target;
  turn.patch({ target: rest });
  turn.save({ ...bareRecord(turn.state), preparation }, readyReason(turn.state, epoch));
}

function readyReason({ self }: PlannedFailoverState, epoch: number): PlannedFailoverReason {
  return { kind: 'target-ready', node: self.nodeId, epoch, members: self.members.length };
}

export function sayReady(turn: Turn): void {
  const { preparation } = turn.state.record;
  if (preparation === undefined) return;
  const { operationId, next } = preparation;
  turn.send({ kind: 'prepared', operationId, next }, readyReason(turn.state, next.epoch));
}

/** The source holds its hosts and names the last acknowledged write: hold here too, and see to it that it is on this leg. */
export function onBarrier(turn: Turn, message: Message<'barrier'>): void {
  const { record, target } = turn.state;
  const { preparation } = record;
  const { operationId, barrierSequence } = message;
  if (preparation?.operationId !== operationId || preparation.discarded || target === undefined) {
    turn.absorb('message barrier', 'no promise for this operation stands');
    return;
  }
  if (target.barrierSequence === barrierSequence) {
    if (target.caughtUp) sayReached(turn);
    return;
  }
  const because = { kind: 'barrier-awaited', barrierSequence } as const;
  turn.patchTarget({ barrierSequence, caughtUp: false, since: turn.at });
  const gate = turn.setGate(because);
  const catchUp = turn.wish({ kind: 'catch-up', barrierSequence }, because, gate === undefined ? [] : [gate]);
  turn.patchTarget({ catchUp });
}

export function onCaughtUp(turn: Turn, effect: string): void {
  const { target } = turn.state;
  if (target?.catchUp !== effect) {
    turn.absorb('caught-up', 'nobody waits for it any more');
    return;
  }
  const { catchUp: _done, ...rest } = target;
  turn.patch({ target: { ...rest, caughtUp: true } });
  sayReached(turn);
}

/** The proof for the source, and the question that follows from it, together. */
function sayReached(turn: Turn): void {
  const { target } = turn.state;
  if (target?.barrierSequence === undefined) return;
  const { operationId, barrierSequence, since } = target;
  turn.send(
    { kind: 'barrier-reached', operationId, barrierSequence },
    { kind: 'barrier-reached', barrierSequence, afterMs: turn.at - since },
  );
  askForRoles(turn);
}

export function askForRoles(turn: Turn): void {
  const { preparation } = turn.state.record;
  if (preparation === undefined) return;
  const { operationId, next, from } = preparation;
  turn.send(
    { kind: 'test-and-set', operationId, fromEpoch: next.epoch - 1 },
    { kind: 'roles-asked', from, epoch: next.epoch },
  );
  turn.patchTarget({ saidAt: turn.at });
}

/** The source has committed. The promise is kept by writing the roles down; a record on its way is waited for. */
export function onGranted(turn: Turn, message: Message<'granted'>): void {
  const { record } = turn.state;
  const { preparation, grant, roles } = record;
  if (grant?.operationId === message.operationId) {
    sayApplied(turn);
    return;
  }
  const fits =
    preparation?.operationId === message.operationId &&
    preparation.next.epoch === message.next.epoch &&
    preparation.next.lineageId === message.next.lineageId &&
    roles.epoch < message.next.epoch;
  if (fits) turn.patchTarget({ granted: true });
  else turn.absorb('message granted', `the epoch is ${String(roles.epoch)} here`);
}

export function onDenied(turn: Turn, message: Message<'denied'>): void {
  const { record, saving, target } = turn.state;
  const { operationId, underWay } = message;
  const isMine = record.preparation?.operationId === operationId || target?.operationId === operationId;
  if (!isMine || record.grant !== undefined || target?.granted === true) {
    turn.absorb('message denied', 'nothing was asked for under this operation');
    return;
  }
  if (underWay) return;
  // What is over holds no hosts, not even until that is written down: no answer can bring it back.
  if (record.preparation === undefined && saving?.record.preparation === undefined)
    turn.patch({ target: undefined });
  else turn.patchTarget({ over: true });
}

export function onDemoteDone(turn: Turn, message: Message<'demote-done'>): void {
  if (turn.state.record.grant?.operationId === message.operationId) turn.patchTarget({ confirmed: true });
  else turn.absorb('message demote-done', 'nothing waits for it');
}

/** The roles are durable here: this node orders writes as soon as the group mirrors in the new epoch. */
export function onRolesTaken(turn: Turn): void {
  const { record, standing, target } = turn.state;
  const { roles, grant } = record;
  if (grant === undefined) return;
  // Only a life that has applied everything goes on by itself. After a restart or a loss, fault handling has to say so.
  if (standing.service === 'mirrored' && standing.epoch === roles.epoch - 1 && target?.caughtUp === true)
    turn.patch({ standing: { ...standing, ...roles } });
  const because = {
    kind: 'role-taken',
    node: roles.sequencer,
    epoch: roles.epoch,
    from: grant.from,
  } as const;
  turn.setGate(because);
  wishTargetPaths(turn, because);
  turn.report('warning', because);
  sayApplied(turn);
}

/** What was held here goes first in the new order. */
export function wishTargetPaths(turn: Turn, because: PlannedFailoverReason): void {
  const { sequencer } = turn.state.record.roles;
  turn.wish({ kind: 'switch-paths', sequencer, heldRequests: 'serve' }, because);
}

export function sayApplied(turn: Turn): void {
  const { grant, roles } = turn.state.record;
  if (grant === undefined) return;
  turn.send(
    { kind: 'role-applied', operationId: grant.operationId, epoch: roles.epoch },
    { kind: 'role-taken', node: roles.sequencer, epoch: roles.epoch, from: grant.from },
  );
  turn.patchTarget({ saidAt: turn.at });
}

/** The next record of the target, if the state asks for one. */
export function advanceTarget(turn: Turn): void {
  const { record, target, standing } = turn.state;
  const { preparation, grant, roles } = record;
  if (grant !== undefined) {
    if (target?.confirmed === true || standing.epoch > roles.epoch) endGrant(turn, grant.operationId);
    return;
  }
  if (target?.promised === true && standing.service === 'mirrored') {
    promise(turn);
    return;
  }
  if (preparation === undefined) return;
  if (target?.granted === true && standing.epoch < preparation.next.epoch) {
    const { next, operationId, from } = preparation;
    const taken = { ...next, sequencer: turn.state.self.nodeId, preferred: turn.state.self.nodeId };
    turn.save(
      { ...bareRecord(turn.state), roles: taken, grant: { operationId, from } },
      { kind: 'role-taken', node: taken.sequencer, epoch: next.epoch, from },
    );
    return;
  }
  const { operationId, next } = preparation;
  if (target?.over === true || standing.epoch > roles.epoch) {
    turn.save(bareRecord(turn.state), {
      kind: 'promise-over',
      operationId,
      epoch: Math.max(standing.epoch, roles.epoch),
    });
  } else if (standing.service === 'interrupted' && !preparation.discarded) {
    turn.save(
      { ...bareRecord(turn.state), preparation: { ...preparation, discarded: true } },
      { kind: 'promise-discarded', operationId, epoch: next.epoch },
    );
  }
}

function endGrant(turn: Turn, operationId: string): void {
  const { epoch, sequencer } = turn.state.record.roles;
  const because = { kind: 'completed', operationId, to: sequencer, epoch, warnings: [] } as const;
  const last = { operationId, outcome: 'completed', epoch, because } as const;
  turn.save({ ...bareRecord(turn.state), last }, because);
}

export function targetDueAt({ record, target, session, self }: PlannedFailoverState): Millis | undefined {
  if (target === undefined || session === undefined || target.over === true) return undefined;
  const asks = record.preparation !== undefined && target.granted !== true;
  const tells = record.grant !== undefined && target.confirmed !== true;
  return asks || tells ? target.saidAt + self.timing.pollIntervalMs : undefined;
}

export function tickTarget(turn: Turn): void {
  const due = targetDueAt(turn.state);
  if (due === undefined || turn.at < due) return;
  if (turn.state.record.grant !== undefined) sayApplied(turn);
  else askForRoles(turn);
}
