import type { Millis } from '../../kernel/time.js';
import {
  changeIncident,
  changeMachine,
  declareAndAct,
  findMachine,
  isUndecided,
  saveDoomed,
  terminateAgain,
  type AgentTurn,
} from './agent.js';
import { forgetEmpty, hearSilence, onAnswer, talk } from './agent-talk.js';
import type { ReservationAgentOptions } from './options.js';
import type { AgentIncident, ImpactedMachine, ReservationAgentState } from './state.js';
import type { LocalMachine, ReservationEvent } from './types.js';

type EventOf<Kind> = Extract<ReservationEvent, { kind: Kind }>;

export function initialAgent(options: ReservationAgentOptions, at: Millis): ReservationAgentState {
  const { record, ...kept } = options;
  const byIncident = new Map<string, AgentIncident>();
  for (const { incidentId, component, machine, place } of record?.doomed ?? []) {
    const incident = byIncident.get(incidentId) ?? {
      incidentId,
      component,
      loss: 'all-paths-down',
      detectedAt: at,
      declareAt: at,
      actAt: at,
      phase: 'cleared',
      machines: [],
    };
    const impacted: ImpactedMachine = {
      machine,
      status: 'restoring',
      detail: 'written down before the restart',
      ...(place === undefined ? {} : { place }),
    };
    byIncident.set(incidentId, { ...incident, machines: [...incident.machines, impacted] });
  }
  return {
    version: 1,
    role: 'agent',
    options: kept,
    now: at,
    startedAt: at,
    ignored: {},
    epoch: 0,
    edition: 0,
    incidents: [...byIncident.values()],
  };
}

export function onAgentEvent(turn: AgentTurn, event: ReservationEvent): void {
  switch (event.kind) {
    case 'tick':
      break;
    case 'persisted':
      turn.persisted(event.effect);
      break;
    case 'persist-failed':
      turn.persistFailed(event.effect, event.detail);
      break;
    case 'machines-changed':
      onMachines(turn, event.machines);
      break;
    case 'component-lost':
      onLost(turn, event);
      break;
    case 'component-restored':
      onRestored(turn, event.component);
      break;
    case 'coordinator-changed':
      if (event.epoch <= turn.state.epoch) turn.ignore(event.kind);
      else {
        turn.patch({ epoch: event.epoch, edition: 0 });
        turn.tell = true;
      }
      break;
    case 'answer-received':
      onAnswer(turn, event.answer);
      break;
    case 'terminate-ended':
      onTerminateEnded(turn, event);
      break;
    case 'command':
      onCommand(turn, event);
      break;
    default:
      turn.ignore(event.kind);
  }
  if (turn.state.machines === undefined) return;
  retryPersist(turn);
  hearSilence(turn);
  declareAndAct(turn);
  retryStuck(turn);
  giveUpInTime(turn);
  talk(turn);
}

function onMachines(turn: AgentTurn, machines: readonly LocalMachine[]): void {
  const isFirst = turn.state.machines === undefined;
  turn.patch({ machines });
  if (!isFirst) return;
  // What was being ended before the restart: whatever is gone is to be restarted, whatever is left is ended again.
  const here = new Set(machines.map(({ machineId }) => machineId));
  for (const { machines: impacted } of turn.state.incidents) {
    for (const { machine, status } of impacted) {
      if (status !== 'restoring') continue;
      if (here.has(machine.machineId))
        terminateAgain(turn, machine.machineId, 'it was being ended before the restart');
      else changeMachine(turn, machine.machineId, { status: 'terminated' });
    }
  }
  turn.tell = true;
}

function onLost(turn: AgentTurn, { incidentId, component, loss }: EventOf<'component-lost'>): void {
  const { timing } = turn.state.options;
  const open = turn.state.incidents.find(
    (one) => one.incidentId === incidentId || (one.component === component && one.phase !== 'cleared'),
  );
  const isPermanent = loss === 'permanent-device-loss';
  const declareInMs = isPermanent ? 0 : timing.declareAfterMs;
  const actInMs = isPermanent ? 0 : timing.declareAfterMs + timing.actionDelayMs;
  const because = { kind: 'component-lost', component, loss, declareInMs, actInMs } as const;
  const times = { declareAt: turn.at + declareInMs, actAt: turn.at + actInMs };
  if (open !== undefined) {
    if (!isPermanent || open.loss === loss || open.phase === 'cleared') {
      turn.ignore('component-lost');
      return;
    }
    changeIncident(turn, open.incidentId, { loss, ...times });
  } else {
    const incident: AgentIncident = {
      incidentId,
      component,
      loss,
      detectedAt: turn.at,
      ...times,
      phase: 'detected',
      machines: [],
    };
    turn.patch({ incidents: [...turn.state.incidents, incident] });
    // Others must not be sent here meanwhile: the coordinator hears of the component before anything is asked for.
    turn.tell = true;
  }
  turn.report('warning', because);
}

