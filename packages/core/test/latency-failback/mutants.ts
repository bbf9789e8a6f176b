import {
  latencyFailback,
  type LatencyFailbackEffect,
  type LatencyFailbackEvent,
  type LatencyFailbackState,
} from '../../src/index.js';
import { soundRules, type Budget, type Rules } from './model.js';

interface Mutation {
  readonly event?: (event: LatencyFailbackEvent, state: LatencyFailbackState) => LatencyFailbackEvent;
  readonly before?: (state: LatencyFailbackState, event: LatencyFailbackEvent) => LatencyFailbackState;
  readonly effects?: (effects: readonly LatencyFailbackEffect[]) => readonly LatencyFailbackEffect[];
}

/** The policy with one guard taken out, from outside. */
export function without(mutation: Mutation): typeof latencyFailback {
  const same = <Value>(value: Value): Value => value;
  const { event: changeEvent = same, before = same, effects = same } = mutation;
  return {
    ...latencyFailback,
    invariants: [],
    step: (state, given) => {
      const event = changeEvent(given, state);
      const step = latencyFailback.step(before(state, event), event);
      return { state: step.state, effects: effects(step.effects) };
    },
  };
}

/** The literal rule: the secondary is dead, so what is in sync is readable. */
const readsAtOnceWhenTheSecondaryEnds: typeof latencyFailback = {
  ...latencyFailback,
  step: (state, event) => {
    const first = latencyFailback.step(state, event);
    if (event.kind !== 'secondary-ended') return first;
    const { epoch } = state.record;
    const confirmed = {
      kind: 'epoch-known',
      epoch,
      activeSite: 'primary',
      completeCopy: 'secondary',
    } as const;
    const at = { at: event.at, sequence: event.sequence + 1_000_000 };
    const second = latencyFailback.step(first.state, { ...confirmed, ...at, from: 'witness' });
    return { state: second.state, effects: [...first.effects, ...second.effects] };
  },
};

export interface Mutant {
  readonly name: string;
  readonly rules: Rules;
  readonly budget: Partial<Budget>;
  readonly from?: 'readThrough';
  readonly breaks: RegExp;
}

const policy = (mutation: Mutation): Rules => ({ ...soundRules, policy: without(mutation) });
const old = /returned version/;

export const mutants: readonly Mutant[] = [
  {
    name: 'a primary with blocks out of sync reads its own copy',
    rules: {
      ...soundRules,
      routeRead: (gate, outOfSync) => {
        const route = soundRules.routeRead(gate, outOfSync);
        return route === 'secondary' && gate.reads === 'read-through' ? 'primary' : route;
      },
    },
    budget: { writes: 0 },
    breaks: old,
  },
  {
    name: 'a block counts as in sync before the primary has it',
    rules: { ...soundRules, mayClearOutOfSync: () => true },
    budget: {},
    breaks: old,
  },
  {
    name: 'the background copy overwrites a newer host write',
    rules: { ...soundRules, mayApplyCopy: () => true },
    budget: {},
    breaks: old,
  },
  {
    name: 'a host write counts without the secondary while blocks are out of sync',
    rules: {
      ...soundRules,
      routeWrite: (gate) => (gate.writes === 'both' ? ['primary'] : soundRules.routeWrite(gate)),
    },
    budget: { faults: 1 },
    breaks: /took over without an acknowledged write|returned version/,
  },
  {
    name: 'the preferred primary may survive although blocks are out of sync',
    rules: { ...soundRules, pretend: ['pin-survivor'] },
    budget: { faults: 1, writes: 0 },
    breaks: /the primary went on alone/,
  },
  {
    name: 'preference counts again at the redirect, not at the end of the copy',
    rules: policy({
      effects: (effects) =>
        effects.map((effect) =>
          effect.kind === 'set-gate' && effect.gate.reads === 'read-through'
            ? { ...effect, kind: 'unpin-survivor' as const, epoch: effect.gate.epoch }
            : effect,
        ),
    }),
    budget: { faults: 1, writes: 0 },
    breaks: /the primary went on alone/,
  },
  {
    name: 'hosts are not held while the map goes over',
    rules: { ...soundRules, pretend: ['hold-io'] },
    budget: {},
    breaks: old,
  },
  {
    name: 'the primary goes by the map that it had',
    rules: { ...soundRules, pretend: ['hand-over-map'] },
    budget: { writes: 0 },
    breaks: old,
  },
  {
    name: 'a report of the copy from before the drain counts for the new map',
    rules: policy({
      event: (event, state) =>
        event.kind === 'recovery-progress' ? { ...event, generation: state.map.generation } : event,
    }),
    budget: {},
    breaks: old,
  },
  {
    name: 'a commit that may be on the disk is taken back when time is up',
    rules: policy({
      before: (state, event) =>
        event.kind === 'tick' && state.phase === 'committing' && state.attempt !== undefined
          ? { ...state, phase: 'quiescing', attempt: { ...state.attempt, stage: 'map' } }
          : state,
    }),
    budget: { ticks: 1, crashes: 1 },
    breaks: old,
  },
  {
    name: 'the primary opens before the commit is on the disk',
    rules: { ...soundRules, lyingDisk: true },
    budget: { writes: 0 },
    breaks: /a gate of epoch 2 is open, and 1 is durable/,
  },
  {
    name: 'the end of the secondary is taken for the end of what it may have served',
    rules: { ...soundRules, policy: readsAtOnceWhenTheSecondaryEnds },
    budget: { faults: 2 },
    from: 'readThrough',
    breaks: old,
  },
];
