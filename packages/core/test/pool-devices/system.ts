import {
  freshPoolDevicesRecord,
  poolDevices,
  type PoolDevicesCommand,
  type PoolDevicesEffect,
  type PoolDevicesFact,
  type PoolDevicesOptions,
  type PoolDevicesRecord,
  type PoolDevicesRequest,
  type PoolDevicesState,
} from '../../src/index.js';
import { brokenIn, claimAt, execute, rehearse, releaseAt, viewOf, type Lab } from './lab.js';

/* Controllers over a lab, with every choice that the world has: `choices` and `apply` are all that an explorer needs. */

interface Controller {
  readonly name: string;
  readonly requests: readonly { readonly id: string; readonly request: PoolDevicesRequest }[];
  readonly state: PoolDevicesState | undefined;
  readonly disk: PoolDevicesRecord;
  readonly incarnation: number;
  readonly sequence: number;
  readonly waiting: readonly { readonly effect: PoolDevicesEffect; readonly after: readonly string[] }[];
}

/** A command that was sent; it outlives whoever sent it. */
interface Flight {
  readonly controller: number;
  readonly incarnation: number;
  readonly effect: string;
  readonly command: PoolDevicesCommand;
}

export interface System {
  readonly lab: Lab;
  readonly controllers: readonly Controller[];
  readonly flights: readonly Flight[];
  readonly crashes: number;
  readonly faults: number;
  readonly cancels: number;
  /** A broken promise seen on the way here. */
  readonly broken?: string;
}

/** What the world around the policy may do wrong, for variants that have to be caught. */
export interface Rules {
  readonly policy: typeof poolDevices;
  readonly options: Partial<PoolDevicesOptions>;
  /** A view is taken after every command that was sent has ended. */
  readonly barrier: boolean;
  /** The registry grants a claim to one job at a time. */
  readonly exclusive: boolean;
  /** A record that says it is durable is; otherwise it is not, from the first command on. */
  readonly trueDisk: boolean;
}

export const honest: Rules = {
  policy: poolDevices,
  options: {},
  barrier: true,
  exclusive: true,
  trueDisk: true,
};

export type Choice =
  | { readonly kind: 'next'; readonly controller: number; readonly how: 'well' | 'failed' | 'done-and-lost' }
  | {
      readonly kind: 'land';
      readonly flight: number;
      readonly how: 'well' | 'refused' | 'retry' | 'applied-unknown' | 'lost-unknown';
    }
  | { readonly kind: 'tick' | 'start' | 'cancel'; readonly controller: number }
  | { readonly kind: 'crash'; readonly controller: number; readonly written: boolean };

export function systemOf(
  lab: Lab,
  requests: readonly (readonly { readonly id: string; readonly request: PoolDevicesRequest }[])[],
  budget: { readonly crashes: number; readonly faults: number; readonly cancels: number },
  rules: Rules,
): System {
  let system: System = {
    lab,
    flights: [],
    ...budget,
    controllers: requests.map((own, index) => ({
      name: `controller-${String(index)}`,
      requests: own,
      state: undefined,
      disk: freshPoolDevicesRecord('estate'),
      incarnation: 0,
      sequence: 0,
      waiting: [],
    })),
  };
  for (const index of requests.keys()) system = start(system, index, rules);
  return system;
}

function start(system: System, index: number, rules: Rules): System {
  const controller = controllerOf(system, index);
  const incarnation = controller.incarnation + 1;
  const state = rules.policy.init(
    {
      groupId: 'estate',
      nodeId: controller.name,
      incarnation,
      appliances: system.lab.appliances,
      record: controller.disk,
      timing: {
        claimTtlMs: 60_000,
        claimRenewIntervalMs: 20_000,
        callTimeoutMs: 10_000,
        commandStartMs: 5_000,
        commandSoftMs: 20_000,
        commandHardMs: 40_000,
        pollIntervalMs: 10_000,
        retryIntervalMs: 10_000,
        clockDriftPpm: 1,
      },
      ...rules.options,
    },
    0,
  );
  let next = replace(system, index, { state, incarnation, sequence: 0, waiting: [] });
  next = feed(next, index, { kind: 'tick' }, rules);
  for (const { id, request } of controller.requests)
    next = feed(next, index, { kind: 'requested', requestId: id, request }, rules);
  return next;
}

function controllerOf(system: System, index: number): Controller {
  const controller = system.controllers[index];
  if (controller === undefined) throw new TypeError(`There is no controller ${String(index)}.`);
  return controller;
}

function replace(system: System, index: number, change: Partial<Controller>): System {
  const controllers = system.controllers.map((each, at) => (at === index ? { ...each, ...change } : each));
  return { ...system, controllers };
}

