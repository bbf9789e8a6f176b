import {
  ttlPolarization,
  type PolarizationEffect,
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
  return {
    ...ttlPolarization,
    init: change.init ?? ttlPolarization.init,
    step: change.step ?? ttlPolarization.step,
  };
}

const { init, step } = ttlPolarization;

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

/** Any answer of the witness counts as the one to the claim that is open. */
export const anyAnswerCounts = broken({
  step: (state, event) =>
    event.kind === 'witness-answered' && state.claim !== undefined
      ? step(state, { ...event, effect: state.claim.effect })
      : step(state, event),
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

/** The commit is sent when the record is wished, not when it is durable. */
export const commitBeforeDurable = broken({
  step: (state, event) => {
    const after = step(state, event);
    const { saving, peer } = after.state;
    const effects = after.effects.flatMap((effect): readonly PolarizationEffect[] => {
      if (effect.kind !== 'persist' || saving?.then.kind !== 'handed-over' || peer === undefined)
        return [effect];
      const { epoch } = effect.record;
      const message = { kind: 'commit-win', epoch, lineageId: saving.then.lineageId } as const;
      return [
        effect,
        { id: `${effect.id}0`, kind: 'send', session: peer.session, message, because: effect.because },
      ];
    });
    return { ...after, effects };
  },
});

/** Consent is said before it is written down. */
export const acceptBeforeDurable = broken({
  step: (state, event) => {
    const after = step(state, event);
    const { saving, peer } = after.state;
    const effects = after.effects.flatMap((effect): readonly PolarizationEffect[] => {
      if (effect.kind !== 'persist' || saving?.then.kind !== 'sync-target' || peer === undefined)
        return [effect];
      const { epoch, lineageId } = effect.record;
      const message = { kind: 'sync-accept', epoch, lineageId } as const;
      return [
        effect,
        { id: `${effect.id}0`, kind: 'send', session: peer.session, message, because: effect.because },
      ];
    });
    return { ...after, effects };
  },
});

/** A node that has stepped back finds itself a mirror again after a start. */
export const volatileFence = broken({
  init: (options, at) => {
    const { owner, ...record } = options.record;
    if (record.mode !== 'fenced' || owner !== options.peerId) return init(options, at);
    return init(
      { ...options, record: { ...record, mode: 'mirrored', dataState: 'upToDate', epoch: record.epoch - 1 } },
      at,
    );
  },
});

/** A handover that is not acknowledged is taken back, although it was committed. */
export const rollbackAfterCommit = broken({
  step: (state, event) => {
    const { operation } = state;
    if (event.kind !== 'peer-disconnected' || operation?.kind !== 'handing') return step(state, event);
    const { owner: _owner, ...record } = state.record;
    const back = { ...record, mode: 'mirrored', dataState: 'upToDate', epoch: record.epoch - 1 } as const;
    const { operation: _operation, ...rest } = state;
    return step(
      { ...rest, mode: 'suspended', record: back, loss: { at: event.at, cause: 'disconnected' } },
      event,
    );
  },
});

/** A target that lost its source counts its half-copied copy as whole. */
export const halfCopyCounts = broken({
  init: (options, at) => {
    const { owner: _owner, ...record } = options.record;
    if (record.mode !== 'syncTarget') return init(options, at);
    return init({ ...options, record: { ...record, mode: 'mirrored', dataState: 'upToDate' } }, at);
  },
});

/** A mirror is formed anew although a claim is open. */
export const claimIgnored = broken({
  step: (state, event) =>
    event.kind === 'peer-message' && event.message.kind === 'sync-propose' && state.claim?.call === 'promote'
      ? step({ ...state, claim: { ...state.claim, call: 'status' } }, event)
      : step(state, event),
});

/** Two owners that meet: the one with the lower epoch simply gives way. */
export const ownerRestartsUnasked = broken({
  step: (state, event) => {
    const after = step(state, event);
    const isOwner = after.state.record.owner === after.state.self.nodeId && after.state.mode === 'unknown';
    return isOwner && after.state.entitledBy === undefined
      ? { ...after, state: { ...after.state, entitledBy: 'own-record' } }
      : after;
  },
});
