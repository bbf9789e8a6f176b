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
  readonly before?: Before;
  readonly event?: (event: PlannedFailoverEvent, state: PlannedFailoverState) => PlannedFailoverEvent;
  readonly after?: After;
}

type After = (step: Stepped, before: PlannedFailoverState, event: PlannedFailoverEvent) => Stepped;
type Before = (state: PlannedFailoverState, event: PlannedFailoverEvent) => PlannedFailoverState;

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
  return step.effects.find((effect) => effect.kind === 'persist' && effect.record.operation?.phase === phase);
}

/** The record of this phase is never written: it counts as durable at once. */
function volatile(phase: PlannedFailoverPhase): After {
  return (step, _before, event) => {
    const persist = persistOf(step, phase);
    if (persist === undefined) return step;
    const rest = { ...step, effects: step.effects.filter((effect) => effect !== persist) };
    const done = {
      kind: 'persisted',
      effect: persist.id,
      at: event.at,
      sequence: event.sequence + 500,
    } as const;
    return goOn(rest, done);
  };
}

/*
 * The published mechanism keeps the record apart from the data path: the data path reads it when it starts and not again, and the
 * test-and-set works on the record alone, also when nobody remembers how far the operation had come. The two variants below behave so.
 */

/** Boots first; the rollback of the start is taken back before it is written, and the data path keeps the gate that it started with. */
const apartFromDataPath =
  (phase: PlannedFailoverPhase): After =>
  (step, before) => {
    const { record, self, saving: rollback } = step.state;
    const { operation } = record;
    if (
      self.incarnation === 1 ||
      operation === undefined ||
      (rollback?.because.kind === 'cancelled' && before.booted)
    )
      return step;
    const isTakenUp = before.source?.commandIds.length === 0;
    if (before.booted) return isTakenUp ? { ...step, state: { ...step.state, gate: before.gate } } : step;
    if (operation.phase !== phase) return step;
    const { saving: _saving, source, ...state } = step.state;
    if (source === undefined) return step;
    const { cancel: _cancel, ...rest } = source;
    const gate = { ...state.gate, ordersWrites: state.gate.host === 'free' };
    const isKept = (effect: PlannedFailoverEffect): boolean => effect.kind !== 'persist';
    return {
      state: { ...state, gate, source: { ...rest, checked: true } },
      effects: step.effects.filter(isKept),
    };
  };

/** The test looks at the record: a context is enough when the fence cannot be seen there. */
const testOfRecord =
  (phase: PlannedFailoverPhase): Before =>
  (state, event) => {
    const { record, source } = state;
    const { operation } = record;
    const asks = event.kind === 'peer-message' && event.message.kind === 'test-and-set';
    if (!asks || state.self.incarnation === 1 || source === undefined || operation?.phase !== phase)
      return state;
    return {
      ...state,
      record: { ...record, operation: { ...operation, phase: 'fenced' } },
      source: { ...source, barrierReached: true, asked: true },
    };
  };

/** The fence lives in memory only. */
export const volatileFenceApart = without({
  before: testOfRecord('prepared'),
  after: (step, before, event) =>
    apartFromDataPath('prepared')(volatile('fenced')(step, before, event), before, event),
});

/** The fence is on the disk: everything else is as above. */
export const durableFenceApart = without({
  before: testOfRecord('fenced'),
  after: apartFromDataPath('fenced'),
});

/** Here record and data path are one machine, and a start rolls back: without the durable fence nothing breaks. */
export const volatileFence = without({ after: volatile('fenced') });

/** A timer that runs out takes a commit back that has been given already. */
export const commitTimesOut = without({
  after: (step, before, event) => {
    const { record, source } = step.state;
    const { operation } = record;
    const isLate = event.kind === 'tick' && event.at > 0;
    if (!isLate || operation?.phase !== 'committed' || source === undefined || source.applied) return step;
    const from = {
      epoch: operation.fromEpoch,
      lineageId: 'first',
      sequencer: operation.from,
      preferred: operation.from,
    };
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
  after: (step, _before, { at, sequence }) => {
    const { source, record } = step.state;
    if (record.operation?.phase !== 'fenced' || source === undefined || source.asked) return step;
    const state = { ...step.state, source: { ...source, barrierReached: true, asked: true } };
    return goOn({ ...step, state }, { kind: 'tick', at, sequence: sequence + 500 });
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
            gate: {
              ...step.state.gate,
              host: 'free',
              ordersWrites: step.state.standing.service === 'mirrored',
            },
          }
        : step.state,
  }),
});

/** A rollback serves again without asking fault handling. */
export const rollbackServes = without({
  after: (step, before) => {
    const { last, roles } = step.state.record;
    const isRolledBack =
      last !== undefined && last !== before.record.last && last.because.kind === 'cancelled';
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
    if (!isFailure || record.operation === undefined) return step;
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
    const rollback = {
      ...rest,
      last: { operationId, outcome: 'failed', epoch: fromEpoch, because },
    } as const;
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
