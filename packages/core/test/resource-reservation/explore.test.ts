import { describe, expect, test } from 'vitest';
import {
  createInventory,
  reservationAgentDefaults,
  reservationCoordinatorDefaults,
  resourceReservation,
  type AgentRecord,
  type LedgerRecord,
  type ReservationEffect,
  type ReservationEvent,
  type ReservationState,
} from '../../src/index.js';
import * as mutants from './mutants.js';
import { hostOf, machineOf } from './script.js';

type Policy = typeof resourceReservation;
type Name = 'agent' | 'coordinator';

interface Life {
  readonly state: ReservationState;
  readonly incarnation: number;
  readonly sequence: number;
  readonly done: readonly string[];
}

/** Machine db on h1, room for one on h2, and a neighbour that wants the same room. Everything that can still happen is in here. */
interface System {
  readonly now: number;
  readonly db: 'h1' | 'down' | 'h2' | 'both';
  readonly agent: Life;
  readonly coordinator: Life;
  readonly agentRecord: AgentRecord | undefined;
  readonly ledger: LedgerRecord | undefined;
  /** Effects that were handed out and have not come about. Any of them may be next: messages overtake each other. */
  readonly open: readonly { readonly by: Name; readonly effect: ReservationEffect }[];
  readonly version: number;
  /** Crashes, lost and repeated messages so far. */
  readonly troubles: number;
  readonly ticks: number;
}

type Choice =
  | { readonly kind: 'happens' | 'lost' | 'repeated'; readonly index: number }
  | { readonly kind: 'crash'; readonly who: Name }
  | { readonly kind: 'tick'; readonly who: Name };

const component = 'datastore:gold';
const db = machineOf('db', 'h1', 4, 2_000, 4_096);
const { power: _power, hostId: _hostId, ...demand } = db;
/** How much may go wrong, and how often time passes when nothing else can happen. */
const MOST_TROUBLES = Number(process.env['HOLDFAST_TROUBLES'] ?? 1);
const MOST_TICKS = Number(process.env['HOLDFAST_TICKS'] ?? 2);
const messages = ['send-ask', 'send-answer'];
const silent = ['report', 'reset-machine', 'answer', 'answer-admission'];

function options(who: Name, incarnation: number, records: Pick<System, 'agentRecord' | 'ledger'>) {
  const self = { groupId: 'g', hostId: who === 'agent' ? 'h1' : 'c', incarnation };
  if (who === 'agent') {
    const { agentRecord: record } = records;
    return { ...reservationAgentDefaults, ...self, ...(record === undefined ? {} : { record }) };
  }
  const { ledger: record } = records;
  return {
    ...reservationCoordinatorDefaults,
    ...self,
    epoch: incarnation,
    ...(record === undefined ? {} : { record }),
  };
}

class Explorer {
  private readonly policy: Policy;
  constructor(policy: Policy) {
    this.policy = policy;
  }

  start(): System {
    const none = { agentRecord: undefined, ledger: undefined };
    const life = (who: Name): Life => ({
      state: this.policy.init(options(who, 1, none), 0),
      incarnation: 1,
      sequence: 0,
      done: [],
    });
    const empty = { now: 0, db: 'h1', open: [], version: 1, troubles: 0, ticks: 0 } as const;
    return this.wakeAgent(
      this.give(
        { ...empty, ...none, agent: life('agent'), coordinator: life('coordinator') },
        'coordinator',
        { kind: 'tick' },
      ),
    );
  }

  choices(system: System): readonly Choice[] {
    const found: Choice[] = [];
    for (const [index, { by, effect }] of system.open.entries()) {
      const isReady = (effect.after ?? []).every((id) => system[by].done.includes(id));
      // Records reach the disk in the order in which they were wished for.
      const overtakes =
        effect.kind === 'persist' &&
        system.open.slice(0, index).some((other) => other.by === by && other.effect.kind === 'persist');
      if (!isReady || overtakes) continue;
      found.push({ kind: 'happens', index });
      if (!messages.includes(effect.kind)) continue;
      if (system.troubles < MOST_TROUBLES) found.push({ kind: 'lost', index }, { kind: 'repeated', index });
    }
    if (system.troubles < MOST_TROUBLES)
      found.push({ kind: 'crash', who: 'agent' }, { kind: 'crash', who: 'coordinator' });
    // Time passes only when nothing else is left to happen, or a few times before: that is where the interesting races are.
    const isQuiet = found.every(({ kind }) => kind === 'crash');
    if (isQuiet && system.ticks < MOST_TICKS)
      found.push({ kind: 'tick', who: 'agent' }, { kind: 'tick', who: 'coordinator' });
    return found;
  }

