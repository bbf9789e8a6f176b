import {
  ttlPolarization,
  type PolarizationEvent,
  type PolarizationOptions,
  type PolarizationState,
} from '../../src/index.js';

type Policy = typeof ttlPolarization;

interface Mutation {
  readonly options?: (options: PolarizationOptions) => PolarizationOptions;
  readonly event?: (event: PolarizationEvent, state: PolarizationState) => PolarizationEvent;
  readonly before?: (state: PolarizationState, event: PolarizationEvent) => PolarizationState;
  readonly after?: (state: PolarizationState, before: PolarizationState) => PolarizationState;
}

/** The policy with one guard taken out, from outside. */
function without(mutation: Mutation): Policy {
  const same = <Value>(value: Value): Value => value;
  const { options = same, event: changeEvent = same, before = same, after = same } = mutation;
  return {
    ...ttlPolarization,
    init: (given, at) => ttlPolarization.init(options(given), at),
    step: (state, given) => {
      const event = changeEvent(given, state);
      const step = ttlPolarization.step(before(state, event), event);
      return { ...step, state: after(step.state, state) };
    },
  };
}

type Introducing = Extract<PolarizationEvent, { kind: 'peer-connected' }>['introduction'];

function changeIntroduction(
  event: PolarizationEvent,
  change: (introduction: Introducing) => Introducing,
): PolarizationEvent {
  if (event.kind === 'peer-connected') return { ...event, introduction: change(event.introduction) };
  if (event.kind === 'peer-message' && event.message.kind === 'mode-changed') {
    return { ...event, message: { ...event.message, introduction: change(event.message.introduction) } };
  }
  return event;
}

export const leaseFromReceipt = without({
  after: (state, before) => {
    const grant = state.lease.receivedGrant;
    if (grant === undefined || grant.sequence === before.lease.receivedGrant?.sequence) return state;
    return { ...state, lease: { ...state.lease, answeredSentAt: grant.at } };
  },
});

export const noWaitForThePeersLease = without({
  before: (state) =>
    state.entitledBy === undefined || state.mode !== 'arbitrating'
      ? state
      : { ...state, peerQuietAt: state.startedAt },
  after: (state) =>
    state.entitledBy === undefined || state.mode !== 'arbitrating'
      ? state
      : { ...state, peerQuietAt: state.startedAt },
});

export const powerLossForgotten = without({
  options: (options) => ({ ...options, record: { ...options.record, machineBootId: options.machineBootId } }),
});

export const preparedCountsAsMirrored = without({
  options: (options) => {
    const { prepared, owner: _owner, ...record } = options.record;
    if (prepared === undefined) return options;
    return { ...options, record: { ...record, ...prepared, mode: 'mirrored', dataState: 'upToDate' } };
  },
});

export const otherLineageAccepted = without({
  event: (event, state) =>
    changeIntroduction(event, (introduction) =>
      introduction.record.epoch === state.record.epoch
        ? { ...introduction, record: { ...introduction.record, lineageId: state.record.lineageId } }
        : introduction,
    ),
});

export const resumesAlthoughAsked = without({
  event: (event) =>
    changeIntroduction(event, (introduction) =>
      introduction.mode === 'arbitrating'
        ? { ...introduction, mode: 'suspended', asked: false }
        : { ...introduction, asked: false },
    ),
  before: (state, event) =>
    state.mode === 'arbitrating' && event.kind === 'peer-connected'
      ? { ...state, mode: 'suspended', asked: undefined, claim: undefined }
      : state,
  after: (state, before) =>
    before.mode === 'arbitrating' && state.mode === 'mirrored'
      ? { ...state, asked: before.asked, claim: before.claim }
      : state,
});

export const grantsWithoutAcknowledgement = without({
  before: (state, event) =>
    event.kind === 'peer-message' && event.message.kind === 'ttl-request'
      ? { ...state, lease: { ...state.lease, startedAt: event.at } }
      : state,
});

/** A failure of the leg is taken for nothing: the write is acknowledged, or the flush is tried again and "succeeds". */
export const legFailureIgnored = (operation: 'write' | 'flush'): Policy =>
  without({
    event: (event) =>
      event.kind === 'leg-failed' && event.operation === operation
        ? { kind: 'tick', at: event.at, sequence: event.sequence }
        : event,
  });

/** Every life of a process counts as its first. */
export const incarnationForgotten = without({ options: (options) => ({ ...options, incarnation: 1 }) });
