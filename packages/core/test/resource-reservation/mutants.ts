import {
  resourceReservation,
  type ReservationAgentState,
  type ReservationCoordinatorState,
  type ReservationEffect,
  type ReservationEvent,
  type ReservationState,
} from '../../src/index.js';

type Policy = typeof resourceReservation;

interface Mutation {
  readonly event?: (event: ReservationEvent, state: ReservationState) => ReservationEvent;
  readonly before?: (state: ReservationState, event: ReservationEvent) => ReservationState;
  readonly after?: (
    state: ReservationState,
    before: ReservationState,
    event: ReservationEvent,
  ) => ReservationState;
  readonly effect?: (effect: ReservationEffect) => ReservationEffect;
}

/** The policy with one guard taken out, from outside. */
function without(mutation: Mutation): Policy {
  const same = <Value>(value: Value): Value => value;
  const { event: changeEvent = same, before = same, after = same, effect = same } = mutation;
  return {
    ...resourceReservation,
    step: (state, given) => {
      const event = changeEvent(given, state);
      const step = resourceReservation.step(before(state, event), event);
      return { state: after(step.state, state, event), effects: step.effects.map(effect) };
    },
  };
}

const ofAgent =
  (change: (state: ReservationAgentState, event: ReservationEvent) => ReservationAgentState) =>
  (state: ReservationState, event: ReservationEvent): ReservationState =>
    state.role === 'agent' ? change(state, event) : state;
const ofCoordinator =
  (change: (state: ReservationCoordinatorState, event: ReservationEvent) => ReservationCoordinatorState) =>
  (state: ReservationState, event: ReservationEvent): ReservationState =>
    state.role === 'coordinator' ? change(state, event) : state;
const afterCoordinator =
  (change: (state: ReservationCoordinatorState) => ReservationCoordinatorState) =>
  (state: ReservationState): ReservationState =>
    state.role === 'coordinator' ? change(state) : state;

/** Room that is only held counts as firm: who was promised something goes ahead. */
export const endsWithoutClaim = without({
  event: (event) => {
    if (event.kind !== 'answer-received') return event;
    const results = event.answer.results.map((result) =>
      result.outcome === 'reserved' ? { ...result, outcome: 'claimed' as const } : result,
    );
    return { ...event, answer: { ...event.answer, results } };
  },
  before: ofAgent((state, event) =>
    event.kind !== 'answer-received'
      ? state
      : {
          ...state,
          incidents: state.incidents.map((incident) => ({
            ...incident,
            machines: incident.machines.map((one) =>
              one.status === 'asking' ? { ...one, status: 'claiming' } : one,
            ),
          })),
        },
  ),
});

/** What was asked long ago is answered as if it were asked now. */
export const hearsOldAsks = without({
  before: ofCoordinator((state, event) => {
    if (event.kind !== 'ask-received') return state;
    const { [event.ask.hostId]: note, ...agents } = state.agents;
    return note === undefined ? state : { ...state, agents };
  }),
});

export const answersBeforeTheDisk = without({
  effect: (effect) => {
    if (effect.kind !== 'send-answer' && effect.kind !== 'restart-machine') return effect;
    const { after: _after, ...rest } = effect;
    return rest;
  },
});

export const endsBeforeTheDisk = without({
  effect: (effect) => {
    if (effect.kind !== 'terminate-machine') return effect;
    const { after: _after, ...rest } = effect;
    return rest;
  },
});

/** The sum over all hosts is what every single host has. */
export const countsBySums = without({
  event: (event) => {
    if (event.kind !== 'inventory-read') return event;
    const { inventory } = event;
    const cpuMHz = inventory.hosts.reduce((sum, host) => sum + host.cpuMHz, 0);
    const memoryMiB = inventory.hosts.reduce((sum, host) => sum + host.memoryMiB, 0);
    return {
      ...event,
      inventory: { ...inventory, hosts: inventory.hosts.map((host) => ({ ...host, cpuMHz, memoryMiB })) },
    };
  },
});

export const trustsHostsThatHaveNotReported = without({
  event: (event, state) => {
    if (event.kind !== 'inventory-read' || state.role !== 'coordinator') return event;
    const hosts = event.inventory.hosts.map((host) => ({ ...host, reportedEpoch: state.options.epoch }));
    return { ...event, inventory: { ...event.inventory, hosts } };
  },
});

/** No answer after a denial counts as if nothing had been said. */
export const silenceForgetsTheDenial = without({
  after: (state, before) => {
    if (state.role !== 'agent' || before.role !== 'agent') return state;
    if (state.round?.phase !== 'silent' || before.round?.phase === 'silent') return state;
    return {
      ...state,
      incidents: state.incidents.map((incident) => ({
        ...incident,
        machines: incident.machines.map((one) =>
          one.status === 'insufficient' ? { ...one, status: 'unknown' } : one,
        ),
      })),
    };
  },
});

export const forgetsWhereItIsBroken = without({
  event: (event) => {
    if (event.kind !== 'ask-received') return event;
    const incidents = event.ask.incidents.map((incident) => ({ ...incident, isOpen: false }));
    return { ...event, ask: { ...event.ask, incidents } };
  },
});

export const stuckCountsAsEnded = without({
  event: (event) => (event.kind === 'terminate-ended' ? { ...event, outcome: 'terminated' } : event),
});

/** A claim ends like anything that is held. */
export const claimsExpire = without({
  after: afterCoordinator((state) => ({
    ...state,
    ledger: Object.fromEntries(
      Object.entries(state.ledger).map(([id, entry]) => [
        id,
        entry.phase === 'claimed' && entry.until === undefined
          ? { ...entry, phase: 'held' as const, until: state.now + 20_000 }
          : entry,
      ]),
    ),
  })),
});

export const admitsBesideReservations = without({
  before: ofCoordinator((state, event) =>
    event.kind === 'inventory-read' && state.admissions.length > 0 ? { ...state, ledger: {} } : state,
  ),
});

export const overheadIsFree = without({
  event: (event) => {
    if (event.kind !== 'ask-received') return event;
    const incidents = event.ask.incidents.map((incident) => ({
      ...incident,
      machines: incident.machines.map((one) => ({
        ...one,
        machine: { ...one.machine, memoryOverheadMiB: 0 },
      })),
    }));
    return { ...event, ask: { ...event.ask, incidents } };
  },
});

export const forgetsWhatRunsUnseen = without({
  after: afterCoordinator((state) => ({
    ...state,
    ledger: Object.fromEntries(Object.entries(state.ledger).filter(([, { phase }]) => phase !== 'committed')),
  })),
});