  apply(system: System, choice: Choice): System {
    switch (choice.kind) {
      case 'happens':
        return this.happen(this.without(system, choice.index), system.open[choice.index]!);
      case 'lost':
        return { ...this.without(system, choice.index), troubles: system.troubles + 1 };
      case 'repeated':
        return this.happen({ ...system, troubles: system.troubles + 1 }, system.open[choice.index]!);
      case 'crash':
        return this.crash(system, choice.who);
      case 'tick': {
        const wakeAt = this.policy.wakeAt(system[choice.who].state);
        if (wakeAt === undefined) return system;
        const now = Math.max(system.now, wakeAt);
        return this.give({ ...system, now, ticks: system.ticks + 1 }, choice.who, { kind: 'tick' });
      }
    }
  }

  private without(system: System, index: number): System {
    return { ...system, open: system.open.filter((_, at) => at !== index) };
  }

  private crash(system: System, who: Name): System {
    const incarnation = system[who].incarnation + 1;
    const state = this.policy.init(options(who, incarnation, system), system.now);
    // What the dead process has handed to the outside may still come about; what it only wished for may not.
    const open = system.open.filter(
      ({ by, effect }) => by !== who || messages.includes(effect.kind) || !isWaiting(system, by, effect),
    );
    const next = {
      ...system,
      open,
      troubles: system.troubles + 1,
      [who]: { state, incarnation, sequence: 0, done: system[who].done },
    };
    if (who === 'agent') return this.wakeAgent(next);
    return this.give(this.give(next, 'coordinator', { kind: 'tick' }), 'agent', {
      kind: 'coordinator-changed',
      epoch: incarnation,
    });
  }

  private wakeAgent(system: System): System {
    const machines = system.db === 'h1' ? [{ ...demand, isProtected: true }] : [];
    const known = this.give(system, 'agent', { kind: 'machines-changed', machines });
    const epoch = system.coordinator.incarnation;
    const led = this.give(known, 'agent', { kind: 'coordinator-changed', epoch });
    const incidentId = `i${String(system.agent.incarnation)}`;
    return this.give(led, 'agent', {
      kind: 'component-lost',
      incidentId,
      component,
      loss: 'permanent-device-loss',
    });
  }

  private give(system: System, who: Name, fact: object): System {
    const life = system[who];
    const event = { ...fact, at: system.now, sequence: life.sequence + 1 } as ReservationEvent;
    const { state, effects } = this.policy.step(life.state, event);
    for (const invariant of this.policy.invariants) {
      const broken = invariant.cost === 'cheap' ? invariant.check(state) : undefined;
      if (broken !== undefined) throw new Error(`${invariant.name}: ${broken}`);
    }
    const open = effects.filter(({ kind }) => !silent.includes(kind)).map((effect) => ({ by: who, effect }));
    const next = { ...life, state, sequence: life.sequence + 1 };
    return this.readAtOnce(withoutDead({ ...system, [who]: next, open: [...system.open, ...open] }));
  }

  /** An inventory comes as soon as it is asked for: a crash just before it is the same as one before the ask. */
  private readAtOnce(system: System): System {
    const index = system.open.findIndex(({ effect }) => effect.kind === 'read-inventory');
    const asked = system.open[index];
    return asked === undefined ? system : this.happen(this.without(system, index), asked);
  }

  private happen(system: System, { by, effect }: System['open'][number]): System {
    switch (effect.kind) {
      case 'persist': {
        const stored =
          effect.record.kind === 'agent' ? { agentRecord: effect.record } : { ledger: effect.record };
        const done = [...system[by].done, effect.id];
        const next = { ...system, ...stored, [by]: { ...system[by], done } };
        return this.give(next, by, { kind: 'persisted', effect: effect.id });
      }
      case 'send-ask':
        return this.give(system, 'coordinator', { kind: 'ask-received', ask: effect.ask });
      case 'send-answer':
        return effect.hostId === 'h1'
          ? this.give(system, 'agent', { kind: 'answer-received', answer: effect.answer })
          : system;
      case 'read-inventory':
        return this.give(system, 'coordinator', { kind: 'inventory-read', inventory: inventoryOf(system) });
      case 'terminate-machine': {
        if (system.db === 'h1') checkClaim(system);
        const down = system.db === 'h1' ? 'down' : system.db;
        const next = { ...system, db: down, version: system.version + 1 } as const;
        const told = this.give(next, 'agent', { kind: 'machines-changed', machines: [] });
        return this.give(told, 'agent', {
          kind: 'terminate-ended',
          machineId: 'db',
          outcome: 'terminated',
          detail: '',
        });
      }
      case 'restart-machine': {
        const { reservationId } = effect;
        if (system.db === 'h1') throw new Error('a second copy is started');
        const next = { ...system, db: 'h2', version: system.version + 1 } as const;
        return this.give(next, 'coordinator', { kind: 'restart-ended', reservationId, ok: true, detail: '' });
      }
      default:
        return system;
    }
  }
}

