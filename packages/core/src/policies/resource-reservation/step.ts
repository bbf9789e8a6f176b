import { HoldfastError } from '../../errors/index.js';
import type { Policy, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { agentWakeAt, initialAgent, onAgentEvent } from './agent-events.js';
import { initialCoordinator } from './coordinator.js';
import { coordinatorWakeAt, onCoordinatorEvent } from './coordinator-events.js';
import { reservationInvariants } from './invariants.js';
import { validateReservationOptions, type ReservationOptions } from './options.js';
import { explainReservation } from './reasons.js';
import type { ReservationState } from './state.js';
import { ReservationTurn } from './turn.js';
import type { ReservationEffect, ReservationEvent } from './types.js';

function init(options: ReservationOptions, at: Millis): ReservationState {
  validateReservationOptions(options);
  return options.role === 'agent' ? initialAgent(options, at) : initialCoordinator(options, at);
}

/** Handles one event: what it says, and then whatever has become due by it. */
function step(state: ReservationState, event: ReservationEvent): Step<ReservationState, ReservationEffect> {
  checkVersion(state);
  if (state.role === 'agent') {
    const turn = new ReservationTurn(state, event);
    onAgentEvent(turn, event);
    return turn.end();
  }
  const turn = new ReservationTurn(state, event);
  onCoordinatorEvent(turn, event);
  return turn.end();
}

function checkVersion(state: { readonly version: number }): void {
  if (state.version === 1) return;
  throw new HoldfastError(
    'CORRUPT',
    `The state is of version ${String(state.version)}, and this release steps version 1. Nothing was changed.`,
  );
}

/** Room for impacted machines, per machine and per host, before anything is ended. */
export const resourceReservation: Policy<
  ReservationOptions,
  ReservationState,
  ReservationEvent,
  ReservationEffect
> = {
  name: 'resource-reservation',
  stateVersion: 1,
  init,
  step,
  wakeAt: (state) => (state.role === 'agent' ? agentWakeAt(state) : coordinatorWakeAt(state)),
  explain: (effect) => explainReservation(effect.because),
  invariants: reservationInvariants,
};
