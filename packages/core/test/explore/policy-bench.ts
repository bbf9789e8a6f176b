import { Pieces } from '@holdfast/testkit';
import {
  introduce,
  type Because,
  type Introduction,
  type PolarizationEffect,
  type PolarizationEvent,
  type PolarizationFact,
  type PolarizationMessage,
  type PolarizationState,
  type ttlPolarization,
} from '../../src/index.js';
import {
  beforeSession,
  clockBase,
  countNow,
  later,
  lowerCounts,
  sessionNow,
  type Lowering,
} from './clockwork.js';
import type { GroupParts, Sight } from './group-parts.js';
import { otherSide, type Letter, type NodePart, type Reply, type Side, type World } from './world.js';

/** How a state is moved whose policy is more than fault handling alone. */
export interface Moves {
  readonly introduce: (state: PolarizationState) => Introduction;
  readonly later: (state: PolarizationState, elapsedMs: number) => PolarizationState;
  readonly beforeSession: (state: PolarizationState) => PolarizationState;
  /** Effects that the state waits for, beside those of fault handling. */
  readonly asked: (state: PolarizationState) => readonly string[];
  /** Nothing beside fault handling is under way. */
  readonly isIdle: (state: PolarizationState) => boolean;
  /** The policies beside fault handling, and the state of a node that sees this much of the world. */
  readonly parts?: GroupParts;
  readonly see?: (state: PolarizationState, sight: Sight) => PolarizationState;
}

export type Policy = typeof ttlPolarization & { readonly moves?: Moves };
const plainMoves: Moves = { introduce, later, beforeSession, asked: () => [], isIdle: () => true };
/** Deliveries within one step of a group: what an inner policy asks for in it has a number of that step's thousand. */
export const deliveriesPerStep = 1_000;
/** Nobody has to do anything about an answer or a report. */
export type Deed = Exclude<PolarizationEffect, { kind: 'answer' | 'report' }>;

export interface Outcome {
  readonly state: PolarizationState;
  readonly deeds: readonly Deed[];
  /** Why, for people: the reasons of its reports. */
  readonly said: readonly Because[];
}

/** What belongs to the key: made once. */
export function once<Key, Value>(known: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    known.set(key, value);
  }
  return value;
}

/** The real policy on the bench: every step it takes is computed once and remembered by state and event. */
export class PolicyBench {
  readonly pieces = new Pieces();
  /** Steps that were really taken. */
  steps = 0;
  private readonly outcomes = new Map<PolarizationState, Map<number, Outcome>>();
  private readonly moves = new Map<string, Map<PolarizationState, PolarizationState>>();
  private readonly letters = new Map<string, Map<Letter, Letter>>();
  private readonly wakes = new Map<PolarizationState, { readonly at: number | undefined }>();
  private readonly sequences = new Map<string, number>();

  readonly tick: PolarizationFact;
  private readonly facts = new Map<string | object, PolarizationFact>();
  private readonly sent = new Map<Deed, Letter>();
  private readonly greetings = new Map<PolarizationState, Letter>();

  private readonly means: Moves;
  private readonly asked = new Map<PolarizationState, number>();

  constructor(readonly policy: Policy) {
    this.means = policy.moves ?? plainMoves;
    this.tick = this.pieces.same<PolarizationFact>({ kind: 'tick' });
  }

  persisted(effect: string): PolarizationFact {
    return this.fact(effect, () => ({ kind: 'persisted', effect }));
  }

  heard(letter: Extract<Letter, { kind: 'message' }>): PolarizationFact {
    const { message } = letter;
    return this.fact(letter, () => ({ kind: 'peer-message', session: sessionNow, message }));
  }

  answered(reply: Reply): PolarizationFact {
    const { effect, answer } = reply;
    return this.fact(reply, () => ({ kind: 'witness-answered', effect, answer }));
  }

  /** Each kept once, so that it is found again without being looked into. */
  private fact(key: string | object, make: () => PolarizationFact): PolarizationFact {
    return once(this.facts, key, () => this.pieces.same(make()));
  }

  /** A deed comes out of one remembered step only, so what goes over the link is made once. */
  letter(deed: Extract<Deed, { kind: 'send' }>): Letter {
    const { message } = deed;
    return once(this.sent, deed, () => this.pieces.same<Letter>({ kind: 'message', message }));
  }

  /** What a node in that state says first in a new session. */
  greeting(state: PolarizationState): Letter {
    return once(this.greetings, state, () =>
      this.pieces.same<Letter>({ kind: 'connected', introduction: this.means.introduce(state) }),
    );
  }

  /** When the state wants a tick, on its own clock. */
  wakeAt(state: PolarizationState): number | undefined {
    return once(this.wakes, state, () => ({ at: this.policy.wakeAt(state) })).at;
  }

  isDue(state: PolarizationState): boolean {
    const at = this.wakeAt(state);
    return at !== undefined && at <= clockBase;
  }

  step(node: NodePart, fact: PolarizationFact, asked: number): Outcome {
    const { state } = node;
    if (state === null) throw new Error('a node that is down was given an event');
    const sequence = this.freeSequence(node, state, asked);
    const key = this.pieces.number(fact) * 32 + sequence;
    const known = once(this.outcomes, state, () => new Map<number, Outcome>());
    return once(known, key, () => this.take(state, { ...fact, at: clockBase, sequence }));
  }

