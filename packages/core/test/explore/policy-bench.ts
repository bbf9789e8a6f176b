import { Pieces } from '@holdfast/testkit';
import {
  introduce,
  type Because,
  type PolarizationEffect,
  type PolarizationEvent,
  type PolarizationFact,
  type PolarizationMessage,
  type PolarizationState,
  type ttlPolarization,
} from '../../src/index.js';
import { beforeSession, clockBase, countNow, later, lowerCounts, sessionNow } from './clockwork.js';
import type { Letter, NodePart, Reply, World } from './world.js';

export type Policy = typeof ttlPolarization;
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

  constructor(readonly policy: Policy) {
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
      this.pieces.same<Letter>({ kind: 'connected', introduction: introduce(state) }),
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
    const after = this.pieces.same(later(step.state, 0));
    if (event.kind === 'tick' && after === state)
      throw new Error(`node ${state.self.nodeId} asks for a tick that changes nothing`);
    return { state: after, deeds, said };
  }

  later(state: PolarizationState, elapsedMs: number): PolarizationState {
    return this.moved(`later ${String(elapsedMs)}`, state, () => later(state, elapsedMs));
  }

  beforeSession(state: PolarizationState): PolarizationState {
    return this.moved('session', state, () => beforeSession(state));
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
    let sequence = 1;
    while ((taken & (1 << sequence)) !== 0) sequence += 1;
    return sequence;
  }

  bit(effect: string | null | undefined): number {
    if (effect === undefined || effect === null) return 0;
    return 1 << once(this.sequences, effect, () => Number(effect.split('/')[3]));
  }

  /** Requests and grants are counted; once the counts have become high, everybody's are lowered alike. */
  lowerCounts(world: World): World {
    const [a, b] = world.nodes;
    const requests = Math.max(0, (b.state?.lease.requestSequence ?? 0) - countNow);
    const grants = Math.max(0, (a.state?.lease.grantSequence ?? 0) - countNow);
    if (requests === 0 && grants === 0) return world;
    const how = `counts ${String(requests)} ${String(grants)}`;
    const lowered = (node: NodePart): NodePart => {
      const { state } = node;
      if (state === null) return node;
      return { ...node, state: this.moved(how, state, () => lowerCounts(state, requests, grants)) };
    };
    const to = world.link.to.map((letters) =>
      letters.map((letter) => this.lowerLetter(how, letter, requests, grants)),
    );
    const link = { ...world.link, to: [to[0] ?? [], to[1] ?? []] as const };
    return { ...world, nodes: [lowered(a), lowered(b)], link };
  }

  private lowerLetter(how: string, letter: Letter, requests: number, grants: number): Letter {
    if (letter.kind !== 'message') return letter;
    const known = once(this.letters, how, () => new Map<Letter, Letter>());
    return once(known, letter, () =>
      this.pieces.same({ ...letter, message: lowerMessage(letter.message, requests, grants) }),
    );
  }
}

function lowerMessage(message: PolarizationMessage, requests: number, grants: number): PolarizationMessage {
  switch (message.kind) {
    case 'ttl-request':
      return {
        ...message,
        requestSequence: Math.max(0, message.requestSequence - requests),
        ackedGrantSequence: Math.max(0, message.ackedGrantSequence - grants),
      };
    case 'ttl-grant':
      return {
        ...message,
        requestSequence: Math.max(0, message.requestSequence - requests),
        grantSequence: Math.max(0, message.grantSequence - grants),
      };
    default:
      return message;
  }
}
