import type { Millis } from '../../kernel/time.js';
import { coordinatorOf } from './election.js';
import { mediatorsOf, neededModels } from './fault.js';
import type { MediatorFallbackReason } from './reasons.js';
import type { MediatorFallbackState } from './state.js';
import type { Turn } from './turn.js';
import type { FaultPartition, MediationAnswer, MediatorFallbackMessage } from './types.js';

type Message<Kind extends MediatorFallbackMessage['kind']> = Extract<MediatorFallbackMessage, { kind: Kind }>;

/** A member's copy is complete again: the mediators in use hear of it first, then the own disk, then the member. */
export function onSynced(turn: Turn, nodeId: string): void {
  const { record, returning, self, fault, inSync, reports } = turn.state;
  const { partition, standing } = record;
  // One may have been on the side that was granted, and have given up before it heard so: it is of the partition and takes no part.
  const takesPart = standing !== 'survivor' && partition.members.includes(nodeId) && inSync.includes(nodeId);
  const mayTake = standing !== 'detached' && fault === undefined && returning === undefined;
  if (takesPart || !mayTake || !self.members.includes(nodeId)) {
    turn.absorb('member-synced', 'this member does not go on without it');
    return;
  }
  const members = self.members.filter((node) => partition.members.includes(node) || node === nodeId);
  const report = reports[nodeId];
  if (report === undefined) {
    // It has not said yet which generation it knows: its report is on its way.
    turn.patch({ synced: nodeId });
    return;
  }
  // It may know a higher one than this member: one of a group that was formed anew and never came to be.
  const generation = Math.max(partition.generation, report.generation) + 1;
  // Whoever goes on with this member hears of it as well: by an old generation it would be denied in the next fault.
  const others = members.filter((node) => node !== self.nodeId && (node === nodeId || inSync.includes(node)));
  begin(turn, { generation, members }, others, []);
}

function begin(
  turn: Turn,
  partition: FaultPartition,
  waiting: readonly string[],
  granted: readonly string[],
): void {
  turn.patch({
    returning: { partition, waiting, granted, saidAt: turn.at - turn.state.self.timing.mediateRetryMs },
  });
}

/**
 * All are in contact again. When somebody has called a mediator, its word may lie there: the group is formed anew two generations
 * up, where no late word can match, and nobody serves before all have written that down.
 */
export function onFaultOver(turn: Turn, asked: boolean): void {
  const { fault, record, self, inSync } = turn.state;
  if (fault === undefined || record.standing === 'detached') {
    turn.absorb('fault-over', 'no fault is open here');
    return;
  }
  const because = { kind: 'fault-over', members: record.partition.members } as const;
  if (!asked && fault.tries === 0) {
    turn.patch({ fault: undefined });
    turn.wish({ kind: 'resume', partition: record.partition }, because);
    return;
  }
  if (coordinatorOf(turn.state) !== self.nodeId) return;
  const { generation, members } = record.partition;
  const models = mediatorsOf(neededModels(record));
  // An answer to an older question comes too late: what it granted has been left behind.
  const { call: _call, ...rest } = fault;
  turn.patch({ fault: { ...rest, granted: [] } });
  // Not asked of the mediators: they may be away, and are told by the duty below when they are back.
  begin(
    turn,
    { generation: generation + 2, members },
    inSync.filter((node) => node !== self.nodeId),
    models,
  );
}

/** The next step of a return. */
export function returnIfDue(turn: Turn): void {
  const { state } = turn;
  const { returning, record, saving, self } = state;
  if (returning === undefined || saving !== undefined || returning.call !== undefined) return;
  const isWritten = record.partition.generation === returning.partition.generation;
  if (isWritten) {
    if (returning.waiting.length > 0 && turn.at >= returning.saidAt + self.timing.proposeIntervalMs)
      sayReadmit(turn);
    return;
  }
  if (turn.at < returning.saidAt + self.timing.mediateRetryMs) return;
  const next = mediatorsOf(neededModels(record)).find((id) => !returning.granted.includes(id));
  if (next !== undefined) {
    const from = record.partition.generation;
    const call = turn.wish(
      { kind: 'mediate', mediator: next, from, to: returning.partition },
      { kind: 'mediation-asked', mediator: next, from, tries: 1 },
    );
    turn.patch({ returning: { ...returning, call, saidAt: turn.at } });
    return;
  }
  turn.save(
    { partition: returning.partition, standing: 'member' },
    { kind: 'readmitted', node: returning.waiting.join(', '), generation: returning.partition.generation },
  );
}

export function onReturnMediated(turn: Turn, answer: MediationAnswer): void {
  const { returning, record } = turn.state;
  if (returning === undefined) return;
  const { call: _call, ...rest } = returning;
  const next = mediatorsOf(neededModels(record)).find((id) => !returning.granted.includes(id));
  const granted = answer.kind === 'granted' && next !== undefined ? [...rest.granted, next] : rest.granted;
  const { mediateRetryMs } = turn.state.self.timing;
  const saidAt = answer.kind === 'granted' ? turn.at - mediateRetryMs : turn.at;
  turn.patch({ returning: { ...rest, granted, saidAt } });
  if (granted !== rest.granted && next !== undefined)
    turn.patch({ enrolled: { mediator: next, generation: returning.partition.generation } });
}

