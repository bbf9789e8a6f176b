import {
  plannedFailover,
  type PlannedFailoverEffect,
  type PlannedFailoverEvent,
  type PlannedFailoverOptions,
  type PlannedFailoverPhase,
  type PlannedFailoverState,
} from '../../src/index.js';

type Policy = typeof plannedFailover;
type Stepped = ReturnType<Policy['step']>;

interface Mutation {
  readonly options?: (options: PlannedFailoverOptions) => PlannedFailoverOptions;
  readonly init?: (state: PlannedFailoverState) => PlannedFailoverState;
  readonly before?: (state: PlannedFailoverState, event: PlannedFailoverEvent) => PlannedFailoverState;
  readonly event?: (event: PlannedFailoverEvent, state: PlannedFailoverState) => PlannedFailoverEvent;
  readonly after?: (step: Stepped, before: PlannedFailoverState, event: PlannedFailoverEvent) => Stepped;
}

/** The policy with one guard taken out, from outside. */
function without(mutation: Mutation): Policy {
  const { options, init, before, event: change, after } = mutation;
  return {
    ...plannedFailover,
    init: (given, at) => {
      const state = plannedFailover.init(options?.(given) ?? given, at);
      return init?.(state) ?? state;
    },
    step: (state, given) => {
      const event = change?.(given, state) ?? given;
      const step = plannedFailover.step(before?.(state, event) ?? state, event);
      return after?.(step, state, event) ?? step;
    },
  };
}

/** Steps on with a fact that nobody has reported, at once. */
function goOn(step: Stepped, event: PlannedFailoverEvent): Stepped {
  const next = plannedFailover.step(step.state, event);
  return { state: next.state, effects: [...step.effects, ...next.effects] };
}

function persistOf(step: Stepped, phase: PlannedFailoverPhase): PlannedFailoverEffect | undefined {
  return step.effects.find(
    (effect) => effect.kind === 'persist' && effect.record.operation?.phase === phase,
  );
}

/** The record of this phase is never written: it counts as durable at once. */
function volatile(phase: PlannedFailoverPhase): Mutation['after'] {
  return (step, _before, event) => {
    const persist = persistOf(step, phase);
    if (persist === undefined) return step;
    const rest = { ...step, effects: step.effects.filter((effect) => effect !== persist) };
    const done = { kind: 'persisted', effect: persist.id, at: event.at, sequence: event.sequence + 500 } as const;
    return goOn(rest, done);
  };
}

/** After a start the operation goes on where it was, instead of being rolled back. */
function resumes(state: PlannedFailoverState): PlannedFailoverState {
  const { source, record } = state;
  if (source?.cancel?.kind !== 'cancelled' || source.cancel.cause !== 'restarted') return state;
  const { cancel: _cancel, ...rest } = source;
  const isFenced = record.operation?.phase === 'fenced';
  // What was fenced before the start and drained then has nothing in flight now.
  return { ...state, source: { ...rest, barrierReached: isFenced, barrierSequence: 0, checked: true } };
}

/** Boots first, so that the start's own rollback can be taken back before it is written. */
const resuming: Mutation['after'] = (step, before) => {
  if (before.booted) return step;
  const { saving, ...state } = step.state;
  const isRollback = saving?.because.kind === 'cancelled' && saving.because.cause === 'restarted';
  if (!isRollback) return step;
  return {
    state: resumes(state),
    effects: step.effects.filter((effect) => effect.kind !== 'persist'),
  };
};

/** The roles are given to whoever asks while an operation stands, fenced or not. */
const untested: Mutation['before'] = (state, event) => {
  const { record, source } = state;
  const { operation } = record;
  const asks = event.kind === 'peer-message' && event.message.kind === 'test-and-set';
  if (!asks || operation?.next === undefined || source === undefined) return state;
  if (operation.phase !== 'prepared' && operation.phase !== 'fenced') return state;
  const { cancel: _cancel, ...rest } = source;
  return {
    ...state,
    record: { ...record, operation: { ...operation, phase: 'fenced' } },
    source: { ...rest, barrierReached: true, asked: true },
  };
};

