import { fallbackModels, whatIfFault, type FaultResponseModel } from '../policies/mediator-fallback/index.js';
import type { PolarizationEffect } from '../policies/ttl-polarization/index.js';
import type { WitnessAnswer, WitnessView } from '../ports/witness.js';
import type { GroupState } from './state.js';

type Ask = Extract<PolarizationEffect, { kind: 'ask-witness' }>;

/** What a claim of this node needs, by the models that were agreed on: all of them. */
export interface ClaimNeeds {
  readonly outcome: 'survives' | 'asks' | 'offline';
  readonly mediators: readonly string[];
  readonly detail: string;
}

/** What it takes for this node to go on without the other. Without mediator-fallback it is the witness's word alone. */
export function claimNeeds(state: GroupState): ClaimNeeds {
  const { fallback, self } = state;
  if (fallback === undefined) return { outcome: 'asks', mediators: [], detail: 'The witness decides.' };
  const { outcome, mediators, detail } = whatIfFault(fallback, [self.nodeId]);
  return { outcome, mediators, detail };
}

export function wordsOf(models: readonly FaultResponseModel[]): string {
  return models
    .map((model) => (model.kind === 'preElected' ? `the election of ${model.node}` : `model "${model.kind}"`))
    .join(' and ');
}

/** The mediator that fault handling's duties are done to; undefined while the agreed model needs none. */
export function dutyMediator({ fallback }: GroupState): string | undefined {
  const model = fallback?.record.current.model;
  return model?.kind === 'mediator' ? model.id : undefined;
}

/** Whether no mediator has a say any more: then the agreed model answers in its place. */
export function standsIn({ fallback }: GroupState): boolean {
  return fallback !== undefined && fallbackModels(fallback.record).every(({ kind }) => kind !== 'mediator');
}

/**
 * What a witness would say if it knew what this node knows, for the time in which none has a say. It grants nothing that the
 * agreed models do not, and confirms to an owner what stands in its own record.
 */
export function answerInPlace(state: GroupState, ask: Ask): WitnessAnswer {
  const { record } = state;
  const { owner, epoch, lineageId } = record;
  const registered: WitnessView = {
    state: owner === undefined ? 'REGISTERED' : 'AUTO_PROMOTED',
    incarnation: state.polarization.witness.incarnation ?? 'agreed-model',
    quarantined: false,
    epoch,
    lineageId,
    members: [state.self.nodeId, state.self.peerId],
    ...(owner === undefined ? {} : { owner }),
  };
  if (ask.call !== 'promote') return { kind: 'granted', view: registered };
  const needs = claimNeeds(state);
  if (needs.outcome !== 'survives') return { kind: 'unreachable', detail: needs.detail };
  const granted: WitnessView = {
    ...registered,
    state: 'AUTO_PROMOTED',
    epoch: ask.epoch,
    lineageId: ask.lineageId,
    owner: state.self.nodeId,
  };
  return { kind: 'granted', view: granted };
}
