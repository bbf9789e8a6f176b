import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { ClusterInventory, InventoryMachine, ReservationMachine } from './inventory.js';
import type { ReservationReason } from './reasons.js';

/** How a component was lost. Paths may come back (`all-paths-down`); a device that says it is gone does not. */
export type ComponentLoss = 'all-paths-down' | 'permanent-device-loss';

/** What the agent may do to machines that lost a component. The table stands in `decide.ts`. */
export type ProtectionPolicy = 'disabled' | 'warning' | 'conservative' | 'aggressive' | 'super-aggressive';

/** Whether the machines of one incident want room together or each for itself. */
export type ReservationMode = 'best-effort' | 'all-or-nothing';

/** A durable count of the agent's starts, and a number that rises with everything new that it has to say. */
export interface AskNumber {
  readonly incarnation: number;
  readonly number: number;
}

/** Where a machine may be restarted. */
export interface ReservedPlace {
  readonly reservationId: string;
  readonly hostId: string;
}

/** `hold`: keep room for it. `claim`: it is about to be terminated, keep the room whatever happens. `restart`: it is down. */
export type ReservationWish = 'hold' | 'claim' | 'restart';

export interface WishedMachine {
  readonly machine: ReservationMachine;
  readonly want: ReservationWish;
  /** What the agent was last told, so that a new coordinator finds what the one before has promised. */
  readonly place?: ReservedPlace;
}

export interface AskedIncident {
  readonly incidentId: string;
  readonly component: string;
  /** The component is lost there now, so nothing that needs it is sent there. */
  readonly isOpen: boolean;
  readonly mode: ReservationMode;
  readonly machines: readonly WishedMachine[];
}

/**
 * Everything that an agent wants at this moment. What it does not mention, it does not want any more: so a lost, repeated or late
 * message does no harm, and there is no message for renewing, releasing or committing.
 */
export interface ReservationAsk {
  readonly version: 1;
  readonly hostId: string;
  readonly ask: AskNumber;
  /** The newest coordinator that the agent has heard of. */
  readonly epoch: number;
  readonly incidents: readonly AskedIncident[];
}

/**
 * `reserved`: room is held. `claimed`: and it stays until the machine runs there. `restarting`, `restarted`: the coordinator has
 * taken over. `restart-failed`: it has given up. `unknown`: the coordinator cannot say yet.
 */
export type ReservationOutcome =
  | 'reserved'
  | 'claimed'
  | 'insufficient'
  | 'incompatible'
  | 'unknown'
  | 'restarting'
  | 'restarted'
  | 'restart-failed';

export interface ReservationResult {
  readonly machineId: string;
  readonly outcome: ReservationOutcome;
  readonly place?: ReservedPlace;
  /** What was missing, for an operator. */
  readonly detail: string;
}

export interface ReservationAnswer {
  readonly version: 1;
  readonly epoch: number;
  readonly ask: AskNumber;
  /** Rises with every answer to this agent: a later one (also a revocation) replaces an earlier one to the same ask. */
  readonly edition: number;
  readonly results: readonly ReservationResult[];
  readonly retryAfterMs?: number;
}

/** A machine on the agent's own host. */
export interface LocalMachine extends ReservationMachine {
  readonly isProtected: boolean;
}

/** What has begun and cannot be taken back, or its end: what an agent has to know after a crash. */
export interface DoomedMachine {
  readonly incidentId: string;
  readonly component: string;
  readonly machine: ReservationMachine;
  readonly place?: ReservedPlace;
}

export interface AgentRecord {
  readonly version: 1;
  readonly kind: 'agent';
  readonly hostId: string;
  readonly doomed: readonly DoomedMachine[];
}

/**
 * `held`: may end. `claimed`: the machine may be down, so it stays. `restarting`: asked to run there. `committed`: runs there, and a
 * snapshot that shows it has not come yet. `admitted`: somebody else was allowed to start it there.
 */
export type ReservationPhase = 'held' | 'claimed' | 'restarting' | 'committed' | 'admitted';