function feed(system: System, index: number, fact: PoolDevicesFact, rules: Rules, at?: number): System {
  const controller = controllerOf(system, index);
  const { state: before } = controller;
  if (before === undefined) return system;
  const sequence = controller.sequence + 1;
  const { state, effects } = rules.policy.step(before, { ...fact, at: at ?? before.now, sequence });
  const wishes = effects.filter(({ kind }) => kind !== 'answer' && kind !== 'report');
  // A newer inspection stands for an older one that has not begun: nobody waits for that any more.
  const asked = wishes.flatMap((wish) => (wish.kind === 'inspect' ? [wish.appliance] : []));
  const kept = controller.waiting.filter(
    ({ effect }) => effect.kind !== 'inspect' || !asked.includes(effect.appliance),
  );
  const waiting = [...kept, ...wishes.map((effect) => ({ effect, after: effect.after ?? [] }))];
  const next = replace(system, index, { state, sequence, waiting });
  let broken = system.broken;
  for (const invariant of rules.policy.invariants) {
    const why = invariant.check(state);
    if (why !== undefined) broken ??= `${invariant.name}: ${why}`;
  }
  return broken === undefined ? next : { ...next, broken };
}

/** The first effect that waits for nothing: their order is the policy's, only their outcomes are the world's. */
function readyOf(system: System, index: number, rules: Rules): number {
  const { waiting } = controllerOf(system, index);
  return waiting.findIndex(({ effect, after }) => {
    if (after.length > 0) return false;
    if (effect.kind !== 'inspect' || !rules.barrier) return true;
    return !system.flights.some(({ command }) => applianceOf(command) === effect.appliance);
  });
}

function applianceOf(command: PoolDevicesCommand): string {
  return command.kind === 'clear-label' ? command.appliance : command.at.appliance;
}

export function isAtRest(system: System): boolean {
  return (
    system.flights.length === 0 &&
    system.controllers.every(
      ({ state, waiting }) =>
        waiting.length === 0 && state?.jobs.every(({ stage }) => stage.kind === 'ended') === true,
    )
  );
}

export function choices(system: System, rules: Rules): Choice[] {
  const all: Choice[] = [];
  const { crashes, faults, cancels } = system;
  for (const [controller, { state, waiting }] of system.controllers.entries()) {
    if (state === undefined) {
      all.push({ kind: 'start', controller });
      continue;
    }
    const ready = readyOf(system, controller, rules);
    const effect = waiting[ready]?.effect;
    if (effect !== undefined) {
      all.push({ kind: 'next', controller, how: 'well' });
      const canFail = effect.kind !== 'command' && effect.kind !== 'rehearse';
      if (faults > 0 && canFail) all.push({ kind: 'next', controller, how: 'failed' });
      if (faults > 0 && (effect.kind === 'claim' || effect.kind === 'release'))
        all.push({ kind: 'next', controller, how: 'done-and-lost' });
    } else if (rules.policy.wakeAt(state) !== undefined && !isCommanding(system, controller)) {
      all.push({ kind: 'tick', controller });
    }
    const isBusy = state.jobs.some(({ stage }) => stage.kind !== 'ended');
    if (cancels > 0 && isBusy) all.push({ kind: 'cancel', controller });
    if (crashes > 0 && isBusy) {
      all.push({ kind: 'crash', controller, written: false });
      if (effect?.kind === 'persist') all.push({ kind: 'crash', controller, written: true });
    }
  }
  for (const [flight, { command }] of system.flights.entries()) {
    const isFirst =
      system.flights.findIndex((each) => applianceOf(each.command) === applianceOf(command)) === flight;
    if (!isFirst) continue;
    all.push({ kind: 'land', flight, how: 'well' });
    if (faults === 0) continue;
    for (const how of ['refused', 'retry', 'applied-unknown', 'lost-unknown'] as const)
      all.push({ kind: 'land', flight, how });
  }
  return all;
}

function isCommanding(system: System, controller: number): boolean {
  const { incarnation } = controllerOf(system, controller);
  return system.flights.some(
    (flight) => flight.controller === controller && flight.incarnation === incarnation,
  );
}

export function apply(system: System, choice: Choice, rules: Rules): System {
  switch (choice.kind) {
    case 'start':
      return start(system, choice.controller, rules);
    case 'tick': {
      const { state } = controllerOf(system, choice.controller);
      const at = state === undefined ? 0 : (rules.policy.wakeAt(state) ?? 0);
      return feed(system, choice.controller, { kind: 'tick' }, rules, at);
    }
    case 'cancel': {
      const [job] = controllerOf(system, choice.controller).requests;
      const fact = { kind: 'cancelled', requestId: job?.id ?? '' } as const;
      return feed({ ...system, cancels: system.cancels - 1 }, choice.controller, fact, rules);
    }
    case 'crash': {
      const { waiting, disk } = controllerOf(system, choice.controller);
      const effect = waiting[readyOf(system, choice.controller, rules)]?.effect;
      const written = choice.written && effect?.kind === 'persist' ? effect.record : disk;
      const dead = { state: undefined, waiting: [], disk: written };
      return replace({ ...system, crashes: system.crashes - 1 }, choice.controller, dead);
    }
    case 'land':
      return land(system, choice, rules);
    case 'next':
      return carryOut(system, choice, rules);
  }
}

