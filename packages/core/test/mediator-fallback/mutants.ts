import {
  mediatorFallback,
  type MediatorFallbackEffect,
  type MediatorFallbackEvent,
  type MediatorFallbackRecord,
  type MediatorFallbackState,
} from '../../src/index.js';

type Policy = typeof mediatorFallback;
type Stepped = ReturnType<Policy['step']>;

interface Mutation {
  readonly before?: (state: MediatorFallbackState, event: MediatorFallbackEvent) => MediatorFallbackState;
  readonly after?: (step: Stepped, before: MediatorFallbackState) => Stepped;
}

/** The policy with one guard taken out, from outside. */
function without({ before, after }: Mutation): Policy {
  return {
    ...mediatorFallback,
    step: (state, event) => {
      const step = mediatorFallback.step(before?.(state, event) ?? state, event);
      return after?.(step, state) ?? step;
    },
  };
}

/** Changes the record that is being written, in the state and in the wish. */
function rewrite(step: Stepped, change: (record: MediatorFallbackRecord) => MediatorFallbackRecord): Stepped {
  const { saving } = step.state;
  if (saving === undefined) return step;
  const record = change(saving.record);
  const effects = step.effects.map((effect): MediatorFallbackEffect =>
    effect.kind === 'persist' && effect.id === saving.effect ? { ...effect, record } : effect,
  );
  return { state: { ...step.state, saving: { ...saving, record } }, effects };
}

/** A member goes by a model as soon as it hears of it. */
export const appliesWhenHeard = without({
  after: (step) =>
    rewrite(step, (record) => {
      const { pending, ...rest } = record;
      return pending === undefined ? record : { ...rest, current: pending };
    }),
});

/** The coordinator agrees with itself. */
export const agreesAlone = without({
  before: (state) => {
    const { proposal, inSync } = state;
    return proposal === undefined ? state : { ...state, proposal: { ...proposal, acks: inSync } };
  },
});

/** The promise is said before it is on the disk. */
export const saysBeforeDurable = without({
  after: (step) => {
    const { saving, connected } = step.state;
    const pending = saving?.record.pending;
    const [to] = connected;
    const isWished = step.effects.some((effect) => effect.kind === 'persist');
    if (!isWished || saving === undefined || pending === undefined || to === undefined) return step;
    if (step.state.proposal !== undefined) return step;
    const ack = { kind: 'ack', version: pending.version } as const;
    const { because } = saving;
    return {
      ...step,
      effects: [...step.effects, { kind: 'send', id: `${saving.effect}x`, to, message: ack, because }],
    };
  },
});
