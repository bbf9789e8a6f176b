import type { Millis } from '../../kernel/time.js';
import { onInventory, saveLedger, sendAnswer, start, wantPlan, type CoordinatorTurn } from './coordinator.js';
import { timed } from './ledger.js';
import { compareAsks, type AgentNote, type LedgerEntry, type ReservationCoordinatorState } from './state.js';
import type { ReservationAsk, ReservationEvent } from './types.js';

type EventOf<Kind> = Extract<ReservationEvent, { kind: Kind }>;

export function onCoordinatorEvent(turn: CoordinatorTurn, event: ReservationEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'persisted':
      turn.persisted(event.effect);
      break;
    case 'persist-failed':
      turn.persistFailed(event.effect, event.detail);
      break;
    case 'ask-received':
      onAsk(turn, event.ask);
      break;
    case 'inventory-read':
      onInventory(turn, event.inventory);
      break;
    case 'host-lost':
      onHostLost(turn, event.hostId);
      break;
    case 'restart-ended':
      onRestartEnded(turn, event);
      break;
    case 'admission-asked': {
      const { askId, hostId, machine } = event;
      if (turn.state.phase === 'superseded') turn.ignore(event.kind);
      else {
        turn.patch({ admissions: [...turn.state.admissions, { askId, hostId, machine }] });
        wantPlan(turn);
      }
      break;
    }
    case 'machine-gone':
      onMachineGone(turn, event.machineId);
      break;
    case 'superseded':
      stepDown(turn, event.epoch);
      break;
    default:
      turn.ignore(event.kind);
  }
  if (turn.state.phase !== 'superseded') whatIsDue(turn);
}

function onAsk(turn: CoordinatorTurn, ask: ReservationAsk): void {
  const { state } = turn;
  const { hostId } = ask;
  if (state.phase === 'superseded') {
    turn.ignore('ask-received');
    return;
  }
  if (ask.epoch > state.options.epoch) {
    stepDown(turn, ask.epoch);
    return;
  }
  const note = state.agents[hostId];
  const lostAt = state.lostHosts[hostId];
  const order = note === undefined ? 1 : compareAsks(ask.ask, note.ask.ask);
  // A dead host's agent comes back with a new incarnation; what it said before its death may still be under way.
  if (order < 0 || (lostAt !== undefined && ask.ask.incarnation <= lostAt)) {
    turn.ignore('ask-received');
    return;
  }
  if (order === 0) {
    turn.ignore('ask-received');
    if (note?.isAnswered === true && note.answer !== undefined) {
      sendAnswer(turn, hostId, note.answer, state.inventory?.version ?? 0);
    }
    return;
  }
  const { [hostId]: _back, ...lostHosts } = state.lostHosts;
  const arrival = state.drawn + 1;
  turn.patch({
    drawn: arrival,
    lostHosts,
    agents: { ...state.agents, [hostId]: { ask, arrival, isAnswered: false } },
  });
  wantPlan(turn);
}

/** What its agent wanted to protect is down now: all of it is to be restarted, on the coordinator's own account. */
function onHostLost(turn: CoordinatorTurn, hostId: string): void {
  const { state } = turn;
  if (state.phase === 'superseded' || state.lostHosts[hostId] !== undefined) {
    turn.ignore('host-lost');
    return;
  }
  const note = state.agents[hostId];
  turn.patch({ lostHosts: { ...state.lostHosts, [hostId]: note?.ask.ask.incarnation ?? 0 } });
  if (note !== undefined) {
    const incidents = note.ask.incidents.map((incident) => ({
      ...incident,
      machines: incident.machines.map((wished) => ({ ...wished, want: 'restart' as const })),
    }));
    const down: AgentNote = { ...note, ask: { ...note.ask, incidents }, isAnswered: false };
    turn.patch({ agents: { ...state.agents, [hostId]: down } });
  }
  wantPlan(turn);
}

