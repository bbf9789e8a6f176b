import { decideMachine, type MachineDecision } from './decide.js';
import type { ClusterInventory, ReservationMachine } from './inventory.js';
import { Plan } from './plan.js';
import { isImpacted } from './agent.js';
import type { ReservationAgentState, ReservationCoordinatorState } from './state.js';
import type { ReservationResult } from './types.js';

export interface PlacementForecast {
  readonly hostId: string;
  readonly component: string;
  readonly inventoryVersion: number;
  readonly results: readonly ReservationResult[];
  readonly sentence: string;
}

/** What would be answered if this host lost this component now, with these machines. Nothing is reserved. */
export function whoWouldBePlacedNow(
  state: ReservationCoordinatorState,
  inventory: ClusterInventory,
  lost: {
    readonly hostId: string;
    readonly component: string;
    readonly machines: readonly ReservationMachine[];
  },
): PlacementForecast {
  const { hostId, component, machines } = lost;
  const incident = {
    incidentId: 'what-if',
    component,
    isOpen: true,
    mode: 'best-effort',
    machines: machines.map((machine) => ({ machine, want: 'hold' as const })),
  } as const;
  const note = {
    ask: { version: 1, hostId, ask: { incarnation: 1, number: 1 }, epoch: 0, incidents: [incident] },
    arrival: state.drawn + 1,
    isAnswered: false,
  } as const;
  const plan = new Plan({ ...state, agents: { ...state.agents, [hostId]: note } }, inventory);
  plan.decide();
  const results = plan.results(note);
  const placed = results.filter(({ outcome }) => outcome === 'reserved').length;
  const count = `${String(placed)} of ${String(results.length)}`;
  const sentence = `If ${hostId} lost ${component} now, ${count} machines would have a place, by inventory ${String(inventory.version)}.`;
  return { hostId, component, inventoryVersion: inventory.version, results, sentence };
}

export interface DecisionForecast {
  readonly machineId: string;
  readonly decision: MachineDecision;
  readonly inMs: number;
}

/** What this agent would do with each of its machines if the component were lost now, for each thing that it may then know. */
export function whatWouldHappenNow(
  state: ReservationAgentState,
  component: string,
  knowledge: 'claimed' | 'denied' | 'unknown',
): readonly DecisionForecast[] {
  const { onAllPathsDown, timing } = state.options;
  const inMs = timing.declareAfterMs + timing.actionDelayMs;
  return (state.machines ?? [])
    .filter((machine) => isImpacted(machine, component))
    .map(({ machineId }) => ({ machineId, decision: decideMachine(onAllPathsDown, knowledge), inMs }));
}
