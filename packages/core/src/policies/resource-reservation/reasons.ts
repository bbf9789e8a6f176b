import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { MachineDecision, RoomKnowledge } from './decide.js';
import type { ComponentLoss, ProtectionPolicy } from './types.js';

/** Why an effect was wished: a name and the numbers that decided. `explainReservation` makes a sentence of it. */
export type ReservationReason =
  | {
      readonly kind: 'component-lost';
      readonly component: string;
      readonly loss: ComponentLoss;
      readonly declareInMs: DurationMs;
      readonly actInMs: DurationMs;
    }
  | {
      readonly kind: 'declared';
      readonly component: string;
      readonly afterMs: DurationMs;
      readonly machines: number;
      readonly policy: ProtectionPolicy;
    }
  | {
      readonly kind: 'restored';
      readonly component: string;
      readonly afterMs: DurationMs;
      readonly dropped: number;
    }
  | {
      readonly kind: 'ask';
      readonly number: number;
      readonly attempt: number;
      readonly hold: number;
      readonly claim: number;
      readonly restart: number;
    }
  | {
      readonly kind: 'no-answer';
      readonly tries: number;
      readonly waitedMs: DurationMs;
      readonly machines: number;
    }
  | {
      readonly kind: 'machine-decided';
      readonly machineId: string;
      readonly decision: MachineDecision;
      readonly policy: ProtectionPolicy;
      readonly knowledge: RoomKnowledge;
      readonly sinceLossMs: DurationMs;
      readonly detail: string;
    }
  | { readonly kind: 'terminates-again'; readonly machineId: string; readonly detail: string }
  | { readonly kind: 'doomed-written'; readonly machines: number }
  | {
      readonly kind: 'stuck';
      readonly machineId: string;
      readonly detail: string;
      readonly retryMs: DurationMs;
    }
  | { readonly kind: 'reset'; readonly machineId: string; readonly component: string }
  | {
      readonly kind: 'handed-over';
      readonly machineId: string;
      readonly hostId: string;
      readonly sinceLossMs: DurationMs;
    }
  | {
      readonly kind: 'restart-given-up';
      readonly machineId: string;
      readonly attempts: number;
      readonly detail: string;
    }
  | { readonly kind: 'runs-twice'; readonly machineId: string; readonly outcome: string }
  | {
      readonly kind: 'gave-up';
      readonly incidentId: string;
      readonly afterMs: DurationMs;
      readonly machines: number;
    }
  | { readonly kind: 'command'; readonly detail: string }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs }
  | {
      readonly kind: 'serving';
      readonly epoch: number;
      readonly reported: number;
      readonly expected: number;
      readonly waitedMs: DurationMs;
    }
  | {
      readonly kind: 'read-inventory';
      readonly asks: number;
      readonly admissions: number;
      readonly known: number;
    }
  | {
      readonly kind: 'inventory-differs';
      readonly version: number;
      readonly digest: string;
      readonly known: string;
    }
  | {
      readonly kind: 'ledger-written';
      readonly version: number;
      readonly held: number;
      readonly claimed: number;
      readonly restarting: number;
      readonly running: number;
    }
  | {
      readonly kind: 'answered';
      readonly hostId: string;
      readonly granted: number;
      readonly denied: number;
      readonly unknown: number;
      readonly inventoryVersion: number;
    }
  | {
      readonly kind: 'restart';
      readonly machineId: string;
      readonly hostId: string;
      readonly attempt: number;
      readonly why: 'down' | 'overdue' | 'place-lost';
      readonly evicts: number;
    }
  | { readonly kind: 'revoked'; readonly machineId: string; readonly hostId: string; readonly detail: string }
  | {
      readonly kind: 'expired';
      readonly machineId: string;
      readonly hostId: string;
      readonly ttlMs: DurationMs;
    }
  | {
      readonly kind: 'admission';
      readonly machineId: string;
      readonly hostId: string;
      readonly allowed: boolean;
      readonly cpuMHz: number;
      readonly memoryMiB: number;
      readonly freeCpuMHz: number;
      readonly freeMemoryMiB: number;
      readonly reserved: number;
    }
  | { readonly kind: 'superseded'; readonly epoch: number; readonly by: number };

const seconds = (span: DurationMs): string => `${String(Math.round(span) / 1_000)} s`;
const losses: Readonly<Record<ComponentLoss, string>> = {
  'all-paths-down': 'all paths are down',
  'permanent-device-loss': 'it is gone for good',
};
const knowledges: Readonly<Record<RoomKnowledge, string>> = {
  claimed: 'room is claimed for it',
  denied: 'there is no room for it',
  unknown: 'nobody knows whether there is room',
};
const decisions: Readonly<Record<MachineDecision, string>> = {
  terminate: 'is ended here',
  keep: 'stays as it is',
  'report-only': 'is only reported',
};

