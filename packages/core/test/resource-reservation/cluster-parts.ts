import type {
  resourceReservation,
  InventoryMachine,
  ReservationAgentOptions,
  ReservationCoordinatorOptions,
  ReservationEvent,
  ReservationHost,
  ReservationOptions,
  ReservationState,
} from '../../src/index.js';

export type Policy = typeof resourceReservation;
export type Fact = ReservationEvent extends infer Event
  ? Event extends ReservationEvent
    ? Omit<Event, 'at' | 'sequence'>
    : never
  : never;

export interface ClusterOptions {
  readonly hosts: readonly ReservationHost[];
  readonly machines: readonly InventoryMachine[];
  readonly agent?: Partial<ReservationAgentOptions>;
  readonly coordinator?: Partial<ReservationCoordinatorOptions>;
  readonly policy?: Policy;
}

/** One process: a state, what is durable of it, and wishes that wait for a disk. */
export interface Process {
  readonly name: string;
  readonly options: ReservationOptions;
  readonly startedAt: number;
  readonly events: ReservationEvent[];
  state: ReservationState;
  sequence: number;
  isRunning: boolean;
  durable: Set<string>;
  readonly failed: Set<string>;
}

export const delays = { message: 2, disk: 5, inventory: 10, terminate: 1_000, restart: 2_000 };
