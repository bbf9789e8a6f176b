import type { Millis } from '../../kernel/time.js';
import { coordinatorOf, sameModel, wantedModel } from './election.js';
import { modelWords } from './reasons.js';
import type { MediatorFallbackState } from './state.js';
import type { Turn } from './turn.js';
import type { MediatorFallbackMessage, NumberedModel } from './types.js';

type Message<Kind extends MediatorFallbackMessage['kind']> = Extract<MediatorFallbackMessage, { kind: Kind }>;

/** Everybody who has to promise: all that take part, in contact, and none of them in a fault. */
export function mayAgree(state: MediatorFallbackState): boolean {
  const { self, inSync, connected, fault, record, returning } = state;
  if (fault !== undefined || record.standing === 'detached' || returning !== undefined) return false;
  return (
    inSync.includes(self.nodeId) && inSync.every((node) => node === self.nodeId || connected.includes(node))
  );
}

function isCoordinator(state: MediatorFallbackState): boolean {
  return coordinatorOf(state) === state.self.nodeId;
}

/** The coordinator begins: what may have been agreed on is finished first, since nobody knows who relies on it. */
export function proposeIfWanted(turn: Turn): void {
  const { state } = turn;
  const { record, proposal, saving } = state;
  if (saving !== undefined || proposal !== undefined || !mayAgree(state) || !isCoordinator(state)) return;
  const { pending } = record;
  if (pending !== undefined) {
    openProposal(turn, pending.version, false);
    turn.report('info', { kind: 'unfinished', version: pending.version });
    return;
  }
  const wanted = wantedModel(state);
  if (wanted === undefined) return;
  const version = record.highest + 1;
  turn.report('warning', wanted.because);
  turn.patch({ proposal: { ...emptyProposal(turn.at, version), own: true } });
  const numbered = { version, model: wanted.model };
  turn.save(
    { pending: numbered, highest: version },
    { kind: 'promised', version, model: wanted.model, current: record.current.model },
  );
}

function emptyProposal(at: Millis, version: number) {
  return { version, acks: [], since: at, saidAt: at, own: false, enrolled: false, enrolAt: at } as const;
}

function openProposal(turn: Turn, version: number, own: boolean): void {
  turn.patch({ proposal: { ...emptyProposal(turn.at, version), own } });
  sayProposal(turn);
}

/** Says it to all who have not answered. */
export function sayProposal(turn: Turn): void {
  const { record, proposal, inSync, self } = turn.state;
  const { pending, current } = record;
  if (proposal === undefined || pending?.version !== proposal.version) return;
  const why = `in place of ${modelWords(current.model)}`;
  for (const to of inSync) {
    if (to === self.nodeId || proposal.acks.includes(to)) continue;
    turn.send(
      to,
      { kind: 'propose', proposed: pending, base: current },
      { kind: 'proposed', version: pending.version, model: pending.model, members: inSync.length, why },
    );
  }
  turn.patchProposal({ saidAt: turn.at });
}

/** A member promises: on its disk before it says so. */
export function onPropose(turn: Turn, from: string, { proposed, base }: Message<'propose'>): void {
  const { state } = turn;
  const { record } = state;
  if (state.fault !== undefined || state.saving !== undefined || record.standing === 'detached') {
    turn.absorb('message propose', 'this member cannot promise now; it is asked again');
    return;
  }
  if (coordinatorOf(state) !== from) {
    turn.absorb('message propose', `${from} is not the coordinator here`);
    return;
  }
  const ack = (): void =>
    turn.send(from, { kind: 'ack', version: proposed.version }, promised(proposed, base));
  const isHere = (numbered: NumberedModel | undefined): boolean =>
    numbered?.version === proposed.version && sameModel(numbered.model, proposed.model);
  if (isHere(record.current)) {
    ack();
    return;
  }
  const current = base.version > record.current.version ? base : record.current;
  if (isHere(record.pending) && current === record.current) {
    notOwn(turn, proposed.version);
    ack();
    return;
  }
  const isBehind = record.current.version > base.version;
  if (isBehind || (!isHere(record.pending) && proposed.version <= record.highest)) {
    turn.send(
      from,
      { kind: 'refuse', version: proposed.version, highest: record.highest, current: record.current },
      { kind: 'refused', version: proposed.version, highest: record.highest },
    );
    return;
  }
  notOwn(turn, proposed.version);
  turn.save(
    { current, pending: proposed, highest: Math.max(record.highest, proposed.version) },
    promised(proposed, current),
  );
}