const say = explainWith<ReservationReason>({
  'component-lost': (it) =>
    `component ${it.component} does not serve any more, ${losses[it.loss]}; it is declared lost in ${seconds(it.declareInMs)}, and machines may be ended in ${seconds(it.actInMs)}`,
  declared: (it) =>
    `component ${it.component} is declared lost after ${seconds(it.afterMs)}; ${it.machines} machines use it, and the policy is ${it.policy}`,
  restored: (it) =>
    `component ${it.component} serves again after ${seconds(it.afterMs)}, so nothing more is wanted for ${it.dropped} machines`,
  ask: (it) =>
    `ask ${it.number}, attempt ${it.attempt}: room to hold for ${it.hold} machines, to claim for ${it.claim}, to restart ${it.restart}`,
  'no-answer': (it) =>
    `the coordinator did not answer ${it.tries} times in ${seconds(it.waitedMs)}, so nobody knows about room for ${it.machines} machines`,
  'machine-decided': (it) =>
    `machine ${it.machineId} ${decisions[it.decision]} ${seconds(it.sinceLossMs)} after the loss: ${knowledges[it.knowledge]} and the policy is ${it.policy}${it.detail === '' ? '' : ` (${it.detail})`}`,
  'terminates-again': (it) => `machine ${it.machineId} is ended again: ${it.detail}`,
  'doomed-written': (it) =>
    `${it.machines} machines are being ended or wait for their restart, and that must survive a crash`,
  stuck: (it) =>
    `machine ${it.machineId} does not end (${it.detail}); its room stays claimed, no second copy starts, and it is tried again in ${seconds(it.retryMs)}`,
  reset: (it) =>
    `machine ${it.machineId} is reset, because it ran without ${it.component} for longer than its declaration took`,
  'handed-over': (it) =>
    `machine ${it.machineId} runs on ${it.hostId}, ${seconds(it.sinceLossMs)} after the loss`,
  'restart-given-up': (it) =>
    `machine ${it.machineId} could not be restarted in ${it.attempts} attempts: ${it.detail}`,
  'runs-twice': (it) =>
    `the coordinator says that machine ${it.machineId} is ${it.outcome} elsewhere while it runs here; the storage's own lock decides, and an operator has to look`,
  'gave-up': (it) =>
    `incident ${it.incidentId} asks for no room any more after ${seconds(it.afterMs)}; ${it.machines} machines stay as they are`,
  command: (it) => it.detail,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); nothing that needs it happens, and it is written again in ${seconds(it.retryMs)}`,
  serving: (it) =>
    `${it.reported} of ${it.expected} hosts have told what runs on them in epoch ${it.epoch} after ${seconds(it.waitedMs)}, so room on these is granted from now on`,
  'read-inventory': (it) =>
    `${it.asks} asks and ${it.admissions} admissions wait for the inventory; version ${it.known} is known`,
  'inventory-differs': (it) =>
    `version ${it.version} of the inventory came with digest ${it.digest}, and it was ${it.known} before: nothing is decided by it`,
  'ledger-written': (it) =>
    `by inventory ${it.version}, room is held for ${it.held} machines, claimed for ${it.claimed}, ${it.restarting} are restarting and ${it.running} run without being seen yet`,
  answered: (it) =>
    `of the machines of ${it.hostId}, ${it.granted} have a place, ${it.denied} have none and ${it.unknown} are not known yet, by inventory ${it.inventoryVersion}`,
  restart: (it) =>
    `machine ${it.machineId} is started on ${it.hostId}, attempt ${it.attempt}, ${{ down: 'because it is down', overdue: 'because nobody said how the last attempt ended', 'place-lost': 'because its first place is lost' }[it.why]}${it.evicts > 0 ? `, after ${it.evicts} of lower priority have made room` : ''}`,
  revoked: (it) => `the room for machine ${it.machineId} on ${it.hostId} is gone: ${it.detail}`,
  expired: (it) =>
    `nobody has spoken of the room for machine ${it.machineId} on ${it.hostId} for ${seconds(it.ttlMs)}, so it is free again`,
  admission: (it) =>
    `machine ${it.machineId} wants ${it.cpuMHz} MHz and ${it.memoryMiB} MiB of ${it.hostId}, where ${it.freeCpuMHz} MHz and ${it.freeMemoryMiB} MiB are free beside ${it.reserved} reservations: ${it.allowed ? 'allowed' : 'refused'}`,
  superseded: (it) =>
    `a coordinator of epoch ${it.by} was elected, so this one of epoch ${it.epoch} grants nothing more`,
});

/** One English sentence for operators, with the numbers that decided. */
export function explainReservation(because: ReservationReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