function onRestored(turn: AgentTurn, component: string): void {
  const hit = turn.state.incidents.filter((one) => one.component === component && one.phase !== 'cleared');
  if (hit.length === 0) turn.ignore('component-restored');
  for (const incident of hit) {
    const undone = incident.machines.filter(isUndecided);
    changeIncident(turn, incident.incidentId, {
      phase: 'cleared',
      machines: incident.machines.filter((one) => !isUndecided(one)),
    });
    const afterMs = turn.at - incident.detectedAt;
    turn.report('info', { kind: 'restored', component, afterMs, dropped: undone.length });
    turn.tell = true;
    if (incident.phase === 'detected') continue;
    if (!turn.state.options.resetWhenRestored) continue;
    for (const { machine } of undone) {
      const { machineId } = machine;
      turn.wish({ kind: 'reset-machine', machineId }, { kind: 'reset', machineId, component });
    }
  }
  forgetEmpty(turn);
}

function onTerminateEnded(turn: AgentTurn, { machineId, outcome, detail }: EventOf<'terminate-ended'>): void {
  const impacted = findMachine(turn.state, machineId)?.impacted;
  if (impacted?.status !== 'terminating' && impacted?.status !== 'stuck') {
    turn.ignore('terminate-ended');
    return;
  }
  if (outcome === 'terminated') {
    changeMachine(turn, machineId, { status: 'terminated', retryAt: undefined });
    turn.tell = true;
    return;
  }
  const retryMs = turn.state.options.timing.terminateRetryMs;
  changeMachine(turn, machineId, { status: 'stuck', retryAt: turn.at + retryMs });
  turn.report('alarm', { kind: 'stuck', machineId, detail, retryMs });
}

function onCommand(turn: AgentTurn, { commandId, command }: EventOf<'command'>): void {
  const incident = turn.state.incidents.find(({ incidentId }) => incidentId === command.incidentId);
  const ok = incident !== undefined && (incident.phase === 'detected' || incident.phase === 'declared');
  const detail = ok
    ? `Incident ${command.incidentId} asks for no room any more.`
    : `There is no incident ${command.incidentId} that asks for room.`;
  if (ok) giveUp(turn, incident);
  turn.wish({ kind: 'answer', commandId, ok, detail }, { kind: 'command', detail: detail.slice(0, -1) });
}

function giveUpInTime(turn: AgentTurn): void {
  const { giveUpAfterMs } = turn.state.options.timing;
  if (giveUpAfterMs === 0) return;
  for (const incident of turn.state.incidents) {
    if (incident.phase === 'declared' && turn.at >= incident.detectedAt + giveUpAfterMs)
      giveUp(turn, incident);
  }
}

function giveUp(turn: AgentTurn, incident: AgentIncident): void {
  const { incidentId, detectedAt } = incident;
  const left = incident.machines.filter((one) => !isUndecided(one));
  const machines = incident.machines.length - left.length;
  changeIncident(turn, incidentId, { phase: 'gave-up', machines: left });
  turn.report('warning', { kind: 'gave-up', incidentId, afterMs: turn.at - detectedAt, machines });
  turn.tell = true;
}

function retryStuck(turn: AgentTurn): void {
  for (const { machines } of turn.state.incidents) {
    for (const { machine, status, retryAt } of machines) {
      if (status === 'stuck' && retryAt !== undefined && turn.at >= retryAt) {
        terminateAgain(turn, machine.machineId, 'it did not end before');
      }
    }
  }
}

/** The record again, and with it every end that waits for it. */
function retryPersist(turn: AgentTurn): void {
  const { persistRetryAt, incidents } = turn.state;
  if (persistRetryAt === undefined || turn.at < persistRetryAt) return;
  saveDoomed(turn);
  for (const { machine, status } of incidents.flatMap(({ machines }) => machines)) {
    if (status === 'terminating') terminateAgain(turn, machine.machineId, 'it waited for the record');
  }
}

export function agentWakeAt(state: ReservationAgentState): Millis | undefined {
  const { incidents, round, nextRoundAt, persistRetryAt, options, machines } = state;
  if (machines === undefined) return undefined;
  const { timing } = options;
  const times: (Millis | undefined)[] = [nextRoundAt, persistRetryAt];
  if (round?.phase === 'waiting') times.push(round.sentAt + timing.answerTimeoutMs);
  for (const { phase, declareAt, actAt, detectedAt, machines: impacted } of incidents) {
    if (phase === 'detected') times.push(declareAt);
    if (phase === 'declared' && actAt > state.now) times.push(actAt);
    if (phase === 'declared' && timing.giveUpAfterMs > 0) times.push(detectedAt + timing.giveUpAfterMs);
    for (const { retryAt } of impacted) times.push(retryAt);
  }
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