/** From this write on the loss of the returned member is a fault like any other. */
export function onReturnDurable(turn: Turn, because: MediatorFallbackReason): void {
  const { returning, record, fault } = turn.state;
  if (returning === undefined) return;
  turn.patch({ inSync: record.partition.members });
  if (fault === undefined) {
    for (const nodeId of returning.waiting)
      turn.wish({ kind: 'readmitted', nodeId, partition: record.partition }, because);
  }
  sayReadmit(turn);
}

function sayReadmit(turn: Turn): void {
  const { returning, record } = turn.state;
  if (returning === undefined) return;
  const { partition, current } = record;
  for (const to of returning.waiting) {
    turn.send(
      to,
      { kind: 'readmit', partition, current },
      { kind: 'readmitted', node: to, generation: partition.generation },
    );
  }
  turn.patch({ returning: { ...returning, saidAt: turn.at } });
}

export function onReadmit(turn: Turn, from: string, { partition, current }: Message<'readmit'>): void {
  const { record, saving, self } = turn.state;
  const { generation } = partition;
  const confirm = (): void =>
    turn.send(
      from,
      { kind: 'readmitted', generation },
      { kind: 'readmitted', node: self.nodeId, generation },
    );
  if (record.partition.generation === generation && record.standing === 'member') {
    confirm();
    return;
  }
  const isLater = generation > record.partition.generation;
  if (
    saving !== undefined ||
    // A survivor follows those it goes on with, and nobody else.
    (record.standing === 'survivor' && !record.partition.members.includes(from)) ||
    !isLater ||
    !partition.members.includes(self.nodeId)
  ) {
    turn.absorb(
      'message readmit',
      `generation ${String(record.partition.generation)} stands here as ${record.standing}`,
    );
    return;
  }
  const { pending } = record;
  const newest = current.version > record.current.version ? current : record.current;
  const stays = pending !== undefined && pending.version > newest.version ? pending : undefined;
  turn.save(
    {
      partition,
      standing: 'member',
      current: newest,
      pending: stays,
      highest: Math.max(record.highest, newest.version),
    },
    { kind: 'readmitted', node: self.nodeId, generation },
  );
}

export function onReadmittedHere(turn: Turn, because: MediatorFallbackReason): void {
  const { record, self, connected } = turn.state;
  const { partition } = record;
  turn.patch({ fault: undefined, inSync: partition.members });
  turn.wish({ kind: 'readmitted', nodeId: self.nodeId, partition }, because);
  for (const to of connected)
    turn.send(to, { kind: 'readmitted', generation: partition.generation }, because);
}

export function onReadmittedThere(turn: Turn, from: string, { generation }: Message<'readmitted'>): void {
  const { returning, record, fault } = turn.state;
  if (returning?.partition.generation !== generation || !returning.waiting.includes(from)) {
    turn.absorb('message readmitted', 'no return of that member is open');
    return;
  }
  const waiting = returning.waiting.filter((node) => node !== from);
  if (waiting.length > 0) {
    turn.patch({ returning: { ...returning, waiting } });
    return;
  }
  turn.patch({ returning: undefined });
  if (fault === undefined || record.partition.generation !== generation) return;
  turn.patch({ fault: undefined });
  turn.wish(
    { kind: 'resume', partition: record.partition },
    { kind: 'fault-over', members: record.partition.members },
  );
}

export function returnDueAt({ returning, self, saving }: MediatorFallbackState): Millis | undefined {
  if (returning === undefined || saving !== undefined || returning.call !== undefined) return undefined;
  return returning.saidAt + Math.max(self.timing.mediateRetryMs, self.timing.proposeIntervalMs);
}

/** A mediator that is counted on has to know the present generation, or it would deny everybody when it is needed. */
export function enrolIfDue(turn: Turn): void {
  const due = enrolDueAt(turn.state);
  if (due === undefined || turn.at < due) return;
  const { record, self } = turn.state;
  const { model } = record.current;
  if (model.kind !== 'mediator') return;
  const { partition } = record;
  const effect = turn.wish(
    { kind: 'enrol', mediator: model.id, partition },
    { kind: 'enrol', mediator: model.id, generation: partition.generation },
  );
  turn.patch({
    enrolment: { effect, generation: partition.generation },
    enrolAt: turn.at + self.timing.mediateRetryMs,
  });
}

export function enrolDueAt(state: MediatorFallbackState): Millis | undefined {
  const { record, enrolled, fault, saving, enrolAt, returning, self } = state;
  const { model } = record.current;
  const isIdle = fault === undefined && saving === undefined && returning === undefined;
  if (model.kind !== 'mediator' || !isIdle || record.standing === 'detached') return undefined;
  if (coordinatorOf(state) !== self.nodeId) return undefined;
  const isKnown = enrolled?.mediator === model.id && enrolled.generation === record.partition.generation;
  return isKnown ? undefined : enrolAt;
}

export function onEnrolmentAnswer(turn: Turn, answer: MediationAnswer): void {
  const { enrolment, record } = turn.state;
  if (enrolment === undefined) return;
  const { model } = record.current;
  const isKnown = answer.kind === 'granted' && model.kind === 'mediator';
  turn.patch({
    enrolment: undefined,
    ...(isKnown ? { enrolled: { mediator: model.id, generation: enrolment.generation } } : {}),
  });
}
