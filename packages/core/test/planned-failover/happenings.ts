import {
  plannedFailoverClaim,
  type PlannedFailoverCommand,
  type PlannedFailoverEffect,
} from '../../src/index.js';
import { Draft, finish, newer, takeTask } from './draft.js';
import { ids, other, type Id, type Packet, type Setting, type System } from './model.js';
import { initial } from './begin.js';

export function apply(system: System, choice: string, setting: Setting): System {
  const [verb = '', where = '', ...rest] = choice.split(' ');
  const detail = rest.join(' ');
  const draft = new Draft(system, setting);
  const handler = happenings[verb];
  if (handler === undefined) throw new Error(`nothing is called "${choice}"`);
  handler(draft, where === 'b' ? 'b' : 'a', detail);
  for (const id of ids) openIfStopped(draft, id);
  return draft.system;
}

/** Who holds survivorship opens once the peer has stopped for certain: its lease has run out, or it is down. */
function openIfStopped(draft: Draft, id: Id): void {
  const { up, owner, alone, state } = draft.node(id);
  const peer = draft.node(other(id));
  const peerStopped = !peer.up || peer.state.standing.service !== 'mirrored';
  if (!up || !owner || alone || !peerStopped || state.standing.service !== 'interrupted') return;
  draft.log(`${id} serves alone`);
  draft.setNode(id, { alone: true });
  const { inFlight } = draft.system;
  if (inFlight?.by !== id) return;
  const { inFlight: _done, ...rest } = draft.system;
  draft.system = { ...rest, acknowledged: draft.node(id).writes };
}

type Happening = (draft: Draft, id: Id, detail: string) => void;

function take(draft: Draft, id: Id): Packet | undefined {
  const [packet, ...rest] = draft.system.toward[id];
  draft.set({ toward: { ...draft.system.toward, [id]: rest } });
  return packet;
}

function deliver(draft: Draft, id: Id, packet: Packet | undefined): void {
  if (packet !== undefined && draft.node(id).session === packet.session)
    draft.dispatch(id, { kind: 'peer-message', session: packet.session, message: packet.message });
}

function refuse(draft: Draft, id: Id, task: PlannedFailoverEffect): void {
  const effect = task.id;
  const obstacles = [{ member: 'log', detail: 'a volume move is running' }];
  if (task.kind === 'check') draft.dispatch(id, { kind: 'checked', effect, obstacles });
  else draft.dispatch(id, { kind: 'made-ready', effect, ready: ['data'], obstacles: [] });
}

function crash(draft: Draft, id: Id, landed: boolean): void {
  const { tasks } = draft.node(id);
  const persist = tasks.find((task) => task.kind === 'persist');
  if (landed && persist !== undefined) draft.store(id, persist.record);
  const { inFlight } = draft.system;
  draft.setNode(id, { up: false, tasks: [], alone: false, session: undefined, changed: true });
  draft.set({ toward: { ...draft.system.toward, [id]: [] } });
  if (inFlight?.by === id) {
    const { inFlight: _lost, ...rest } = draft.system;
    draft.system = rest;
  }
  draft.spend('crashes');
}

function restart(draft: Draft, id: Id): void {
  const node = draft.node(id);
  const incarnation = node.incarnation + 1;
  const state = initial(draft.setting, id, incarnation, node.disk, node.at);
  draft.setNode(id, { up: true, incarnation, state });
  draft.dispatch(id, { kind: 'tick' });
}

function claimOf(draft: Draft, id: Id, prefix: string): { epoch: number; lineageId: string } {
  const { state, disk } = draft.node(id);
  const epoch = disk.roles.epoch + 1;
  return (
    (draft.setting.claim ?? plannedFailoverClaim)(state) ?? { epoch, lineageId: `${prefix}${String(epoch)}` }
  );
}

function own(draft: Draft, id: Id, epoch: number, lineageId: string): void {
  const { disk } = draft.node(id);
  const roles = { epoch, lineageId, sequencer: id, preferred: disk.roles.preferred };
  draft.setNode(id, { disk: { ...disk, roles }, owner: true, changed: true });
  draft.standing(id, { service: 'interrupted', ...roles, owner: id });
}

