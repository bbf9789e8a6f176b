import { decideMachine, type RoomKnowledge } from './decide.js';
import { plain, type AgentIncident, type ImpactedMachine, type ReservationAgentState } from './state.js';
import type { ReservationTurn } from './turn.js';
import type { AgentRecord, DoomedMachine, LocalMachine, ProtectionPolicy } from './types.js';

export type AgentTurn = ReservationTurn<ReservationAgentState>;

/** Statuses in which the machine still runs as it did, and may go on doing so. */
const undecided: readonly string[] = [
  'asking',
  'reserved',
  'insufficient',
  'incompatible',
  'unknown',
  'claiming',
];

export function isUndecided({ status }: ImpactedMachine): boolean {
  return undecided.includes(status);
}

export function policyOf(state: ReservationAgentState, incident: AgentIncident): ProtectionPolicy {
  return incident.loss === 'permanent-device-loss'
    ? state.options.onPermanentDeviceLoss
    : state.options.onAllPathsDown;
}

export function actsAtAll(policy: ProtectionPolicy): boolean {
  return policy !== 'disabled' && policy !== 'warning';
}

/** A machine is impacted when it is protected and needs what is lost; `host` is the health of the host itself. */
export function isImpacted(machine: LocalMachine, component: string): boolean {
  return machine.isProtected && (component === 'host' || machine.needs.includes(component));
}

export function changeIncident(turn: AgentTurn, incidentId: string, change: Partial<AgentIncident>): void {
  turn.patch({
    incidents: turn.state.incidents.map((one) =>
      one.incidentId === incidentId ? { ...one, ...change } : one,
    ),
  });
}

export function changeMachine(
  turn: AgentTurn,
  machineId: string,
  change: { readonly [Key in keyof ImpactedMachine]?: ImpactedMachine[Key] | undefined },
): void {
  turn.patch({
    incidents: turn.state.incidents.map((incident) =>
      incident.machines.some(({ machine }) => machine.machineId === machineId)
        ? {
            ...incident,
            machines: incident.machines.map((one) =>
              one.machine.machineId === machineId ? (plain({ ...one, ...change }) as ImpactedMachine) : one,
            ),
          }
        : incident,
    ),
  });
}

export function findMachine(
  state: ReservationAgentState,
  machineId: string,
): { readonly incident: AgentIncident; readonly impacted: ImpactedMachine } | undefined {
  for (const incident of state.incidents) {
    const impacted = incident.machines.find(({ machine }) => machine.machineId === machineId);
    if (impacted !== undefined) return { incident, impacted };
  }
  return undefined;
}

export function agentRecord(state: ReservationAgentState): AgentRecord {
  const doomed = state.incidents.flatMap(({ incidentId, component, machines }) =>
    machines
      .filter((one) => !isUndecided(one))
      .map(({ machine, place }): DoomedMachine => ({
        incidentId,
        component,
        machine,
        ...(place === undefined ? {} : { place }),
      })),
  );
  return { version: 1, kind: 'agent', hostId: state.options.hostId, doomed };
}

export function saveDoomed(turn: AgentTurn): void {
  const record = agentRecord(turn.state);
  turn.save(record, { kind: 'doomed-written', machines: record.doomed.length });
}

/** Keeps the list of impacted machines what it is: a machine belongs to the first open incident that hits it. */
export function refreshImpacted(turn: AgentTurn): void {
  const { machines: local = [] } = turn.state;
  const here = new Set(local.map(({ machineId }) => machineId));
  const taken = new Set<string>();
  for (const { machines } of turn.state.incidents) {
    for (const one of machines) if (!isUndecided(one)) taken.add(one.machine.machineId);
  }
  for (const incident of turn.state.incidents) {
    if (incident.phase !== 'declared' || !actsAtAll(policyOf(turn.state, incident))) continue;
    const kept = incident.machines.filter(
      (one) => !isUndecided(one) || (here.has(one.machine.machineId) && !taken.has(one.machine.machineId)),
    );
    const known = new Set(kept.map(({ machine }) => machine.machineId));
    for (const one of kept) taken.add(one.machine.machineId);
    const added = local
      .filter(
        (one) =>
          isImpacted(one, incident.component) && !taken.has(one.machineId) && !known.has(one.machineId),
      )
      .map(({ isProtected: _isProtected, ...machine }): ImpactedMachine => ({
        machine,
        status: 'asking',
        detail: '',
      }));
    for (const { machine } of added) taken.add(machine.machineId);
    if (added.length === 0 && kept.length === incident.machines.length) continue;
    changeIncident(turn, incident.incidentId, { machines: [...kept, ...added] });
    turn.tell = true;
  }
}