/** The fence lives in memory only, and a start takes up an operation that it finds prepared. */
export const volatileFenceResumed = without({
  before: untested,
  after: (step, before, event) =>
    resuming(volatile('fenced')?.(step, before, event) ?? step, before, event),
});

/** The same start, with the fence on the disk. */
export const durableFenceResumed = without({ after: resuming });

/** The fence lives in memory only; a start still rolls back. */
export const volatileFence = without({ after: volatile('fenced') });

/** A timer that runs out takes a commit back that has been given already. */
export const commitTimesOut = without({
  after: (step, before, event) => {
    const { record, source } = step.state;
    const { operation, roles } = record;
    const isLate = event.kind === 'tick' && event.at > 0;
    if (!isLate || operation?.phase !== 'committed' || source === undefined || source.applied) return step;
    const from = { epoch: operation.fromEpoch, lineageId: 'first', sequencer: operation.from, preferred: operation.from };
    void roles;
    const { operation: _gone, ...rest } = record;
    const state = { ...step.state, record: { ...rest, roles: from } };
    const { source: _source, ...free } = state;
    return goOn({ ...step, state: free }, { kind: 'tick', at: event.at, sequence: event.sequence + 500 });
  },
});

/** The roles are given before that is written down. */
export const grantedBeforeDurable = without({ after: volatile('committed') });

/** The target says that it has everything as soon as it is asked. */
export const barrierNotReached = without({
  before: (state, event) => {
    const { source, record } = state;
    const asks = event.kind === 'tick' || event.kind === 'persisted';
    void asks;
    if (record.operation?.phase !== 'fenced' || source === undefined) return state;
    return { ...state, source: { ...source, barrierReached: true, asked: true } };
  },
});

/** Hosts are not held while the roles change hands. */
export const hostsNotHeld = without({
  after: (step) => ({
    ...step,
    state:
      step.state.record.operation?.phase === 'fenced'
        ? {
            ...step.state,
            gate: { ...step.state.gate, host: 'free', ordersWrites: step.state.standing.service === 'mirrored' },
          }
        : step.state,
  }),
});

/** A rollback serves again without asking fault handling. */
export const rollbackServes = without({
  after: (step, before) => {
    const { last, roles } = step.state.record;
    const isRolledBack = last !== undefined && last !== before.record.last && last.because.kind === 'cancelled';
    if (!isRolledBack) return step;
    const standing = { ...step.state.standing, ...roles, service: 'mirrored' } as const;
    return { ...step, state: { ...step.state, standing, gate: { ...step.state.gate, ordersWrites: true } } };
  },
});

/** A loss, a timer or a command is obeyed although the commit has been handed to the disk. */
export const commitOverwritten = without({
  after: (step, _before, event) => {
    const { saving, record } = step.state;
    const isFailure = event.kind === 'persist-failed' && saving?.record.operation?.phase === 'committed';
    if (!isFailure || saving === undefined || record.operation === undefined) return step;
    const because = {
      kind: 'cancelled',
      cause: 'aborted',
      phase: 'fenced',
      sinceMs: 0,
      limitMs: 0,
      detail: '',
    } as const;
    const { operationId, fromEpoch } = record.operation;
    const { operation: _gone, ...rest } = record;
    const rollback = { ...rest, last: { operationId, outcome: 'failed', epoch: fromEpoch, because } } as const;
    const effect = `${saving.effect}0`;
    return {
      state: { ...step.state, saving: { effect, record: rollback, because } },
      effects: [...step.effects, { kind: 'persist', id: effect, record: rollback, because }],
    };
  },
});

/** The preference stays where it was when the sequencer moves. */
export const preferenceStays = without({
  after: (step) => {
    const { saving } = step.state;
    if (saving?.record.operation?.phase !== 'committed') return step;
    const { record } = saving;
    const stays = { ...record, roles: { ...record.roles, preferred: record.operation?.from ?? '' } };
    return {
      state: { ...step.state, saving: { ...saving, record: stays } },
      effects: step.effects.map((effect) =>
        effect.kind === 'persist' && effect.id === saving.effect ? { ...effect, record: stays } : effect,
      ),
    };
  },
});
