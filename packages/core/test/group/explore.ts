import {
  type consistencyGroup,
  introduceGroup,
  lan,
  type GroupEffect,
  type GroupFact,
  type GroupOptions,
  type GroupRecord,
  type GroupState,
} from '../../src/index.js';
import type { Explorable } from '../support/explorer.js';
import { brokenRule, keyOf } from './explored-rules.js';
import { askWitness, type SmallWitness } from './small-witness.js';
import { ids, other, type NodeId } from './world.js';

/*
 * The two nodes, their disks, the link and a witness, with everything that may happen next as a choice: which message arrives, which
 * write ends, who crashes with what on the disk, when the link is lost, when time passes. Answers of the data path come at once.
 */

interface Node {
  readonly up: boolean;
  readonly life: number;
  readonly sequence: number;
  readonly state?: GroupState;
  readonly disk: GroupRecord;
  readonly writing: readonly { readonly id: string; readonly record: GroupRecord }[];
}

export interface Budget {
  readonly moves: number;
  readonly cuts: number;
  readonly crashes: number;
  readonly ills: number;
  readonly ticks: number;
  readonly heals: number;
}

export const nothing: Budget = { moves: 0, cuts: 0, crashes: 0, ills: 0, ticks: 0, heals: 0 };

export interface System {
  readonly nodes: Readonly<Record<NodeId, Node>>;
  readonly wire: Readonly<Record<NodeId, readonly GroupFact[]>>;
  readonly session: number;
  readonly linked: boolean;
  readonly now: number;
  readonly witness: SmallWitness;
  readonly budget: Budget;
  readonly broken?: string;
}

export type Choice =
  | { readonly kind: 'deliver' | 'write' | 'start'; readonly node: NodeId }
  | { readonly kind: 'crash'; readonly node: NodeId; readonly landed: boolean }
  | { readonly kind: 'move' | 'cut' | 'heal' | 'tick' | 'ill' };

type Policies = Pick<
  GroupOptions,
  'plannedFailover' | 'swapRecovery' | 'mediatorFallback' | 'latencyFailback'
>;
export type Policy = typeof consistencyGroup;

export interface Rules {
  readonly policy: Policy;
  readonly policies: Policies;
}

export function choices(system: System): readonly Choice[] {
  const { nodes, wire, budget, linked } = system;
  const found: Choice[] = [];
  const up = ids.filter((id) => nodes[id].up);
  for (const node of up) {
    if (wire[node].length > 0) found.push({ kind: 'deliver', node });
    if (nodes[node].writing.length > 0) found.push({ kind: 'write', node });
    if (budget.crashes > 0) {
      found.push({ kind: 'crash', node, landed: false });
      if (nodes[node].writing.length > 0) found.push({ kind: 'crash', node, landed: true });
    }
  }
  const isQuiet = found.every(({ kind }) => kind === 'crash');
  for (const node of ids) if (!nodes[node].up) found.push({ kind: 'start', node });
  if (linked && budget.cuts > 0) found.push({ kind: 'cut' });
  if (!linked && up.length === 2 && budget.heals > 0) found.push({ kind: 'heal' });
  if (up.includes('a') && budget.moves > 0) found.push({ kind: 'move' });
  if (budget.ills > 0 && up.length === 2) found.push({ kind: 'ill' });
  // Time passes when nothing else is under way: what is late is a matter of the other choices.
  if (isQuiet && budget.ticks > 0 && up.length > 0) found.push({ kind: 'tick' });
  return found;
}

/** One choice made: a system of its own, the given one stays as it is. */
export function apply(system: System, choice: Choice, rules: Rules): System {
  const turn = new Play(system, rules);
  turn.do(choice);
  return turn.system;
}

class Play {
  constructor(
    public system: System,
    private readonly rules: Rules,
  ) {}

