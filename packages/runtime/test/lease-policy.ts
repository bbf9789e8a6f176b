import {
  type EffectIdentity,
  type Millis,
  type Policy,
  type PolicyEffect,
  type Reason,
  type Step,
  effectId,
} from '@holdfast/core';

/** A toy that does what the real ones do: renews on a timer, persists before it announces, and keeps notes. */
interface Base {
  readonly at: Millis;
  readonly sequence: number;
}

export type LeaseEvent =
  | (Base & {
      readonly kind: 'tick' | 'persisted' | 'stop-renewing' | 'break-invariant' | 'throw' | 'throw-many';
    })
  | (Base & { readonly kind: 'note' | 'write-record'; readonly text: string })
  | (Base & { readonly kind: 'failed' | 'dropped'; readonly effect: string })
  | (Base & { readonly kind: 'wait-for'; readonly id: string; readonly and?: string })
  | (Base & { readonly kind: 'next-renewal'; readonly renewAt: Millis })
  | (Base & {
      readonly kind: 'raw-effects';
      readonly effects: readonly { id: string; after?: readonly string[] }[];
    });

export interface LeaseReason extends Reason {
  readonly kind: 'renewal-due' | 'record-changed' | 'asked';
  readonly atMs: Millis;
}

export interface LeaseEffect extends PolicyEffect {
  readonly kind: 'persist' | 'announce' | 'send-renewal';
  readonly because: LeaseReason;
}

export interface LeaseState {
  readonly renewEveryMs: number;
  readonly renewAt: Millis | undefined;
  readonly notes: readonly string[];
  readonly persisted: number;
  readonly announced: number;
}

export const identity: EffectIdentity = { groupId: 'g', nodeId: 'n', incarnation: 1 };
export const leaseOptions = { renewEveryMs: 100 };

export const leasePolicy: Policy<typeof leaseOptions, LeaseState, LeaseEvent, LeaseEffect> = {
  name: 'lease',
  stateVersion: 1,
  init: ({ renewEveryMs }, at) => ({
    renewEveryMs,
    renewAt: at + renewEveryMs,
    notes: [],
    persisted: 0,
    announced: 0,
  }),
  step,
  wakeAt: (state) => state.renewAt,
  explain: ({ because }) => `For ${because.kind}.`,
  invariants: [
    {
      name: 'notes are words',
      cost: 'cheap',
      check: (state) => (state.notes.includes('') ? 'found an empty one' : undefined),
    },
  ],
};

function step(state: LeaseState, event: LeaseEvent): Step<LeaseState, LeaseEffect> {
  const id = (index: number): string => effectId(identity, event.sequence, index);
  const note = (text: string): Step<LeaseState, LeaseEffect> => ({
    state: { ...state, notes: [...state.notes.slice(-50), text] },
    effects: [],
  });
  switch (event.kind) {
    case 'tick': {
      if (state.renewAt === undefined || event.at < state.renewAt) return { state, effects: [] };
      const because: LeaseReason = { kind: 'renewal-due', atMs: event.at };
      const renewAt = state.renewAt < 0 ? state.renewAt : state.renewAt + state.renewEveryMs;
      return { state: { ...state, renewAt }, effects: [{ id: id(0), kind: 'send-renewal', because }] };
    }
    case 'write-record': {
      const because: LeaseReason = { kind: 'record-changed', atMs: event.at };
      return {
        state,
        effects: [
          { id: id(0), kind: 'persist', because },
          { id: id(1), kind: 'announce', after: [id(0)], because },
        ],
      };
    }
    case 'wait-for': {
      const because: LeaseReason = { kind: 'asked', atMs: event.at };
      return {
        state,
        effects: [
          {
            id: id(0),
            kind: 'announce',
            after: event.and === undefined ? [event.id] : [event.id, event.and],
            because,
          },
        ],
      };
    }
    case 'raw-effects': {
      const because: LeaseReason = { kind: 'asked', atMs: event.at };
      return { state, effects: event.effects.map((effect) => ({ ...effect, kind: 'announce', because })) };
    }
    case 'persisted':
      return { state: { ...state, persisted: state.persisted + 1 }, effects: [] };
    case 'stop-renewing':
      return { state: { ...state, renewAt: undefined }, effects: [] };
    case 'next-renewal':
      return { state: { ...state, renewAt: event.renewAt }, effects: [] };
    case 'note':
      return note(event.text);
    case 'failed':
    case 'dropped':
      return note(`${event.kind} ${event.effect}`);
    case 'break-invariant':
      return note('');
    case 'throw':
      throw new Error('asked to');
    case 'throw-many':
      return { state, effects: [] };
  }
}
