import { plannedFailoverMayArbitrate } from '../../src/index.js';
import { connected, ids, other, type Id, type Node, type Setting, type System } from './model.js';

/** Everything that may happen next. A choice is a verb, a node where it matters, and a detail. */
export function choices(system: System, setting: Setting): string[] {
  const { nodes, linkUp, budget, inFlight } = system;
  const list: string[] = [];
  for (const id of ids) {
    const node = nodes[id];
    if (!node.up) {
      list.push(`restart ${id}`);
      continue;
    }
    for (const [index, task] of node.tasks.entries()) {
      if (task.kind === 'drain' && inFlight?.by === id) continue;
      list.push(`result ${id} ${String(index)}`);
      const canRefuse = task.kind === 'check' || task.kind === 'make-ready';
      if (canRefuse && budget.refusals > 0) list.push(`refuse ${id} ${String(index)}`);
      if (task.kind === 'persist' && budget.storeFailures > 0) {
        list.push(`fail ${id} ${String(index)}`, `fail-landed ${id} ${String(index)}`);
      }
    }
    if (system.toward[id].length > 0) {
      list.push(`deliver ${id}`);
      if (budget.drops > 0) list.push(`drop ${id}`);
      if (budget.repeats > 0) list.push(`repeat ${id}`);
      if (budget.repeats > 0 && system.toward[id].length > 1) list.push(`swap ${id}`);
    }
    // What is said again matters when nothing else is under way; that a limit runs out matters at any time.
    if (isQuiet(system) && setting.policy.wakeAt(node.state) !== undefined) list.push(`tick ${id}`);
    if (budget.timeouts > 0 && node.state.source !== undefined) list.push(`expire ${id}`);
    if (budget.crashes > 0) list.push(...crashChoices(node, id));
    if (budget.starts > 0 && node.state.record.roles.sequencer === id) list.push(`start ${id}`);
    if (budget.aborts > 0 && node.state.record.operation !== undefined) list.push(`abort ${id}`);
    list.push(...faultHandlingChoices(system, setting, id));
    if (budget.writes > 0 && node.state.gate.ordersWrites && inFlight === undefined) list.push(`write ${id}`);
    if (budget.writes > 0 && node.alone) list.push(`write-alone ${id}`);
  }
  if (inFlight !== undefined && canApply(system)) list.push('applied');
  if (inFlight !== undefined && isOutdated(system, inFlight)) list.push('rejected');
  if (linkUp && budget.cuts > 0) list.push('cut');
  if (!linkUp) list.push('heal');
  if (linkUp && nodes.a.up && nodes.b.up) {
    if (!connected(system)) list.push('connect');
    else if (canMeet(system, setting)) list.push('meet');
  }
  return list;
}

function isQuiet(system: System): boolean {
  const { nodes, toward } = system;
  return !canApply(system) && ids.every((id) => toward[id].length === 0 && nodes[id].tasks.length === 0);
}

function crashChoices(node: Node, id: Id): string[] {
  const isWriting = node.tasks.some((task) => task.kind === 'persist');
  return isWriting ? [`crash ${id}`, `crash-landed ${id}`] : [`crash ${id}`];
}

function canApply(system: System): boolean {
  const { inFlight, nodes } = system;
  if (inFlight === undefined || !connected(system)) return false;
  const { state, disk } = nodes[other(inFlight.by)];
  return state.standing.service === 'mirrored' && disk.roles.epoch === inFlight.epoch;
}

/** The other node is in a later epoch already: it takes no write of this one, and the write is never acknowledged. */
function isOutdated(system: System, inFlight: { readonly by: Id; readonly epoch: number }): boolean {
  return connected(system) && system.nodes[other(inFlight.by)].disk.roles.epoch > inFlight.epoch;
}

function faultHandlingChoices(system: System, setting: Setting, id: Id): string[] {
  const { nodes, sessions, linkUp, witness } = system;
  const node = nodes[id];
  const peer = nodes[other(id)];
  const { standing } = node.state;
  const list: string[] = [];
  const isGone = node.session !== undefined && (!linkUp || !peer.up || peer.session !== node.session);
  if (isGone || (node.session !== undefined && node.session !== sessions)) list.push(`lose ${id}`);
  if (standing.service === 'mirrored' || node.alone || node.session !== undefined) return list;
  // Fault handling may act where nothing is in its way.
  const mayArbitrate = (setting.mayArbitrate ?? plannedFailoverMayArbitrate)(node.state);
  if (setting.arbiter === 'witness' && mayArbitrate && (!node.owner || standing.service === 'unknown'))
    list.push(`ask ${id}`);
  const isBusy = node.state.record.operation !== undefined || node.state.record.preparation !== undefined;
  if (
    setting.arbiter === 'witness' &&
    isBusy &&
    witness.owner === other(id) &&
    standing.epoch < witness.epoch
  )
    list.push(`learn ${id}`);
  const elects = setting.arbiter === 'preferred' && standing.service === 'interrupted' && !node.owner;
  if (elects && mayArbitrate && node.state.record.roles.preferred === id) list.push(`elect ${id}`);
  return list;
}

/** The two talk, and at least one does not mirror: fault handling agrees on how to go on, once no operation is in its way. */
function canMeet(system: System, setting: Setting): boolean {
  const mirrors = ids.filter((id) => system.nodes[id].state.standing.service === 'mirrored');
  if (mirrors.length === 2) return false;
  const mayArbitrate = setting.mayArbitrate ?? plannedFailoverMayArbitrate;
  return ids.every((id) => {
    const { state } = system.nodes[id];
    const phase = state.record.operation?.phase;
    return mayArbitrate(state) || (phase === 'committed' && state.standing.service !== 'mirrored');
  });
}
