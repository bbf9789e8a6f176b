import {
  changeIncident,
  changeMachine,
  decide,
  doom,
  findMachine,
  isUndecided,
  saveDoomed,
  type AgentTurn,
} from './agent.js';
import type { AgentIncident, ImpactedMachine, ReservationAgentState } from './state.js';
import type {
  AskedIncident,
  ReservationAnswer,
  ReservationAsk,
  ReservationResult,
  ReservationWish,
} from './types.js';

function wishOf({ status }: ImpactedMachine): ReservationWish {
  if (status === 'terminated') return 'restart';
  return status === 'claiming' || status === 'restoring' || status === 'terminating' || status === 'stuck'
    ? 'claim'
    : 'hold';
}

/** Everything that this agent wants now, whatever it wanted before. */
export function askOf(state: ReservationAgentState): ReservationAsk {
  const { options, epoch, round } = state;
  const incidents = state.incidents.map(({ incidentId, component, phase, machines }): AskedIncident => ({
    incidentId,
    component,
    isOpen: phase !== 'cleared',
    mode: options.mode,
    machines: machines.map((one) => ({
      machine: one.machine,
      want: wishOf(one),
      ...(one.place === undefined ? {} : { place: one.place }),
    })),
  }));
  const ask = { incarnation: options.incarnation, number: round?.number ?? 0 };
  return { version: 1, hostId: options.hostId, ask, epoch, incidents };
}

/** Repeats what was not answered in time, or takes the silence for what it is. */
export function hearSilence(turn: AgentTurn): void {
  const { round, options } = turn.state;
  const { answerTimeoutMs, answerTries } = options.timing;
  if (round?.phase !== 'waiting' || turn.at < round.sentAt + answerTimeoutMs) return;
  if (round.tries < answerTries) send(turn, { ...round, sentAt: turn.at, tries: round.tries + 1 });
  else goSilent(turn);
}

/** Says what has changed at once, and all of it again now and then while anything is wanted. */
export function talk(turn: AgentTurn): void {
  const { nextRoundAt } = turn.state;
  if (turn.tell || (nextRoundAt !== undefined && turn.at >= nextRoundAt)) begin(turn);
}

function begin(turn: AgentTurn): void {
  const number = (turn.state.round?.number ?? 0) + 1;
  turn.patch({ nextRoundAt: turn.at + turn.state.options.timing.resendIntervalMs });
  send(turn, { number, sentAt: turn.at, tries: 1, phase: 'waiting' });
}

function send(turn: AgentTurn, round: NonNullable<ReservationAgentState['round']>): void {
  turn.patch({ round });
  const ask = askOf(turn.state);
  const counts = { hold: 0, claim: 0, restart: 0 };
  for (const { machines } of ask.incidents) for (const { want } of machines) counts[want] += 1;
  turn.wish(
    { kind: 'send-ask', ask },
    { kind: 'ask', number: round.number, attempt: round.tries, ...counts },
  );
}

/** No answer to any try. A denial stands until something else is said; a claim that nobody confirmed is no claim. */
function goSilent(turn: AgentTurn): void {
  const { round, options } = turn.state;
  if (round === undefined) return;
  turn.patch({ round: { ...round, phase: 'silent' } });
  const waiting = turn.state.incidents
    .flatMap(({ machines }) => machines)
    .filter(({ status }) => status === 'asking' || status === 'claiming');
  for (const { machine } of waiting) {
    changeMachine(turn, machine.machineId, { status: 'unknown', detail: 'no answer', place: undefined });
  }
  const waitedMs = round.tries * options.timing.answerTimeoutMs;
  if (waiting.length > 0) {
    turn.report('warning', { kind: 'no-answer', tries: round.tries, waitedMs, machines: waiting.length });
  }
}