function promised(proposed: NumberedModel, current: NumberedModel) {
  return {
    kind: 'promised',
    version: proposed.version,
    model: proposed.model,
    current: current.model,
  } as const;
}

/** Promised to somebody else: that one may have agreed on it meanwhile, so this member can never take it back by itself. */
function notOwn(turn: Turn, version: number): void {
  if (turn.state.proposal?.version === version) turn.patchProposal({ own: false });
}

export function onAck(turn: Turn, from: string, { version }: Message<'ack'>): void {
  const { proposal } = turn.state;
  if (proposal?.version !== version || proposal.acks.includes(from)) {
    turn.absorb('message ack', 'no such promise is waited for');
    return;
  }
  turn.patchProposal({ acks: [...proposal.acks, from] });
}

/** Somebody has seen a higher number. What was never agreed on can be given up; the next proposal has a higher one. */
export function onRefuse(turn: Turn, { version, highest, current }: Message<'refuse'>): void {
  const { proposal, record, saving } = turn.state;
  if (proposal?.version !== version || saving !== undefined) {
    turn.absorb('message refuse', 'no such promise is waited for');
    return;
  }
  turn.patch({ proposal: undefined });
  turn.save(
    {
      pending: undefined,
      current: current.version > record.current.version ? current : record.current,
      highest: Math.max(record.highest, highest),
    },
    { kind: 'refused', version, highest },
  );
}

function isPromised(state: MediatorFallbackState): boolean {
  const { proposal, inSync, self } = state;
  const isByAll = inSync.every((node) => node === self.nodeId || proposal?.acks.includes(node) === true);
  return isByAll && mayAgree(state) && isCoordinator(state);
}

/** When a mediator is to be told again. Only what would happen is waited for: a tick that changes nothing would never end. */
export function enrolmentDueAt(state: MediatorFallbackState): Millis | undefined {
  const { proposal, record, saving } = state;
  const { pending } = record;
  if (saving !== undefined || proposal === undefined || pending?.version !== proposal.version)
    return undefined;
  const isOpen = pending.model.kind === 'mediator' && !proposal.enrolled && proposal.enrol === undefined;
  return isOpen && isPromised(state) ? proposal.enrolAt : undefined;
}

/** All have promised: the coordinator's own disk makes it so. A mediator is told first how the group stands. */
export function commitIfPromised(turn: Turn): void {
  const { state } = turn;
  const { proposal, record, inSync, saving } = state;
  const { pending } = record;
  if (saving !== undefined || proposal === undefined || pending?.version !== proposal.version) return;
  if (!isPromised(state)) return;
  if (pending.model.kind === 'mediator' && !proposal.enrolled) {
    if (proposal.enrol === undefined && turn.at >= proposal.enrolAt) enrol(turn, pending.model.id);
    return;
  }
  turn.save(
    { current: pending, pending: undefined },
    { kind: 'agreed', version: pending.version, model: pending.model, members: inSync },
  );
}

function enrol(turn: Turn, mediator: string): void {
  const { partition } = turn.state.record;
  const because = { kind: 'enrol', mediator, generation: partition.generation } as const;
  turn.patchProposal({ enrol: turn.wish({ kind: 'enrol', mediator, partition }, because) });
}

export function onEnrolled(turn: Turn, isGranted: boolean): void {
  const { proposal, self, record } = turn.state;
  if (proposal === undefined) return;
  const { enrol: _enrol, ...rest } = proposal;
  const { pending, partition } = record;
  if (isGranted && pending?.model.kind === 'mediator')
    turn.patch({ enrolled: { mediator: pending.model.id, generation: partition.generation } });
  turn.patch({
    proposal: { ...rest, enrolled: isGranted, enrolAt: turn.at + self.timing.proposeIntervalMs },
  });
}