  do(choice: Choice): void {
    const { budget } = this.system;
    switch (choice.kind) {
      case 'deliver': {
        const [first, ...rest] = this.system.wire[choice.node];
        this.patch({ wire: { ...this.system.wire, [choice.node]: rest } });
        if (first !== undefined) this.dispatch(choice.node, first);
        return;
      }
      case 'write': {
        const [first, ...rest] = this.system.nodes[choice.node].writing;
        if (first === undefined) return;
        this.node(choice.node, { disk: first.record, writing: rest });
        this.dispatch(choice.node, { kind: 'persisted', effect: first.id });
        return;
      }
      case 'crash': {
        this.patch({ budget: { ...budget, crashes: budget.crashes - 1 } });
        const { writing, disk } = this.system.nodes[choice.node];
        const landed = choice.landed ? (writing[0]?.record ?? disk) : disk;
        this.node(choice.node, { up: false, disk: landed, writing: [] });
        this.hangUp();
        return;
      }
      case 'start':
        this.start(choice.node);
        return;
      case 'cut':
        this.patch({ budget: { ...budget, cuts: budget.cuts - 1 } });
        this.hangUp();
        return;
      case 'heal':
        this.patch({ budget: { ...budget, heals: budget.heals - 1 } });
        this.connect();
        return;
      case 'move':
        this.patch({ budget: { ...budget, moves: budget.moves - 1 } });
        this.dispatch('a', {
          kind: 'part',
          policy: 'planned-failover',
          fact: { kind: 'command', commandId: 'c', command: { kind: 'start', operationId: 'move' } },
        });
        return;
      case 'ill':
        this.patch({ budget: { ...budget, ills: budget.ills - 1 } });
        for (const id of ids)
          this.dispatch(id, {
            kind: 'part',
            policy: 'swap-recovery',
            fact: {
              kind: 'health-reported',
              site: 'first',
              report: 'open',
              codeClass: 'rank',
              token: 't',
              severity: 'acute',
            },
          });
        return;
      case 'tick':
        this.patch({ budget: { ...budget, ticks: budget.ticks - 1 } });
        this.tick();
    }
  }

  patch(change: Partial<System>): void {
    this.system = { ...this.system, ...change };
  }

  private node(id: NodeId, change: Partial<Node>): void {
    const { nodes } = this.system;
    this.patch({ nodes: { ...nodes, [id]: { ...nodes[id], ...change } } });
  }

  start(id: NodeId): void {
    const { disk, life } = this.system.nodes[id];
    const state = this.rules.policy.init(optionsOf(id, disk, life + 1, this.rules.policies), this.system.now);
    this.node(id, { up: true, life: life + 1, sequence: 0, state });
    this.dispatch(id, { kind: 'tick' });
    if (state.swap !== undefined)
      this.dispatch(id, {
        kind: 'part',
        policy: 'swap-recovery',
        fact: { kind: 'members-changed', volumes: 1, mirrored: 1 },
      });
  }

  private hangUp(): void {
    const { linked, session } = this.system;
    this.patch({ linked: false, wire: { a: [], b: [] } });
    if (!linked) return;
    for (const id of ids)
      if (this.system.nodes[id].up)
        this.dispatch(id, { kind: 'peer-disconnected', session, cause: 'the link is lost' });
  }

  private connect(): void {
    const { a, b } = this.system.nodes;
    if (a.state === undefined || b.state === undefined) return;
    const session = this.system.session + 1;
    const said = { a: introduceGroup(b.state), b: introduceGroup(a.state) };
    this.patch({ session, linked: true, wire: { a: [], b: [] } });
    for (const id of ids) this.dispatch(id, { kind: 'peer-connected', session, introduction: said[id] });
  }

  /** To the next moment at which any node wants to be woken. */
  private tick(): void {
    const { policy } = this.rules;
    const wakes = ids.flatMap((id) => {
      const { up, state } = this.system.nodes[id];
      return up && state !== undefined ? (policy.wakeAt(state) ?? []) : [];
    });
    if (wakes.length === 0) return;
    this.patch({ now: Math.max(this.system.now, Math.min(...wakes)) });
    for (const id of ids) {
      const { up, state } = this.system.nodes[id];
      if (up && state !== undefined && (policy.wakeAt(state) ?? Infinity) <= this.system.now)
        this.dispatch(id, { kind: 'tick' });
    }
  }

  dispatch(id: NodeId, fact: GroupFact): void {
    const { state, sequence, up } = this.system.nodes[id];
    if (!up || state === undefined || this.system.broken !== undefined) return;
    const step = this.rules.policy.step(state, { ...fact, at: this.system.now, sequence: sequence + 1 });
    this.node(id, { state: step.state, sequence: sequence + 1 });
    for (const effect of step.effects) this.carryOut(id, effect);
  }

  private carryOut(id: NodeId, effect: GroupEffect): void {
    const { system } = this;
    if (effect.kind === 'persist') {
      const { writing } = system.nodes[id];
      this.node(id, { writing: [...writing, { id: effect.id, record: effect.record }] });
    } else if (effect.kind === 'send') {
      this.post(id, { kind: 'peer-message', session: effect.session, message: effect.message });
    } else if (effect.kind === 'part') this.carryOutPart(id, effect);
  }

  private post(from: NodeId, fact: GroupFact): void {
    const { linked, wire } = this.system;
    const to = other(from);
    if (linked) this.patch({ wire: { ...wire, [to]: [...wire[to], fact] } });
  }