function land(system: System, { flight, how }: Extract<Choice, { kind: 'land' }>, rules: Rules): System {
  const landing = system.flights[flight];
  if (landing === undefined) return system;
  const { controller, incarnation, effect, command } = landing;
  const flights = system.flights.filter((_, index) => index !== flight);
  const spent = { ...system, flights, faults: system.faults - (how === 'well' ? 0 : 1) };
  const isApplied = how === 'well' || how === 'applied-unknown';
  const lab = isApplied ? structuredClone(system.lab) : system.lab;
  const refusal = isApplied ? execute(lab, command) : undefined;
  const broken = system.broken ?? brokenIn(lab);
  const next: System = broken === undefined ? { ...spent, lab } : { ...spent, lab, broken };
  if (controllerOf(system, controller).incarnation !== incarnation) return next;
  if (how === 'applied-unknown' || how === 'lost-unknown')
    return feed(next, controller, { kind: 'command-unknown', effect, detail: '' }, rules);
  const said =
    how === 'well' ? refusal : ({ code: 'unknown', retryable: how === 'retry', detail: '' } as const);
  const fact: PoolDevicesFact =
    said === undefined
      ? { kind: 'command-done', effect }
      : { kind: 'command-refused', effect, refusal: said };
  return feed(next, controller, fact, rules);
}

function carryOut(system: System, choice: Extract<Choice, { kind: 'next' }>, rules: Rules): System {
  const { controller, how } = choice;
  const own = controllerOf(system, controller);
  const index = readyOf(system, controller, rules);
  const effect = own.waiting[index]?.effect;
  if (effect === undefined) return system;
  const { id } = effect;
  const rest = own.waiting.filter((_, at) => at !== index);
  const faults = system.faults - (how === 'well' ? 0 : 1);
  const taken = replace({ ...system, faults }, controller, { waiting: rest });
  const isWell = how === 'well';
  switch (effect.kind) {
    case 'persist': {
      if (!isWell) {
        const kept = rest.filter(({ after }) => !after.includes(id));
        const failed = replace(taken, controller, { waiting: kept });
        return feed(failed, controller, { kind: 'persist-failed', effect: id, detail: '' }, rules);
      }
      const waiting = rest.map((each) => ({ ...each, after: each.after.filter((other) => other !== id) }));
      const lies = !rules.trueDisk && effect.record.jobs.some(({ begun }) => begun);
      const disk = lies ? own.disk : effect.record;
      const written = replace(taken, controller, { waiting, disk });
      return feed(written, controller, { kind: 'persisted', effect: id }, rules);
    }
    case 'inspect': {
      const view = viewOf(system.lab, effect.appliance);
      const fact: PoolDevicesFact =
        isWell && view !== undefined
          ? { kind: 'inspected', effect: id, view }
          : { kind: 'inspect-failed', effect: id, detail: '' };
      return feed(taken, controller, fact, rules);
    }
    case 'claim': {
      if (how === 'failed')
        return feed(taken, controller, { kind: 'claim-failed', effect: id, detail: '' }, rules);
      const lab = structuredClone(system.lab);
      if (!rules.exclusive) lab.claims = {};
      const answer = claimAt(lab, effect.jobId, effect.resources);
      const next = { ...taken, lab };
      if (how === 'done-and-lost')
        return feed(next, controller, { kind: 'claim-failed', effect: id, detail: '' }, rules);
      const fact: PoolDevicesFact =
        answer.kind === 'granted'
          ? { kind: 'claim-granted', effect: id, owners: answer.owners }
          : { kind: 'claim-refused', effect: id, resource: answer.resource, holder: answer.holder };
      return feed(next, controller, fact, rules);
    }
    case 'release': {
      if (how === 'failed')
        return feed(taken, controller, { kind: 'release-failed', effect: id, detail: '' }, rules);
      const lab = structuredClone(system.lab);
      releaseAt(lab, effect.jobId, effect.owners);
      const broken = system.broken ?? brokenIn(lab);
      const next: System = broken === undefined ? { ...taken, lab } : { ...taken, lab, broken };
      const kind = how === 'done-and-lost' ? 'release-failed' : 'released';
      return feed(next, controller, { kind, effect: id, detail: '' }, rules);
    }
    case 'rehearse':
      return feed(
        taken,
        controller,
        { kind: 'rehearsed', effect: id, refusals: rehearse(system.lab, effect.at, effect.units) },
        rules,
      );
    case 'command': {
      const { incarnation } = own;
      const flights = [...system.flights, { controller, incarnation, effect: id, command: effect.command }];
      return { ...taken, flights };
    }
    case 'answer':
    case 'report':
      return taken;
  }
}