export function onAnswer(turn: AgentTurn, answer: ReservationAnswer): void {
  const { round, epoch, edition, options } = turn.state;
  const isCurrent =
    round !== undefined &&
    answer.ask.incarnation === options.incarnation &&
    answer.ask.number === round.number &&
    (answer.epoch > epoch || (answer.epoch === epoch && answer.edition > edition));
  if (!isCurrent) {
    turn.ignore('answer-received');
    return;
  }
  turn.patch({ epoch: answer.epoch, edition: answer.edition, round: { ...round, phase: 'answered' } });
  const retryAfterMs = answer.retryAfterMs ?? options.timing.resendIntervalMs;
  const wantsMore = turn.state.incidents.length > 0;
  turn.patch({ nextRoundAt: wantsMore ? turn.at + retryAfterMs : undefined });
  const claimed: {
    readonly machineId: string;
    readonly incident: AgentIncident;
    readonly knowledge: 'claimed';
  }[] = [];
  for (const result of answer.results) {
    const found = findMachine(turn.state, result.machineId);
    if (found === undefined) continue;
    const { incident, impacted } = found;
    if (isUndecided(impacted)) {
      if (takeIn(turn, incident, impacted, result)) {
        claimed.push({ machineId: result.machineId, incident, knowledge: 'claimed' });
      }
    } else followUp(turn, incident, impacted, result);
  }
  doom(turn, claimed);
  forgetEmpty(turn);
}

/** A machine that still runs: true when its claim is confirmed and it is to be ended. */
function takeIn(
  turn: AgentTurn,
  incident: AgentIncident,
  impacted: ImpactedMachine,
  { machineId, outcome, place, detail }: ReservationResult,
): boolean {
  switch (outcome) {
    case 'claimed':
      if (impacted.status === 'claiming' && decide(turn, incident, impacted, 'claimed')) {
        changeMachine(turn, machineId, { place, detail: placeDetail(place?.hostId) });
        return true;
      }
      changeMachine(turn, machineId, { status: 'reserved', place, detail });
      return false;
    case 'reserved': {
      const status = impacted.status === 'claiming' ? 'claiming' : 'reserved';
      changeMachine(turn, machineId, { status, place, detail });
      return false;
    }
    case 'insufficient':
    case 'incompatible':
      changeMachine(turn, machineId, { status: outcome, place: undefined, detail });
      return false;
    case 'unknown':
      // The coordinator is there and gathers: that is no silence, and it will be asked again soon.
      if (impacted.status === 'claiming') changeMachine(turn, machineId, { status: 'asking', detail });
      return false;
    case 'restarting':
    case 'restarted':
    case 'restart-failed':
      if (impacted.told === outcome) return false;
      changeMachine(turn, machineId, { told: outcome });
      turn.report('alarm', { kind: 'runs-twice', machineId, outcome });
      return false;
  }
}

function placeDetail(hostId: string | undefined): string {
  return hostId === undefined ? '' : `it restarts on ${hostId}`;
}

/** A machine that is ended, or being ended. */
function followUp(
  turn: AgentTurn,
  incident: AgentIncident,
  impacted: ImpactedMachine,
  { machineId, outcome, place, detail }: ReservationResult,
): void {
  const isDown = impacted.status === 'terminated';
  if (isDown && outcome === 'restarted') {
    const hostId = place?.hostId ?? 'another host';
    const sinceLossMs = turn.at - incident.detectedAt;
    forget(turn, incident, machineId);
    turn.report('info', { kind: 'handed-over', machineId, hostId, sinceLossMs });
    return;
  }
  if (isDown && outcome === 'restart-failed') {
    forget(turn, incident, machineId);
    turn.report('alarm', { kind: 'restart-given-up', machineId, attempts: 0, detail });
    return;
  }
  if (place !== undefined && place.reservationId !== impacted.place?.reservationId) {
    changeMachine(turn, machineId, { place, detail });
  }
}

function forget(turn: AgentTurn, incident: AgentIncident, machineId: string): void {
  const current = turn.state.incidents.find(({ incidentId }) => incidentId === incident.incidentId);
  if (current === undefined) return;
  const machines = current.machines.filter(({ machine }) => machine.machineId !== machineId);
  changeIncident(turn, incident.incidentId, { machines });
  saveDoomed(turn);
  turn.tell = true;
}

/** An incident whose component is back ends with its last machine. */
export function forgetEmpty(turn: AgentTurn): void {
  const { incidents } = turn.state;
  const kept = incidents.filter(({ phase, machines }) => phase !== 'cleared' || machines.length > 0);
  if (kept.length !== incidents.length) turn.patch({ incidents: kept });
}