  private carryOutPart(id: NodeId, part: Extract<GroupEffect, { kind: 'part' }>): void {
    const { session } = this.system;
    if (part.policy === 'ttl-polarization') {
      const { effect, policy } = part;
      if (effect.kind === 'send')
        this.post(id, {
          kind: 'part',
          policy,
          fact: { kind: 'peer-message', session, message: effect.message },
        });
      else if (effect.kind === 'ask-witness') {
        const { witness, answer } = askWitness(this.system.witness, id, effect);
        this.patch({ witness });
        this.dispatch(id, {
          kind: 'part',
          policy,
          fact: { kind: 'witness-answered', effect: effect.id, answer },
        });
      } else if (effect.kind === 'drain')
        this.dispatch(id, { kind: 'part', policy, fact: { kind: 'drained', effect: effect.id } });
      else if (effect.kind === 'drop-session') this.hangUp();
    } else if (part.policy === 'planned-failover') {
      const { effect, policy } = part;
      const answer = plannedAnswer(effect, session);
      if (effect.kind === 'send')
        this.post(id, {
          kind: 'part',
          policy,
          fact: { kind: 'peer-message', session, message: effect.message },
        });
      else if (answer !== undefined) this.dispatch(id, { kind: 'part', policy, fact: answer });
    }
  }
}

type Planned = Extract<GroupEffect, { kind: 'part'; policy: 'planned-failover' }>['effect'];
type PlannedFact = Extract<GroupFact, { kind: 'part'; policy: 'planned-failover' }>['fact'];

function plannedAnswer(effect: Planned, _session: number): PlannedFact | undefined {
  switch (effect.kind) {
    case 'check':
      return { kind: 'checked', effect: effect.id, obstacles: [] };
    case 'make-ready':
      return { kind: 'made-ready', effect: effect.id, ready: effect.members, obstacles: [] };
    case 'drain':
      return { kind: 'drained', effect: effect.id, barrierSequence: 1 };
    case 'catch-up':
      return { kind: 'caught-up', effect: effect.id };
    case 'switch-paths':
      return { kind: 'paths-switched', effect: effect.id, warnings: [] };
    default:
      return undefined;
  }
}

function optionsOf(id: NodeId, record: GroupRecord, life: number, policies: Policies): GroupOptions {
  return {
    groupId: 'g',
    nodeId: id,
    peerId: other(id),
    incarnation: life,
    bootId: `${id}${String(life)}`,
    machineBootId: `machine-${id}`,
    lineageSeed: `${id}${String(life)}`,
    pristine: false,
    timing: lan,
    record,
    ...policies,
  };
}

/** Both mirror, and the witness knows it. */
export function beginExploring(budget: Budget, rules: Rules): System {
  const fresh = (id: NodeId): GroupRecord => ({
    version: 1,
    groupId: 'g',
    nodeId: id,
    mode: 'fresh',
    epoch: 0,
    lineageId: '',
    sequencer: 'a',
    preferred: 'a',
    dataState: 'inconsistent',
    history: [],
    machineBootId: `machine-${id}`,
    clean: true,
  });
  const node = (id: NodeId): Node => ({ up: false, life: 0, sequence: 0, disk: fresh(id), writing: [] });
  const all = { ...nothing, ticks: 99, heals: 1 };
  const empty = {
    nodes: { a: node('a'), b: node('b') },
    wire: { a: [], b: [] },
    session: 0,
    linked: false,
  };
  const play = new Play({ ...empty, now: 0, witness: { epoch: 0, lineageId: '' }, budget: all }, rules);
  for (const id of ids) play.start(id);
  play.do({ kind: 'heal' });
  const isMirrored = (): boolean =>
    ids.every(
      (id) =>
        play.system.nodes[id].state?.gate.mode === 'mirrored' &&
        play.system.nodes[id].state.gate.host === 'open',
    );
  const copied = new Set<string>();
  for (let turn = 0; turn < 400 && !isMirrored(); turn += 1) {
    for (const id of ids) {
      const { state } = play.system.nodes[id];
      const resync = state?.polarization.resync;
      if (resync?.side !== 'source' || copied.has(resync.effect)) continue;
      copied.add(resync.effect);
      play.dispatch(id, {
        kind: 'part',
        policy: 'ttl-polarization',
        fact: { kind: 'resync-caught-up', effect: resync.effect, movedBytes: 1 },
      });
    }
    const next = choices(play.system).find(
      ({ kind }) => kind === 'deliver' || kind === 'write' || kind === 'tick',
    );
    if (next !== undefined) play.do(next);
  }
  if (!isMirrored()) throw new Error('the two never mirror');
  for (;;) {
    const next = choices(play.system).find(({ kind }) => kind === 'deliver' || kind === 'write');
    if (next === undefined) break;
    play.do(next);
  }
  play.patch({ budget });
  if (budget.moves > 0) play.do({ kind: 'move' });
  return play.system;
}

export function explorable(rules: Rules): Explorable<System, Choice> {
  return {
    choices,
    apply: (system, choice) => apply(system, choice, rules),
    keyOf,
    brokenRule: (system) => brokenRule(system, rules.policy),
  };
}
