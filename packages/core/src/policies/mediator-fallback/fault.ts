import type { Millis } from '../../kernel/time.js';
import { coordinatorOf } from './election.js';
import type { MediatorFallbackReason } from './reasons.js';
import type { MediatorFallbackState } from './state.js';
import type { Turn } from './turn.js';
import type { FaultResponseModel, MediationAnswer, MediatorFallbackRecord } from './types.js';

/** The models that all have to be satisfied: the agreed one, and one that may have been agreed on. */
export function neededModels({ current, pending }: MediatorFallbackRecord): readonly FaultResponseModel[] {
  return pending === undefined ? [current.model] : [current.model, pending.model];
}

export function mediatorsOf(models: readonly FaultResponseModel[]): readonly string[] {
  return [...new Set(models.flatMap((model) => (model.kind === 'mediator' ? [model.id] : [])))];
}

/** Whether a side goes on by a model that needs nobody else's word. Two sides without a common member never both do. */
export function satisfies(
  model: Exclude<FaultResponseModel, { kind: 'mediator' }>,
  side: readonly string[],
): boolean {
  switch (model.kind) {
    case 'preElected':
      return side.includes(model.node);
    case 'subset':
      return model.nodes.every((node) => side.includes(node));
    case 'quorum':
      return side.reduce((sum, node) => sum + (model.votes[node] ?? 0), 0) >= model.need;
    case 'manual':
      return false;
  }
}

export function failingModel(
  state: MediatorFallbackState,
  side: readonly string[],
): FaultResponseModel | undefined {
  return neededModels(state.record).find((model) => model.kind !== 'mediator' && !satisfies(model, side));
}

export function isComplete({ inSync, self, facts }: MediatorFallbackState): boolean {
  return inSync.includes(self.nodeId) && facts.upToDate;
}

/** The group has fallen apart. Only what was promised before counts now. */
export function onFault(turn: Turn, side: readonly string[]): void {
  const { record, fault, self } = turn.state;
  if (record.standing === 'detached') {
    turn.absorb('fault', 'others go on already');
    return;
  }
  if (fault !== undefined && fault.tries > 0) {
    turn.absorb('fault', 'a mediator has been asked for the side as it was');
    return;
  }
  const since = fault?.since ?? turn.at;
  const own = side.includes(self.nodeId) ? side : [...side, self.nodeId];
  turn.patch({ proposal: undefined, returning: undefined });
  const decideAt = decideAtFor(turn.state, own, since);
  turn.patch({ fault: { since, side: own, decideAt, granted: [], tries: 0, known: {} } });
  turn.report('warning', {
    kind: 'fault-met',
    side: own,
    models: neededModels(record),
    waitMs: Math.max(0, decideAt - turn.at),
  });
}

function decideAtFor(state: MediatorFallbackState, side: readonly string[], since: Millis): Millis {
  const { self, record, startedAt, seeing } = state;
  const { nonPreferredDelayMs, startWaitMs } = self.timing;
  const afterStart = self.incarnation > 1 ? startedAt + startWaitMs : since;
  const coordinator = coordinatorOf(state);
  const goesFirst =
    coordinator === undefined ||
    side.includes(coordinator) ||
    seeing?.includes(self.nodeId) === true ||
    mediatorsOf(neededModels(record)).length === 0;
  return Math.max(afterStart, goesFirst ? since : since + nonPreferredDelayMs);
}

/**
 * Nobody is missing: there is nothing to decide. A word that one of them was given and has not heard of would be refused to all, and
 * everybody would give up.
 */
function isWhole({ partition }: MediatorFallbackRecord, side: readonly string[]): boolean {
  return partition.members.length > 1 && partition.members.every((node) => side.includes(node));
}

/** First what can be decided here, so that a side that does not go on anyway never uses up a mediator's word. */
export function decideIfDue(turn: Turn): void {
  const { state } = turn;
  const { fault, record, saving, returning } = state;
  if (fault === undefined || saving !== undefined || turn.at < fault.decideAt) return;
  // The group is whole, or being formed anew: what a mediator said before that counts for nobody.
  if (returning !== undefined || isWhole(record, fault.side)) return;
  if (fault.denied !== undefined || fault.call !== undefined || record.standing === 'detached') return;
  const failing = failingModel(state, fault.side);
  if (!isComplete(state) || failing !== undefined) {
    const model = failing ?? record.current.model;
    stayOffline(turn, false, { kind: 'model-fails', model, side: fault.side });
    return;
  }
  const models = neededModels(record);
  const next = mediatorsOf(models).find((id) => !fault.granted.includes(id));
  if (next !== undefined) {
    ask(turn, next);
    return;
  }
  const partition = { generation: nextGeneration(state), members: fault.side };
  turn.save(
    { partition, standing: 'survivor' },
    {
      kind: 'survives',
      side: fault.side,
      models,
      generation: partition.generation,
      afterMs: turn.at - fault.since,
    },
  );
}

