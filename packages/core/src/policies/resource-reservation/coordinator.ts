import type { Millis } from '../../kernel/time.js';
import type { ClusterInventory } from './inventory.js';
import { ledgerRecord, sameLedger, timed } from './ledger.js';
import type { ReservationCoordinatorOptions } from './options.js';
import { Plan } from './plan.js';
import type { AgentNote, LedgerEntry, ReservationCoordinatorState } from './state.js';
import type { ReservationTurn } from './turn.js';
import type { ReservationAnswer, ReservationResult } from './types.js';

export type CoordinatorTurn = ReservationTurn<ReservationCoordinatorState>;

export function initialCoordinator(
  options: ReservationCoordinatorOptions,
  at: Millis,
): ReservationCoordinatorState {
  const { record, ...kept } = options;
  const ledger: Record<string, LedgerEntry> = {};
  for (const reservation of record?.reservations ?? []) {
    ledger[reservation.machine.machineId] = timed(reservation, at, options.timing);
  }
  return {
    version: 1,
    role: 'coordinator',
    options: kept,
    now: at,
    startedAt: at,
    ignored: {},
    phase: 'gathering',
    ledger,
    agents: {},
    lostHosts: {},
    failedRestarts: {},
    admissions: [],
    drawn: 0,
  };
}

/** Asks for a snapshot, unless one is on its way. */
export function wantPlan(turn: CoordinatorTurn, again = false): void {
  const { state } = turn;
  if (state.phase === 'superseded' || (state.readingSince !== undefined && !again)) return;
  const known = state.inventory?.version ?? 0;
  turn.wish(
    { kind: 'read-inventory', atLeastVersion: known },
    {
      kind: 'read-inventory',
      asks: Object.values(state.agents).filter(({ isAnswered }) => !isAnswered).length,
      admissions: state.admissions.length,
      known,
    },
  );
  turn.patch({ readingSince: turn.at });
}

export function onInventory(turn: CoordinatorTurn, inventory: ClusterInventory): void {
  const { state } = turn;
  const known = state.inventory;
  if (state.phase === 'superseded' || (known !== undefined && inventory.version < known.version)) {
    turn.ignore('inventory-read');
    return;
  }
  const { version, digest } = inventory;
  if (known?.version === version && known.digest !== digest) {
    turn.ignore('inventory-read');
    turn.report('alarm', { kind: 'inventory-differs', version, digest, known: known.digest });
    return;
  }
  turn.patch({ inventory: { version, digest }, readingSince: undefined, replanAt: undefined });
  if (!serves(turn, inventory)) return;
  decide(turn, inventory);
}

/** B7: nothing is granted before every healthy host has told what runs on it, or has had its time; then on the told ones only. */
function serves(turn: CoordinatorTurn, inventory: ClusterInventory): boolean {
  const { state } = turn;
  if (state.phase === 'serving') return true;
  const { epoch, timing } = state.options;
  const healthy = inventory.hosts.filter(({ condition }) => condition === 'healthy');
  const reported = healthy.filter(({ reportedEpoch }) => reportedEpoch === epoch).length;
  const waitedMs = turn.at - state.startedAt;
  if (reported < healthy.length && waitedMs < timing.gatherMs) {
    turn.patch({
      replanAt: Math.min(state.startedAt + timing.gatherMs, turn.at + timing.inventoryTimeoutMs),
    });
    answerUnknown(turn, timing.gatherMs - waitedMs);
    return false;
  }
  // Whoever was put off is answered now, and what it says of earlier promises counts before anything new.
  const agents: Record<string, AgentNote> = {};
  for (const [hostId, note] of Object.entries(state.agents)) agents[hostId] = { ...note, isAnswered: false };
  turn.patch({ phase: 'serving', agents });
  turn.report('info', { kind: 'serving', epoch, reported, expected: healthy.length, waitedMs });
  return true;
}

function answerUnknown(turn: CoordinatorTurn, retryAfterMs: number): void {
  for (const note of Object.values(turn.state.agents)) {
    if (note.isAnswered) continue;
    const results = note.ask.incidents.flatMap(({ machines }) =>
      machines.map(({ machine }): ReservationResult => ({
        machineId: machine.machineId,
        outcome: 'unknown',
        detail: 'the coordinator is new and gathers what runs where',
      })),
    );
    answer(turn, note, results, Math.max(1, retryAfterMs));
  }
}

