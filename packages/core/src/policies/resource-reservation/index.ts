export { decideMachine, type MachineDecision, type RoomKnowledge } from './decide.js';
export {
  changeInventory,
  createInventory,
  type ClusterInventory,
  type InventoryDelta,
  type InventoryMachine,
  type ReservationHost,
  type ReservationHostCondition,
  type ReservationMachine,
  type RestartPriority,
} from './inventory.js';
export {
  reservationAgentDefaults,
  reservationCoordinatorDefaults,
  reservationTiming,
  validateReservationOptions,
  type ReservationAgentOptions,
  type ReservationCoordinatorOptions,
  type ReservationOptions,
  type ReservationTiming,
} from './options.js';
export { explainReservation, type ReservationReason } from './reasons.js';
export {
  whatWouldHappenNow,
  whoWouldBePlacedNow,
  type DecisionForecast,
  type PlacementForecast,
} from './selectors.js';
export type { ReservationAgentState, ReservationCoordinatorState, ReservationState } from './state.js';
export { resourceReservation } from './step.js';
export type * from './types.js';
