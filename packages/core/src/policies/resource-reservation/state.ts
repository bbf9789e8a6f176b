import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { ReservationMachine } from './inventory.js';
import type { ReservationAgentOptions, ReservationCoordinatorOptions } from './options.js';
import type {
  AskNumber,
  ComponentLoss,
  LocalMachine,
  Reservation,
  ReservationAnswer,
  ReservationAsk,
  ReservedPlace,
} from './types.js';

/** Events that said nothing: answers to a question never asked, repeated, late or for the other role. Counted by kind. */
export type IgnoredCounts = Readonly<Record<string, number>>;

interface Common {
  readonly version: 1;
  readonly now: Millis;
  readonly startedAt: Millis;
  readonly ignored: IgnoredCounts;
  /** The latest record that is not known to be durable. */
  readonly unsaved?: EffectId;
  readonly persistRetryAt?: Millis;
  /** Since the last record that became durable one has failed. */
  readonly isDiskFailing?: true;
}

/**
 * `asking`: no answer yet. `claiming`: room is held and is to be made firm before anything is ended. From `terminating` on there is no
 * way back: `restoring` is the same after a restart, until it is known what runs here.
 */
export type ImpactedStatus =
  | 'asking'
  | 'reserved'
  | 'insufficient'
  | 'incompatible'
  | 'unknown'
  | 'claiming'
  | 'restoring'
  | 'terminating'
  | 'stuck'
  | 'terminated';

export interface ImpactedMachine {
  readonly machine: ReservationMachine;
  readonly status: ImpactedStatus;
  readonly place?: ReservedPlace;
  readonly detail: string;
  readonly retryAt?: Millis;
  /** The last decision that was reported, so that it is said once. */
  readonly told?: string;
}

export interface AgentIncident {
  readonly incidentId: string;
  readonly component: string;
  readonly loss: ComponentLoss;
  readonly detectedAt: Millis;
  readonly declareAt: Millis;
  readonly actAt: Millis;
  /** `cleared`: the component is back, and only machines that were ended already are left. */
  readonly phase: 'detected' | 'declared' | 'gave-up' | 'cleared';
  readonly machines: readonly ImpactedMachine[];
}

/** One ask and its repetitions. */
export interface AskRound {
  readonly number: number;
  readonly sentAt: Millis;
  readonly tries: number;
  readonly phase: 'waiting' | 'answered' | 'silent';
}

export interface ReservationAgentState extends Common {
  readonly role: 'agent';
  readonly options: Omit<ReservationAgentOptions, 'record'>;
  readonly epoch: number;
  readonly edition: number;
  /** What runs here; nothing is decided before it is known. */
  readonly machines?: readonly LocalMachine[];
  readonly incidents: readonly AgentIncident[];
  readonly round?: AskRound;
  readonly nextRoundAt?: Millis;
}

/** `until`: when it ends (held, admitted) or is asked for again (restarting). */
export interface LedgerEntry extends Reservation {
  readonly until?: Millis;
  /** The last attempt to start it there has failed for certain: another host is tried if there is one. */
  readonly isRefused?: true;
}

/** The last word of an agent and the last answer to it. */
export interface AgentNote {
  readonly ask: ReservationAsk;
  readonly arrival: number;
  readonly isAnswered: boolean;
  readonly answer?: ReservationAnswer;
}

export interface WaitingAdmission {
  readonly askId: string;
  readonly hostId: string;
  readonly machine: ReservationMachine;
}

export interface ReservationCoordinatorState extends Common {
  readonly role: 'coordinator';
  readonly options: Omit<ReservationCoordinatorOptions, 'record'>;
  readonly phase: 'gathering' | 'serving' | 'superseded';
  /** The snapshot that the last decision was made by. */
  readonly inventory?: { readonly version: number; readonly digest: string };
  /** A decision waits for an inventory since this moment. */
  readonly readingSince?: Millis;
  readonly replanAt?: Millis;
  /** By machine: so no machine ever has two. */
  readonly ledger: Readonly<Record<string, LedgerEntry>>;
  readonly agents: Readonly<Record<string, AgentNote>>;
  /** Dead hosts with the last incarnation of their agent that was heard of. */
  readonly lostHosts: Readonly<Record<string, number>>;
  readonly failedRestarts: Readonly<Record<string, string>>;
  readonly admissions: readonly WaitingAdmission[];
  /** Counts asks, answers and reservations of this life. */
  readonly drawn: number;
}

export type ReservationState = ReservationAgentState | ReservationCoordinatorState;

/** Less than, equal or greater than zero: which ask is the newer one. */
export function compareAsks(one: AskNumber, other: AskNumber): number {
  return one.incarnation === other.incarnation
    ? one.number - other.number
    : one.incarnation - other.incarnation;
}

/** Without keys that are undefined: JSON has no such thing, and a state must survive a round trip. */
export function plain<Fields extends object>(fields: Fields): Fields {
  const copy = { ...fields };
  for (const key of Object.keys(copy) as (keyof Fields)[]) {
    if (copy[key] === undefined) Reflect.deleteProperty(copy, key);
  }
  return copy;
}