/** Declares what has been lost for long enough, and acts on what has been declared for long enough. */
export function declareAndAct(turn: AgentTurn): void {
  for (const incident of turn.state.incidents) {
    if (incident.phase !== 'detected' || turn.at < incident.declareAt) continue;
    const policy = policyOf(turn.state, incident);
    const machines = (turn.state.machines ?? []).filter((one) => isImpacted(one, incident.component)).length;
    changeIncident(turn, incident.incidentId, { phase: 'declared' });
    const { component, detectedAt } = incident;
    turn.report(policy === 'disabled' ? 'info' : 'warning', {
      kind: 'declared',
      component,
      afterMs: turn.at - detectedAt,
      machines,
      policy,
    });
  }
  refreshImpacted(turn);
  const doomed: {
    readonly machineId: string;
    readonly incident: AgentIncident;
    readonly knowledge: RoomKnowledge;
  }[] = [];
  for (const incident of turn.state.incidents) {
    if (incident.phase !== 'declared' || turn.at < incident.actAt) continue;
    for (const impacted of incident.machines) {
      const { machineId } = impacted.machine;
      if (impacted.status === 'reserved') {
        // Room that is only held may end while the machine is being ended: it is made firm first.
        changeMachine(turn, machineId, { status: 'claiming' });
        turn.tell = true;
        continue;
      }
      const knowledge = knowledgeOf(impacted);
      if (knowledge === undefined) continue;
      if (decide(turn, incident, impacted, knowledge)) doomed.push({ machineId, incident, knowledge });
    }
  }
  doom(turn, doomed);
}

function knowledgeOf({ status }: ImpactedMachine): RoomKnowledge | undefined {
  if (status === 'insufficient' || status === 'incompatible') return 'denied';
  return status === 'unknown' ? 'unknown' : undefined;
}

/** Reports what is decided, once; true when the machine is to be ended. */
export function decide(
  turn: AgentTurn,
  incident: AgentIncident,
  impacted: ImpactedMachine,
  knowledge: RoomKnowledge,
): boolean {
  const policy = policyOf(turn.state, incident);
  const decision = decideMachine(policy, knowledge);
  if (decision === 'terminate') return true;
  const told = `${decision} ${knowledge}`;
  if (impacted.told === told) return false;
  const { machineId } = impacted.machine;
  changeMachine(turn, machineId, { told });
  const sinceLossMs = turn.at - incident.detectedAt;
  const { detail } = impacted;
  turn.report('warning', {
    kind: 'machine-decided',
    machineId,
    decision,
    policy,
    knowledge,
    sinceLossMs,
    detail,
  });
  return false;
}

/** Writes down that these are ended, and only then ends them. */
export function doom(
  turn: AgentTurn,
  doomed: readonly {
    readonly machineId: string;
    readonly incident: AgentIncident;
    readonly knowledge: RoomKnowledge;
  }[],
): void {
  if (doomed.length === 0) return;
  for (const { machineId } of doomed) changeMachine(turn, machineId, { status: 'terminating' });
  saveDoomed(turn);
  for (const { machineId, incident, knowledge } of doomed) {
    const policy = policyOf(turn.state, incident);
    const detail = findMachine(turn.state, machineId)?.impacted.detail ?? '';
    const sinceLossMs = turn.at - incident.detectedAt;
    turn.wish(
      { kind: 'terminate-machine', machineId },
      { kind: 'machine-decided', machineId, decision: 'terminate', policy, knowledge, sinceLossMs, detail },
      turn.durable,
    );
  }
  turn.tell = true;
}

export function terminateAgain(turn: AgentTurn, machineId: string, detail: string): void {
  changeMachine(turn, machineId, { status: 'terminating', retryAt: undefined });
  turn.wish(
    { kind: 'terminate-machine', machineId },
    { kind: 'terminates-again', machineId, detail },
    turn.durable,
  );
}