/** Messages that would change nothing, whenever they came: without them there are fewer states and the same ends. */
function withoutDead(system: System): System {
  const { agent, coordinator } = system;
  const open = system.open.filter(({ effect }) => {
    if (effect.kind === 'send-answer') {
      const { ask } = effect.answer;
      const round = agent.state.role === 'agent' ? agent.state.round?.number : undefined;
      return ask.incarnation === agent.incarnation && ask.number === round;
    }
    if (effect.kind !== 'send-ask' || coordinator.state.role !== 'coordinator') return true;
    const known = coordinator.state.agents['h1']?.ask.ask;
    const { incarnation, number } = effect.ask.ask;
    return known === undefined || incarnation > known.incarnation || number >= known.number;
  });
  return { ...system, open };
}

function isWaiting(system: System, by: Name, effect: ReservationEffect): boolean {
  return effect.kind === 'persist' || !(effect.after ?? []).every((id) => system[by].done.includes(id));
}

/** A conservative agent ends nothing whose room is not firm on the disk. */
function checkClaim({ ledger }: System): void {
  const entry = ledger?.reservations.find(({ machine }) => machine.machineId === 'db');
  if (entry === undefined || entry.phase === 'held')
    throw new Error(`db is ended with ${entry?.phase ?? 'no'} room`);
}

function inventoryOf({ db: where, version, coordinator }: System) {
  const hosts = [hostOf('h1', 4_000, 8_192), hostOf('h2', 2_000, 8_192)].map((host) => ({
    ...host,
    reportedEpoch: coordinator.incarnation,
  }));
  const hostId = where === 'h2' ? 'h2' : 'h1';
  const machines = [{ ...db, hostId, power: where === 'down' ? ('failed' as const) : ('running' as const) }];
  return createInventory(hosts, machines, 10 * version + coordinator.incarnation);
}

/** What matters of a system: names of effects and counts of events do not, so that states which differ by them alone are one. */
function key(system: System): string {
  const slim = ({ state, incarnation }: Life) => [{ ...state, ignored: {}, now: 0 }, incarnation];
  const open = system.open
    .map(({ by, effect: { id: _id, because: _because, ...effect } }) => JSON.stringify([by, effect]))
    .sort();
  const { db: where, agentRecord, ledger, troubles, ticks } = system;
  const lives = [slim(system.agent), slim(system.coordinator)];
  return JSON.stringify([where, agentRecord, ledger, troubles, ticks, lives, open]).replace(
    /g\/(h1|c)\/[\d/]+/g,
    '#',
  );
}

/** The way to a broken rule, one line per choice. */
function told(system: System, trace: ReadonlyMap<System, readonly [System, Choice]>, last: Choice): string {
  const lines: string[] = [];
  let at: System | undefined = system;
  let choice: Choice | undefined = last;
  while (at !== undefined && choice !== undefined) {
    const what = 'index' in choice ? at.open[choice.index]!.effect : choice.who;
    const text = typeof what === 'string' ? what : `${what.kind} ${resourceReservation.explain(what)}`;
    lines.unshift(`${choice.kind} ${text}`);
    const before: readonly [System, Choice] | undefined = trace.get(at);
    [at, choice] = before ?? [undefined, undefined];
  }
  return lines.join('\n');
}

interface Explored {
  readonly states: number;
  readonly depth: number;
  readonly ends: number;
  readonly restarted: number;
}

function explore(policy: Policy): Explored {
  const explorer = new Explorer(policy);
  const trace = new Map<System, readonly [System, Choice]>();
  let layer = [explorer.start()];
  const seen = new Set([key(layer[0]!)]);
  let depth = 0;
  let ends = 0;
  let restarted = 0;
  while (layer.length > 0) {
    const next: System[] = [];
    for (const system of layer) {
      const choices = explorer.choices(system);
      if (choices.length === 0) {
        ends += 1;
        if (system.db === 'h2') restarted += 1;
      }
      for (const choice of choices) {
        let reached;
        try {
          reached = explorer.apply(system, choice);
        } catch (error) {
          throw new Error(
            `${error instanceof Error ? error.message : String(error)}\n${told(system, trace, choice)}`,
            { cause: error },
          );
        }
        const name = key(reached);
        if (seen.has(name)) continue;
        seen.add(name);
        trace.set(reached, [system, choice]);
        next.push(reached);
      }
    }
    layer = next;
    depth += 1;
  }
  return { states: seen.size, depth, ends, restarted };
}

describe('every order of messages, with one lost, one repeated, or one crash', () => {
  test('nothing is ended without firm room and no second copy is started; more than 5,000 states', () => {
    const { states, depth, ends, restarted } = explore(resourceReservation);
    process.stdout.write(
      `${String(states)} states, ${String(depth)} deep, ${String(ends)} ends, restarted in ${String(restarted)}\n`,
    );
    expect(states).toBeGreaterThan(MOST_TROUBLES === 0 ? 150 : 5_000);
    expect(restarted).toBe(ends);
  }, 60_000);

  test.each(['endsWithoutClaim', 'answersBeforeTheDisk'] as const)('finds %s', (name) => {
    expect(() => explore(mutants[name])).toThrow('db is ended with');
  });
});
