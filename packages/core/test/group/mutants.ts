import {
  consistencyGroup,
  type GroupEffect,
  type GroupEvent,
  type GroupOptions,
  type GroupState,
} from '../../src/index.js';

type Policy = typeof consistencyGroup;

interface Mutation {
  readonly options?: (options: GroupOptions) => GroupOptions;
  readonly event?: (event: GroupEvent, state: GroupState) => GroupEvent;
  readonly before?: (state: GroupState, event: GroupEvent) => GroupState;
  readonly after?: (state: GroupState, before: GroupState) => GroupState;
  readonly effects?: (effects: readonly GroupEffect[], state: GroupState) => readonly GroupEffect[];
}

/** The group with one guard taken out, from outside. */
function without(mutation: Mutation): Policy {
  const same = <Value>(value: Value): Value => value;
  const { options = same, event: changeEvent = same, before = same, after = same, effects = same } = mutation;
  return {
    ...consistencyGroup,
    init: (given, at) => consistencyGroup.init(options(given), at),
    step: (state, given) => {
      const event = changeEvent(given, state);
      const step = consistencyGroup.step(before(state, event), event);
      const next = after(step.state, state);
      return { state: next, effects: effects(step.effects, next) };
    },
  };
}

/** The order reversed: what comes before a planned failover is forgotten as long as that has the group. */
export const precedenceReversed = without({
  before: (state) => (state.planned?.record.operation === undefined ? state : { ...state, held: [] }),
});

/** Each policy goes by its own lock: nobody is told that another one has the group. */
export const twoLocks = without({
  before: (state) => {
    const { planned } = state;
    if (planned === undefined) return state;
    const { busyWith: _busy, ...standing } = planned.standing;
    return { ...state, planned: { ...planned, standing: { ...standing } } };
  },
});

/** The lock and its context live in memory only. */
export const volatileLock = without({
  options: (options) => {
    const { operation: _operation, planned: _planned, ...record } = options.record;
    return { ...options, record };
  },
});

/** Preference above completeness: after a start a preferred copy counts as whole. */
export const preferenceOverCompleteness = without({
  options: (options) => {
    const { mediatorFallback: _mediators, ...rest } = options;
    const { record, nodeId } = rest;
    if (record.preferred !== nodeId || record.owner === undefined || record.owner === nodeId) return options;
    const { owner: _owner, ...kept } = record;
    return {
      ...rest,
      faultModel: { kind: 'preElected', node: nodeId },
      bootAlone: true,
      record: { ...kept, mode: 'mirrored', dataState: 'upToDate' },
    };
  },
});

/** The group never tells mediator-fallback that another node is preferred. */
export const modelNotReagreed = without({
  before: (state) => ({ ...state, told: { ...state.told, preferred: state.record.preferred } }),
  after: (state, before) => {
    if (state.fallback === undefined || before.fallback?.preference === undefined) return state;
    return { ...state, fallback: { ...state.fallback, preference: 'a' } };
  },
});

/** A record is written without the epoch that it begins. */
export const epochNotRaised = without({
  after: (state) => {
    const { saving, record } = state;
    if (saving === undefined || saving.record.epoch <= record.epoch || record.epoch === 0) return state;
    return { ...state, saving: { ...saving, record: { ...saving.record, epoch: record.epoch } } };
  },
});

/** The gates are not joined: fault handling's word alone counts. */
export const gatesNotJoined = without({
  effects: (effects, state) =>
    effects.map((effect) =>
      effect.kind === 'set-gate'
        ? { ...effect, gate: { ...state.polarization.gate, ordersWrites: effect.gate.ordersWrites } }
        : effect,
    ),
  after: (state) => ({
    ...state,
    gate: { ...state.polarization.gate, ordersWrites: state.gate.ordersWrites },
  }),
});

/** A claim is not held back under a commit that the other may not have heard of, nor made for the promised epoch. */
export const claimNotHeld = without({
  before: (state) => {
    const { planned } = state;
    if (planned === undefined) return state;
    const { operation: _operation, preparation: _preparation, ...record } = planned.record;
    return state.polarization.mode === 'suspended' || state.polarization.mode === 'unknown'
      ? { ...state, planned: { ...planned, record } }
      : state;
  },
});

/** Whoever asks is granted while the mediator is away, whatever was agreed on. */
export const standsInForAnybody = without({
  before: (state) => {
    const { fallback, self } = state;
    if (fallback === undefined || fallback.record.current.model.kind !== 'preElected') return state;
    const current = { ...fallback.record.current, model: { kind: 'preElected', node: self.nodeId } as const };
    return { ...state, fallback: { ...fallback, record: { ...fallback.record, current } } };
  },
});

/** An owner that has lost whoever ordered the writes goes on under the old epoch. */
export const orderNotTakenBack = without({
  effects: (effects) =>
    effects.filter((effect) => !(effect.kind === 'persist' && effect.because.kind === 'order-taken-back')),
});

/** Preference is not agreed on when the two meet. */
export const preferenceNotAgreed = without({
  event: (event, state) =>
    event.kind === 'peer-connected'
      ? { ...event, introduction: { ...event.introduction, preferred: state.record.preferred } }
      : event,
});

/** An ill storage is copied to at once. */
export const copyNotGated = without({
  before: (state) =>
    state.swap === undefined ? state : { ...state, ill: false, swap: { ...state.swap, conditions: [] } },
});

/** A handover that the peer offers is accepted at once, although something here has the group still. */
export const offerHeardAtOnce = without({
  before: (state, event) => {
    const isOffer =
      event.kind === 'part' && event.fact.kind === 'peer-message' && event.fact.message.kind === 'offer-win';
    if (!isOffer || state.planned === undefined) return state;
    const { target: _target, ...planned } = state.planned;
    const { preparation: _promise, ...record } = planned.record;
    return { ...state, planned: { ...planned, record } };
  },
  after: (state, before) => {
    const isAccepting = state.polarization.operation?.kind === 'accepting';
    const wasAccepting = before.polarization.operation?.kind === 'accepting';
    return isAccepting && !wasAccepting && before.planned !== undefined
      ? { ...state, planned: before.planned }
      : state;
  },
});