function decide(turn: CoordinatorTurn, inventory: ClusterInventory): void {
  const plan = new Plan(turn.state, inventory);
  plan.decide();
  const admitted = turn.state.admissions.map((admission) => {
    const { machine, hostId } = admission;
    const index = plan.room.indexOf(hostId);
    const freeCpuMHz = plan.room.freeCpuMHz[index] ?? 0;
    const freeMemoryMiB = plan.room.freeMemoryMiB[index] ?? 0;
    const reserved = [...plan.ledger.values()].filter((entry) => entry.hostId === hostId).length;
    const isFree = !plan.ledger.has(machine.machineId);
    const { allowed, demand } = isFree
      ? plan.admit(machine, hostId)
      : { allowed: false, demand: { cpuMHz: 0, memoryMiB: 0 } };
    return { admission, allowed, numbers: { ...demand, freeCpuMHz, freeMemoryMiB, reserved } };
  });
  const before = turn.state.ledger;
  turn.patch({
    ledger: Object.fromEntries(plan.ledger),
    drawn: plan.drawn,
    admissions: [],
    ...(plan.isWaiting ? { replanAt: turn.at + turn.state.options.timing.resendIntervalMs } : {}),
  });
  if (!sameLedger(before, plan.ledger)) saveLedger(turn);
  for (const { machineId, hostId, detail } of plan.lost) {
    turn.report('warning', { kind: 'revoked', machineId, hostId, detail });
  }
  for (const [machineId, why] of plan.starts) start(turn, machineId, why);
  for (const { admission, allowed, numbers } of admitted) {
    const { askId, hostId, machine } = admission;
    const because = { kind: 'admission', machineId: machine.machineId, hostId, allowed, ...numbers } as const;
    turn.wish({ kind: 'answer-admission', askId, allowed }, because, turn.durable);
  }
  for (const note of Object.values(turn.state.agents)) {
    const results = plan.results(note);
    if (!note.isAnswered || !sameResults(results, note.answer?.results ?? [])) answer(turn, note, results);
  }
}

function sameResults(one: readonly ReservationResult[], other: readonly ReservationResult[]): boolean {
  return (
    one.length === other.length &&
    one.every((result, index) => {
      const { machineId, outcome, place } = result;
      const than = other[index];
      return (
        than?.machineId === machineId &&
        than.outcome === outcome &&
        than.place?.reservationId === place?.reservationId &&
        than.place?.hostId === place?.hostId
      );
    })
  );
}

/** A dead agent hears nothing, but what is decided for its machines is kept with its note. */
function answer(
  turn: CoordinatorTurn,
  note: AgentNote,
  results: readonly ReservationResult[],
  retryAfterMs?: number,
): void {
  const { hostId, ask } = note.ask;
  const { options, inventory } = turn.state;
  const edition = turn.state.drawn + 1;
  const made: ReservationAnswer = {
    version: 1,
    epoch: options.epoch,
    ask,
    edition,
    results,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const isDone = note.ask.incidents.length === 0 && turn.state.lostHosts[hostId] === undefined;
  turn.patch({
    drawn: edition,
    agents: { ...turn.state.agents, [hostId]: { ...note, isAnswered: true, answer: made } },
  });
  if (isDone) forgetFailures(turn, hostId);
  if (turn.state.lostHosts[hostId] !== undefined) return;
  sendAnswer(turn, hostId, made, inventory?.version ?? 0);
}

export function sendAnswer(
  turn: CoordinatorTurn,
  hostId: string,
  made: ReservationAnswer,
  inventoryVersion: number,
): void {
  const count = (...outcomes: readonly string[]): number =>
    made.results.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const granted = count('reserved', 'claimed', 'restarting', 'restarted');
  const denied = count('insufficient', 'incompatible', 'restart-failed');
  const unknown = count('unknown');
  turn.wish(
    { kind: 'send-answer', hostId, answer: made },
    { kind: 'answered', hostId, granted, denied, unknown, inventoryVersion },
    turn.durable,
  );
}

/** What was given up is forgotten with the last agent that could ask for it. */
function forgetFailures(turn: CoordinatorTurn, hostId: string): void {
  const { failedRestarts, agents } = turn.state;
  const wished = new Set(
    Object.entries(agents)
      .filter(([id]) => id !== hostId)
      .flatMap(([, { ask }]) => ask.incidents)
      .flatMap(({ machines }) => machines.map(({ machine }) => machine.machineId)),
  );
  const kept = Object.entries(failedRestarts).filter(([machineId]) => wished.has(machineId));
  turn.patch({ failedRestarts: Object.fromEntries(kept) });
}

export function saveLedger(turn: CoordinatorTurn): void {
  const ledger = new Map(Object.entries(turn.state.ledger));
  const count = (...phases: readonly string[]): number =>
    [...ledger.values()].filter(({ phase }) => phases.includes(phase)).length;
  turn.save(ledgerRecord(turn.state.options.epoch, ledger), {
    kind: 'ledger-written',
    version: turn.state.inventory?.version ?? 0,
    held: count('held'),
    claimed: count('claimed'),
    restarting: count('restarting'),
    running: count('committed', 'admitted'),
  });
}

export function start(
  turn: CoordinatorTurn,
  machineId: string,
  why: 'down' | 'place-lost' | 'overdue',
): void {
  const entry = turn.state.ledger[machineId];
  if (entry?.phase !== 'restarting') return;
  const { hostId, reservationId, attempts, evicts } = entry;
  turn.wish(
    { kind: 'restart-machine', machineId, hostId, reservationId, evicts: evicts.map((one) => one.machineId) },
    { kind: 'restart', machineId, hostId, attempt: attempts + 1, why, evicts: evicts.length },
    turn.durable,
  );
}