export interface Reservation {
  readonly reservationId: string;
  readonly machine: ReservationMachine;
  /** The host whose agent asked; for an admitted machine the one it starts on. */
  readonly agentHostId: string;
  readonly component: string;
  readonly hostId: string;
  readonly phase: ReservationPhase;
  /** Machines of a lower priority that are powered off there before the restart. */
  readonly evicts: readonly InventoryMachine[];
  readonly attempts: number;
}

/** The durable ledger. Times are not in it: no clock of another life compares. */
export interface LedgerRecord {
  readonly version: 1;
  readonly kind: 'ledger';
  readonly epoch: number;
  readonly reservations: readonly Reservation[];
}

interface Fact<Kind extends string> extends PolicyEvent {
  readonly kind: Kind;
}

export type ReservationEvent =
  | Fact<'tick'>
  | (Fact<'persisted'> & { readonly effect: EffectId })
  | (Fact<'persist-failed'> & { readonly effect: EffectId; readonly detail: string })
  /** Agent: everything that runs on this host now; the first one ends the start. */
  | (Fact<'machines-changed'> & { readonly machines: readonly LocalMachine[] })
  | (Fact<'component-lost'> & {
      readonly incidentId: string;
      readonly component: string;
      readonly loss: ComponentLoss;
    })
  | (Fact<'component-restored'> & { readonly component: string })
  | (Fact<'coordinator-changed'> & { readonly epoch: number })
  | (Fact<'answer-received'> & { readonly answer: ReservationAnswer })
  /** The answer to `terminate-machine`. `stuck`: the process does not end. */
  | (Fact<'terminate-ended'> & {
      readonly machineId: string;
      readonly outcome: 'terminated' | 'stuck';
      readonly detail: string;
    })
  /** An operator ends the asking for an incident; its machines stay where they are. */
  | (Fact<'command'> & {
      readonly commandId: string;
      readonly command: { readonly kind: 'give-up'; readonly incidentId: string };
    })
  /** Coordinator: an agent's ask. */
  | (Fact<'ask-received'> & { readonly ask: ReservationAsk })
  /** The answer to `read-inventory`, also without being asked when the inventory has changed. */
  | (Fact<'inventory-read'> & { readonly inventory: ClusterInventory })
  /** A host is dead for certain: what ran there runs no more. */
  | (Fact<'host-lost'> & { readonly hostId: string })
  | (Fact<'restart-ended'> & {
      readonly reservationId: string;
      readonly ok: boolean;
      readonly detail: string;
    })
  /** Somebody wants to power on or move in a machine that nobody lost. */
  | (Fact<'admission-asked'> & {
      readonly askId: string;
      readonly hostId: string;
      readonly machine: ReservationMachine;
    })
  /** A user has powered off or deleted the machine. */
  | (Fact<'machine-gone'> & { readonly machineId: string })
  /** Another coordinator of a higher epoch was elected. */
  | (Fact<'superseded'> & { readonly epoch: number });

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: ReservationReason;
} & Fields;

export type ReservationEffect =
  /** Make this the record on stable storage. Later ones never overtake. Answered by `persisted` or `persist-failed`. */
  | Effect<'persist', { readonly record: AgentRecord | LedgerRecord }>
  /** To the coordinator, whoever it is. May be lost. */
  | Effect<'send-ask', { readonly ask: ReservationAsk }>
  /** End the machine on this host; ending one that has ended is a success. Answered by `terminate-ended`. */
  | Effect<'terminate-machine', { readonly machineId: string }>
  | Effect<'reset-machine', { readonly machineId: string }>
  | Effect<'send-answer', { readonly hostId: string; readonly answer: ReservationAnswer }>
  /** Answered by `inventory-read` with this version or a later one. */
  | Effect<'read-inventory', { readonly atLeastVersion: number }>
  /**
   * Power off `evicts` on the host, then start the machine there under the storage's own lock; starting one that runs there already
   * is a success. Answered by `restart-ended`.
   */
  | Effect<
      'restart-machine',
      {
        readonly machineId: string;
        readonly hostId: string;
        readonly reservationId: string;
        readonly evicts: readonly string[];
      }
    >
  | Effect<'answer-admission', { readonly askId: string; readonly allowed: boolean }>
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;