/** The coordinator has it on its disk: from now on it alone counts there. */
export function onCommitted(turn: Turn): void {
  const { inSync, self, record, proposal } = turn.state;
  const { version, model } = record.current;
  turn.report('warning', { kind: 'agreed', version, model, members: inSync });
  turn.patch({
    proposal: undefined,
    idleSince: undefined,
    unconfirmed: inSync.filter((node) => node !== self.nodeId),
  });
  if (proposal !== undefined) sayCommit(turn);
}

export function sayCommit(turn: Turn): void {
  for (const to of turn.state.unconfirmed) sayCommitTo(turn, to);
  turn.patch({ commitSaidAt: turn.at });
}

export function sayCommitTo(turn: Turn, to: string): void {
  const { record, inSync } = turn.state;
  const { version, model } = record.current;
  turn.send(
    to,
    { kind: 'commit', committed: record.current },
    { kind: 'agreed', version, model, members: inSync },
  );
}

export function onCommit(turn: Turn, from: string, { committed }: Message<'commit'>): void {
  const { record, saving, inSync } = turn.state;
  if (record.current.version >= committed.version) {
    turn.send(
      from,
      { kind: 'committed', version: committed.version },
      { kind: 'agreed', version: committed.version, model: committed.model, members: inSync },
    );
    return;
  }
  if (saving !== undefined || record.standing === 'detached') {
    turn.absorb('message commit', 'a record is being written; it is said again');
    return;
  }
  const { pending } = record;
  const stays = pending !== undefined && pending.version > committed.version ? pending : undefined;
  turn.patch({ proposal: undefined });
  turn.save(
    { current: committed, pending: stays, highest: Math.max(record.highest, committed.version) },
    { kind: 'agreed', version: committed.version, model: committed.model, members: inSync },
  );
}

export function onConfirmed(turn: Turn, from: string, { version }: Message<'committed'>): void {
  if (version === turn.state.record.current.version && turn.state.unconfirmed.includes(from))
    turn.patch({ unconfirmed: turn.state.unconfirmed.filter((node) => node !== from) });
  else turn.absorb('message committed', 'no such confirmation is waited for');
}

export function onAbort(turn: Turn, from: string, { version }: Message<'abort'>): void {
  const { record, saving } = turn.state;
  if (record.pending?.version !== version || saving !== undefined || coordinatorOf(turn.state) !== from) {
    turn.absorb('message abort', 'no such promise stands');
    return;
  }
  turn.save(
    { pending: undefined },
    {
      kind: 'aborted',
      version,
      answered: 0,
      wanted: turn.state.inSync.length,
      afterMs: 0,
    },
  );
}

/** Too long without all promises: taken back where nobody else can have agreed on it, else simply said again. */
export function abortIfLate(turn: Turn): void {
  const { proposal, record, saving, self, inSync } = turn.state;
  if (proposal === undefined || saving !== undefined || record.pending?.version !== proposal.version) return;
  if (!proposal.own || turn.at < proposal.since + self.timing.proposeTimeoutMs) return;
  const because = {
    kind: 'aborted',
    version: proposal.version,
    answered: proposal.acks.length,
    wanted: inSync.length - 1,
    afterMs: turn.at - proposal.since,
  } as const;
  turn.patch({ proposal: undefined });
  turn.report('warning', because);
  turn.save({ pending: undefined }, because);
}

export function agreeDueAt(state: MediatorFallbackState): Millis | undefined {
  const { proposal, self, unconfirmed, commitSaidAt, saving, connected } = state;
  const due: Millis[] = [];
  const { proposeIntervalMs, proposeTimeoutMs } = self.timing;
  if (proposal !== undefined && saving === undefined) {
    due.push(proposal.saidAt + proposeIntervalMs);
    if (proposal.own) due.push(proposal.since + proposeTimeoutMs);
  }
  if (unconfirmed.some((node) => connected.includes(node))) due.push(commitSaidAt + proposeIntervalMs);
  return due.length === 0 ? undefined : Math.min(...due);
}

export function sayAgainIfDue(turn: Turn): void {
  const { proposal, self, unconfirmed, commitSaidAt, saving } = turn.state;
  const { proposeIntervalMs } = self.timing;
  if (proposal !== undefined && saving === undefined && turn.at >= proposal.saidAt + proposeIntervalMs)
    sayProposal(turn);
  if (unconfirmed.length > 0 && turn.at >= commitSaidAt + proposeIntervalMs) sayCommit(turn);
}