function onRestartEnded(
  turn: CoordinatorTurn,
  { reservationId, ok, detail }: EventOf<'restart-ended'>,
): void {
  const entry = Object.values(turn.state.ledger).find((one) => one.reservationId === reservationId);
  if (entry?.phase !== 'restarting' || turn.state.phase === 'superseded') {
    turn.ignore('restart-ended');
    return;
  }
  const { machineId } = entry.machine;
  const { timing, restartAttempts } = turn.state.options;
  if (ok) {
    change(turn, machineId, timed({ ...entry, phase: 'committed' }, turn.at, timing));
  } else if (entry.attempts + 1 < restartAttempts) {
    const attempts = entry.attempts + 1;
    change(turn, machineId, {
      ...entry,
      attempts,
      isRefused: true,
      until: turn.at + timing.terminateRetryMs,
    });
  } else {
    const attempts = entry.attempts + 1;
    change(turn, machineId, undefined);
    turn.patch({ failedRestarts: { ...turn.state.failedRestarts, [machineId]: detail } });
    turn.report('alarm', { kind: 'restart-given-up', machineId, attempts, detail });
  }
  saveLedger(turn);
  wantPlan(turn);
}

function onMachineGone(turn: CoordinatorTurn, machineId: string): void {
  if (turn.state.ledger[machineId] === undefined || turn.state.phase === 'superseded') {
    turn.ignore('machine-gone');
    return;
  }
  change(turn, machineId, undefined);
  saveLedger(turn);
  wantPlan(turn);
}

function stepDown(turn: CoordinatorTurn, by: number): void {
  const { epoch } = turn.state.options;
  if (turn.state.phase === 'superseded' || by <= epoch) {
    turn.ignore('superseded');
    return;
  }
  turn.patch({
    phase: 'superseded',
    readingSince: undefined,
    replanAt: undefined,
    persistRetryAt: undefined,
  });
  turn.report('warning', { kind: 'superseded', epoch, by });
}

function change(turn: CoordinatorTurn, machineId: string, entry: LedgerEntry | undefined): void {
  const { [machineId]: _before, ...rest } = turn.state.ledger;
  turn.patch({ ledger: entry === undefined ? rest : { ...rest, [machineId]: entry } });
}

function whatIsDue(turn: CoordinatorTurn): void {
  const { state } = turn;
  const { timing } = state.options;
  if (state.persistRetryAt !== undefined && turn.at >= state.persistRetryAt) retryPersist(turn);
  let isChanged = false;
  for (const [machineId, entry] of Object.entries(turn.state.ledger)) {
    const { phase, until, hostId } = entry;
    if (until === undefined || turn.at < until) continue;
    if (phase === 'restarting') {
      change(turn, machineId, timed(entry, turn.at, timing));
      start(turn, machineId, 'overdue');
      continue;
    }
    isChanged = true;
    change(turn, machineId, undefined);
    const ttlMs = phase === 'held' ? timing.reservationTtlMs : timing.commitTimeoutMs;
    turn.report('info', { kind: 'expired', machineId, hostId, ttlMs });
  }
  if (isChanged) saveLedger(turn);
  const { readingSince, replanAt, phase, inventory } = turn.state;
  const isLate = readingSince !== undefined && turn.at >= readingSince + timing.inventoryTimeoutMs;
  const isFirst = phase === 'gathering' && inventory === undefined && readingSince === undefined;
  if (isLate || isFirst || (replanAt !== undefined && turn.at >= replanAt)) {
    turn.patch({ replanAt: undefined });
    wantPlan(turn, isLate);
  }
}

/** Answers and restarts that waited for the record that failed never went out: they are made again. */
function retryPersist(turn: CoordinatorTurn): void {
  saveLedger(turn);
  const agents: Record<string, AgentNote> = {};
  for (const [hostId, note] of Object.entries(turn.state.agents))
    agents[hostId] = { ...note, isAnswered: false };
  turn.patch({ agents });
  for (const [machineId, { phase }] of Object.entries(turn.state.ledger)) {
    if (phase === 'restarting') start(turn, machineId, 'overdue');
  }
  wantPlan(turn);
}

export function coordinatorWakeAt(state: ReservationCoordinatorState): Millis | undefined {
  const { phase, readingSince, replanAt, persistRetryAt, ledger, options, inventory } = state;
  if (phase === 'superseded') return undefined;
  const times: (Millis | undefined)[] = [replanAt, persistRetryAt];
  if (readingSince !== undefined) times.push(readingSince + options.timing.inventoryTimeoutMs);
  else if (phase === 'gathering' && inventory === undefined) times.push(state.now);
  for (const { until } of Object.values(ledger)) times.push(until);
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