function ask(draft: Draft, id: Id): void {
  const { disk, owner } = draft.node(id);
  const { witness } = draft.system;
  draft.setNode(id, { changed: true });
  if (owner) {
    if (witness.owner === id && witness.epoch === disk.roles.epoch)
      own(draft, id, disk.roles.epoch, disk.roles.lineageId);
    return;
  }
  const claim = claimOf(draft, id, `w${id}`);
  const isFree = witness.owner === undefined && witness.epoch < claim.epoch;
  const isMine = witness.owner === id && witness.epoch === claim.epoch;
  if (!isFree && !isMine) return;
  draft.set({ witness: { epoch: claim.epoch, owner: id, lineageId: claim.lineageId } });
  own(draft, id, claim.epoch, claim.lineageId);
}

function learn(draft: Draft, id: Id): void {
  const { epoch, lineageId } = draft.system.witness;
  const { disk } = draft.node(id);
  const roles = { epoch, lineageId, sequencer: other(id), preferred: disk.roles.preferred };
  draft.setNode(id, { disk: { ...disk, roles: newer(disk.roles, roles) }, changed: true });
  draft.standing(id, { service: 'interrupted', ...roles, owner: other(id) });
}

/** What fault handling does when the two talk again: resume where nothing has changed, else form the mirror anew, two epochs up. */
function meet(draft: Draft): void {
  const { nodes } = draft.system;
  const owner = ids.find((id) => nodes[id].owner);
  const [one, two] = [nodes.a.disk.roles, nodes.b.disk.roles];
  const isSame = one.epoch === two.epoch && one.lineageId === two.lineageId;
  if (owner === undefined && isSame && !nodes.a.changed && !nodes.b.changed) {
    for (const id of ids) draft.standing(id, { service: 'mirrored' });
    return;
  }
  const newest = one.epoch >= two.epoch ? one : two;
  const sequencer = owner ?? newest.sequencer;
  const holder = one.epoch === two.epoch ? newest.sequencer : newest === one ? 'a' : 'b';
  const source = nodes[owner ?? (holder === 'a' ? 'a' : 'b')];
  const epoch = newest.epoch + 2;
  const roles = { epoch, lineageId: `r${String(epoch)}`, sequencer, preferred: newest.preferred };
  const { inFlight: _gone, ...rest } = draft.system;
  draft.system = rest;
  for (const id of ids) {
    const { disk } = draft.node(id);
    draft.setNode(id, {
      disk: { ...disk, roles },
      writes: source.writes,
      owner: false,
      alone: false,
      changed: false,
    });
  }
  draft.set({ witness: { epoch, lineageId: roles.lineageId } });
  for (const id of ids) draft.standing(id, { service: 'mirrored', ...roles });
}