/** Above everything that this side knows of. */
function nextGeneration({ fault, record }: MediatorFallbackState): number {
  return 1 + Math.max(record.partition.generation, ...Object.values(fault?.known ?? {}));
}

function ask(turn: Turn, mediator: string): void {
  const { fault, record } = turn.state;
  if (fault === undefined) return;
  const from = fault.known[mediator] ?? record.partition.generation;
  const to = { generation: nextGeneration(turn.state), members: fault.side };
  const tries = fault.tries + 1;
  const effect = turn.wish(
    { kind: 'mediate', mediator, from, to },
    { kind: 'mediation-asked', mediator, from, tries },
  );
  turn.patchFault({ tries, call: { effect, mediator } });
}

function stayOffline(turn: Turn, final: boolean, because: MediatorFallbackReason): void {
  const { fault } = turn.state;
  const told = `${because.kind} ${String(final)}`;
  if (fault?.told === told) return;
  turn.patchFault({ told });
  turn.wish({ kind: 'stay-offline', final }, because);
  turn.report('alarm', because);
}

export function onFaultMediated(turn: Turn, answer: MediationAnswer): void {
  const { fault, record, self } = turn.state;
  if (fault?.call === undefined) return;
  const { call, ...rest } = fault;
  const { mediator } = call;
  turn.patch({ fault: rest });
  if (answer.kind === 'granted') {
    turn.patchFault({ granted: [...fault.granted, mediator] });
    turn.patch({ enrolled: { mediator, generation: nextGeneration(turn.state) } });
  } else if (answer.kind === 'denied' && isOwnReturn(record, answer)) {
    turn.patchFault({ known: { ...fault.known, [mediator]: answer.generation } });
  } else if (answer.kind === 'denied' && answer.generation > record.partition.generation) {
    turn.patchFault({ denied: mediator });
  } else {
    const retryMs = self.timing.mediateRetryMs;
    turn.patchFault({ decideAt: turn.at + retryMs });
    stayOffline(turn, false, { kind: 'mediation-unknown', mediator, retryMs });
  }
}

/**
 * A survivor had told the mediator that it takes somebody in, and ended before it wrote that down: nobody else goes on from a survivor's
 * generation, so this is its own word, and no reason to give up the only complete copy.
 */
function isOwnReturn(
  { standing, partition, nodeId }: MediatorFallbackRecord,
  { generation, members }: Extract<MediationAnswer, { kind: 'denied' }>,
): boolean {
  return standing === 'survivor' && generation > partition.generation && members?.includes(nodeId) === true;
}

/** Others have the group: written down, so that no later word of this member's own brings it back. */
export function detachIfDenied(turn: Turn): void {
  const { fault, record, saving } = turn.state;
  if (fault?.denied === undefined || saving !== undefined || record.standing === 'detached') return;
  const because = {
    kind: 'mediation-denied',
    mediator: fault.denied,
    generation: record.partition.generation,
  } as const;
  turn.save({ standing: 'detached' }, because);
}

export function onSurvivorDurable(turn: Turn, because: MediatorFallbackReason): void {
  const { partition } = turn.state.record;
  turn.patch({ fault: undefined, proposal: undefined, inSync: partition.members, unconfirmed: [] });
  turn.wish({ kind: 'survive', partition }, because);
  turn.report('alarm', because);
}

export function onDetachedDurable(turn: Turn, because: MediatorFallbackReason): void {
  stayOffline(turn, true, because);
  turn.patch({ fault: undefined, proposal: undefined });
}

export function faultDueAt(state: MediatorFallbackState): Millis | undefined {
  const { fault, saving, record, returning } = state;
  if (fault === undefined || saving !== undefined || fault.call !== undefined) return undefined;
  if (returning !== undefined || isWhole(record, fault.side)) return undefined;
  if (
    fault.denied !== undefined ||
    record.standing === 'detached' ||
    fault.told?.startsWith('model-fails') === true
  )
    return undefined;
  return fault.decideAt;
}
