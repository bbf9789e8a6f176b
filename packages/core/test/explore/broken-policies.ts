import {
  ttlPolarization,
  type PolarizationEvent,
  type PolarizationOptions,
  type PolarizationState,
} from '../../src/index.js';
import type { Policy } from './policy-bench.js';

type Step = ReturnType<Policy['step']>;

/** The policy with a step or a start of its own. */
function broken(change: {
  readonly init?: (options: PolarizationOptions, at: number) => PolarizationState;
  readonly step?: (state: PolarizationState, event: PolarizationEvent) => Step;
}): Policy {
  return { ...ttlPolarization, ...change };
}

const init: Policy['init'] = (options, at) => ttlPolarization.init(options, at);
const step: Policy['step'] = (state, event) => ttlPolarization.step(state, event);

/** C8 left out: a former life's leases are not waited for. */
export const noWaitAfterStart = broken({
  init: (options, at) => ({ ...init(options, at), startedAt: at - 100 }),
});

/** A peer that only falls silent counts as quiet. */
export const silenceMeansStopped = broken({
  step: (state, event) => {
    const after = step(state, event);
    const isLoss = state.mode === 'mirrored' && after.state.mode === 'suspended';
    return isLoss ? { ...after, state: { ...after.state, peerQuietAt: event.at } } : after;
  },
});

/** No answer is taken for a yes. */
export const silenceMeansGranted = broken({
  step: (state, event) => {
    const { claim } = state;
    if (event.kind !== 'witness-answered' || event.answer.kind !== 'unreachable' || claim?.call !== 'promote')
      return step(state, event);
    const view = {
      state: 'AUTO_PROMOTED',
      incarnation: 'i1',
      quarantined: false,
      epoch: claim.epoch,
      members: [],
    } as const;
    return step(state, { ...event, answer: { kind: 'granted', view } });
  },
});

/** Whoever was denied goes on all the same once the witness falls silent: it forgets that it has lost. */
export const denialForgotten = broken({
  step: (state, event) => {
    if (
      event.kind !== 'witness-answered' ||
      event.answer.kind !== 'denied' ||
      state.claim?.call !== 'promote'
    )
      return step(state, event);
    return step(state, { ...event, answer: { ...event.answer, kind: 'granted' } });
  },
});

/** An offer is taken for the commit: the peer serves before the other one has stopped. */
export const releaseBeforeCommit = broken({
  step: (state, event) => {
    if (event.kind !== 'peer-message' || event.message.kind !== 'offer-win') return step(state, event);
    return step(state, { ...event, message: { ...event.message, kind: 'commit-win' } });
  },
});