const happenings: Readonly<Record<string, Happening>> = {
  result: (draft, id, index) => finish(draft, id, takeTask(draft, id, index)),
  refuse: (draft, id, index) => {
    draft.spend('refusals');
    refuse(draft, id, takeTask(draft, id, index));
  },
  fail: (draft, id, index) => {
    draft.spend('storeFailures');
    const { id: effect } = takeTask(draft, id, index);
    draft.dispatch(id, { kind: 'persist-failed', effect, detail: 'EIO' });
  },
  'fail-landed': (draft, id, index) => {
    draft.spend('storeFailures');
    const task = takeTask(draft, id, index);
    if (task.kind === 'persist') draft.store(id, task.record);
    draft.dispatch(id, { kind: 'persist-failed', effect: task.id, detail: 'EIO' });
  },
  deliver: (draft, id) => deliver(draft, id, take(draft, id)),
  drop: (draft, id) => {
    draft.spend('drops');
    take(draft, id);
  },
  repeat: (draft, id) => {
    draft.spend('repeats');
    deliver(draft, id, draft.system.toward[id][0]);
  },
  swap: (draft, id) => {
    draft.spend('repeats');
    const [one, two, ...rest] = draft.system.toward[id];
    if (one !== undefined && two !== undefined)
      draft.set({ toward: { ...draft.system.toward, [id]: [two, one, ...rest] } });
  },
  tick: (draft, id) => {
    const node = draft.node(id);
    draft.setNode(id, { at: Math.max(node.at, draft.setting.policy.wakeAt(node.state) ?? node.at) });
    draft.dispatch(id, { kind: 'tick' });
  },
  expire: (draft, id) => {
    draft.spend('timeouts');
    const { rollbackTimeoutMs } = draft.setting.timing;
    draft.setNode(id, { at: draft.node(id).at + rollbackTimeoutMs });
    draft.dispatch(id, { kind: 'tick' });
  },
  crash: (draft, id) => crash(draft, id, false),
  'crash-landed': (draft, id) => crash(draft, id, true),
  restart,
  start: (draft, id) => {
    draft.spend('starts');
    const operationId = `move-${String(draft.system.budget.starts)}`;
    draft.dispatch(id, { kind: 'command', commandId: 'c', command: { kind: 'start', operationId } });
  },
  command: (draft, id, text) => {
    const command = JSON.parse(text) as PlannedFailoverCommand;
    draft.dispatch(id, { kind: 'command', commandId: 'c', command });
  },
  abort: (draft, id) => {
    draft.spend('aborts');
    const operationId = draft.node(id).state.record.operation?.operationId ?? '';
    draft.dispatch(id, { kind: 'command', commandId: 'd', command: { kind: 'abort', operationId } });
  },
  lose: (draft, id) => {
    const { session, state } = draft.node(id);
    draft.setNode(id, { session: undefined });
    draft.set({ toward: { ...draft.system.toward, [id]: [] } });
    draft.dispatch(id, { kind: 'peer-disconnected', session: session ?? 0, cause: 'connection lost' });
    if (state.standing.service === 'mirrored') draft.standing(id, { service: 'interrupted' });
  },
  ask,
  learn,
  elect: (draft, id) => {
    const { epoch, lineageId } = claimOf(draft, id, `p${id}`);
    own(draft, id, epoch, lineageId);
  },
  write: (draft, id) => {
    draft.spend('writes');
    const { writes, state } = draft.node(id);
    draft.setNode(id, { writes: writes + 1 });
    draft.set({ inFlight: { by: id, epoch: state.record.roles.epoch } });
  },
  'write-alone': (draft, id) => {
    draft.spend('writes');
    const writes = draft.node(id).writes + 1;
    draft.setNode(id, { writes });
    draft.set({ acknowledged: writes });
  },
  applied: (draft) => {
    const { inFlight, ...rest } = draft.system;
    if (inFlight === undefined) return;
    const { writes } = draft.node(inFlight.by);
    draft.system = { ...rest, acknowledged: writes };
    draft.setNode(other(inFlight.by), { writes });
  },
  rejected: (draft) => {
    const { inFlight: _lost, ...rest } = draft.system;
    draft.system = rest;
  },
  cut: (draft) => {
    draft.spend('cuts');
    draft.set({ linkUp: false });
  },
  heal: (draft) => draft.set({ linkUp: true }),
  connect: (draft) => {
    const session = draft.system.sessions + 1;
    draft.set({ sessions: session, toward: { a: [], b: [] } });
    for (const id of ids) draft.setNode(id, { session });
    for (const id of ids) {
      // A peer that has been restarted, or has claimed the group, mirrors no more.
      if (draft.node(other(id)).changed && draft.node(id).state.standing.service === 'mirrored')
        draft.standing(id, { service: 'interrupted' });
      draft.dispatch(id, { kind: 'peer-connected', session });
    }
  },
  meet,
  'store-fails': (draft, id) => draft.setNode(id, { storeFails: true }),
  'store-works': (draft, id) => draft.setNode(id, { storeFails: false }),
};