  private take(state: PolarizationState, event: PolarizationEvent): Outcome {
    this.steps += 1;
    const step = this.policy.step(state, event);
    const deeds = step.effects.filter(
      (effect): effect is Deed => effect.kind !== 'answer' && effect.kind !== 'report',
    );
    const reports = step.effects.filter((effect) => effect.kind === 'report');
    const said = reports.map(({ because }) => because);
    const after = this.pieces.same(this.means.later(step.state, 0));
    if (event.kind === 'tick' && after === state)
      throw new Error(`node ${state.self.nodeId} asks for a tick that changes nothing`);
    return { state: after, deeds, said };
  }

  isIdle(state: PolarizationState): boolean {
    return state.operation === undefined && this.means.isIdle(state);
  }

  /** A state that has just come about. */
  begin(state: PolarizationState): PolarizationState {
    return this.pieces.same(this.means.later(state, 0));
  }

  later(state: PolarizationState, elapsedMs: number): PolarizationState {
    return this.moved(`later ${String(elapsedMs)}`, state, () => this.means.later(state, elapsedMs));
  }

  beforeSession(state: PolarizationState): PolarizationState {
    return this.moved('session', state, () => this.means.beforeSession(state));
  }

  /** The node as it is when the event comes: with what it sees, where its policy looks. */
  seeing(node: NodePart, sight: Sight): NodePart {
    const { see } = this.means;
    const { state } = node;
    if (see === undefined || state === null) return node;
    const { hearsWitness, ill } = sight;
    const how = `sees ${String(hearsWitness)} ${String(ill)}`;
    return { ...node, state: this.moved(how, state, () => see(state, sight)) };
  }

  private moved(how: string, state: PolarizationState, move: () => PolarizationState): PolarizationState {
    const known = once(this.moves, how, () => new Map<PolarizationState, PolarizationState>());
    return once(known, state, () => this.pieces.same(move()));
  }

  /** Numbers of effects only have to differ from those that are still spoken of. */
  private freeSequence(node: NodePart, state: PolarizationState, asked: number): number {
    const { operation } = state;
    let taken =
      this.bit(state.saving?.effect) | this.bit(state.claim?.effect) | this.bit(state.resync?.effect);
    if (operation !== undefined && 'effect' in operation) taken |= this.bit(operation.effect);
    taken |= this.bit(node.persist?.effect) | this.bit(node.draining) | this.bit(node.resync?.effect);
    taken |= asked;
    taken |= once(this.asked, state, () =>
      this.means.asked(state).reduce((bits, effect) => bits | this.bit(effect), 0),
    );
    let sequence = 1;
    while ((taken & (1 << sequence)) !== 0) sequence += 1;
    return sequence;
  }

  bit(effect: string | null | undefined): number {
    if (effect === undefined || effect === null) return 0;
    return 1 << once(this.sequences, effect, () => stepOf(Number(effect.split('/')[3])));
  }

  /** Requests and grants are counted; once the counts of one node have become high, they are lowered wherever they stand. */
  lowerCounts(world: World): World {
    const { nodes, link } = world;
    const over = (count = 0): number => Math.max(0, count - countNow);
    const requests = nodes.map(({ state }) => over(state?.lease.requestSequence));
    const grants = nodes.map(({ state }) => over(state?.lease.grantSequence));
    if ([...requests, ...grants].every((count) => count === 0)) return world;
    const loweringAt = (side: Side): Lowering => ({
      requests: requests[side] ?? 0,
      grants: grants[side] ?? 0,
      received: grants[otherSide(side)] ?? 0,
      asked: requests[otherSide(side)] ?? 0,
    });
    const lowered = (side: Side): NodePart => {
      const node = nodes[side];
      const { state } = node;
      const by = loweringAt(side);
      if (state === null) return node;
      return { ...node, state: this.moved(wordsOf(by), state, () => lowerCounts(state, by)) };
    };
    const lettersTo = (side: Side): readonly Letter[] =>
      link.to[side].map((letter) => this.lowerLetter(letter, loweringAt(otherSide(side))));
    return {
      ...world,
      nodes: [lowered(0), lowered(1)],
      link: { ...link, to: [lettersTo(0), lettersTo(1)] },
    };
  }

  /** A letter on its way, by what has become of the counts of its sender. */
  private lowerLetter(letter: Letter, sender: Lowering): Letter {
    if (letter.kind !== 'message') return letter;
    const known = once(this.letters, wordsOf(sender), () => new Map<Letter, Letter>());
    return once(known, letter, () =>
      this.pieces.same({ ...letter, message: lowerMessage(letter.message, sender) }),
    );
  }
}

function wordsOf({ requests, grants, received, asked }: Lowering): string {
  return `counts ${[requests, grants, received, asked].join(' ')}`;
}

/** The step in which it was asked: inner policies of a group count their own. */
function stepOf(sequence: number): number {
  return sequence < deliveriesPerStep ? sequence : Math.floor(sequence / deliveriesPerStep);
}

/** A request or a grant as it looks when the counts of its sender are lowered. */
function lowerMessage(message: PolarizationMessage, sender: Lowering): PolarizationMessage {
  const lower = (count: number, by: number): number => Math.max(0, count - by);
  switch (message.kind) {
    case 'ttl-request':
      return {
        ...message,
        requestSequence: lower(message.requestSequence, sender.requests),
        ackedGrantSequence: lower(message.ackedGrantSequence, sender.received),
      };
    case 'ttl-grant':
      return {
        ...message,
        requestSequence: lower(message.requestSequence, sender.asked),
        grantSequence: lower(message.grantSequence, sender.grants),
      };
    default:
      return message;
  }
}
