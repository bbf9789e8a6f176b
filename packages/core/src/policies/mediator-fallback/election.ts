import { availabilityOf } from './probes.js';
import type { MediatorFallbackReason } from './reasons.js';
import type { MediatorFallbackState } from './state.js';
import type { FaultResponseModel, MemberFacts } from './types.js';

/** Who proposes: the preferred member if it takes part, else the first by name. Every member finds the same one. */
export function coordinatorOf({ inSync, preference }: MediatorFallbackState): string | undefined {
  if (preference !== undefined && inSync.includes(preference)) return preference;
  return [...inSync].sort(byText)[0];
}

function byText(one: string, two: string): number {
  return one < two ? -1 : one > two ? 1 : 0;
}

function factsOf(state: MediatorFallbackState, node: string): MemberFacts | undefined {
  return node === state.self.nodeId ? state.facts : state.reports[node]?.facts;
}

function isFit(facts: MemberFacts | undefined): boolean {
  return facts?.upToDate === true && facts.healthy;
}

/** The member that is to go on alone, found by the coordinator only and then told to all: two computations could differ. */
export function electBest(state: MediatorFallbackState): string | undefined {
  const complete = state.inSync.filter((node) => factsOf(state, node)?.upToDate === true);
  return [...complete].sort((one, two) => {
    const first = scoreOf(state, one);
    const second = scoreOf(state, two);
    for (const [index, value] of first.entries()) {
      const difference = (second[index] ?? 0) - value;
      if (difference !== 0) return difference;
    }
    return byText(one, two);
  })[0];
}

/** In the order in which it counts; higher is better. */
function scoreOf(state: MediatorFallbackState, node: string): readonly number[] {
  const facts = factsOf(state, node);
  if (facts === undefined) return [];
  return [
    facts.healthy ? 1 : 0,
    state.seeing?.includes(node) === true ? 1 : 0,
    state.preference === node ? 1 : 0,
    facts.hostPaths,
    facts.hostIops,
    -facts.hostLatencyMs,
    facts.hardwareRank,
  ];
}

export interface WantedModel {
  readonly model: FaultResponseModel;
  readonly because: MediatorFallbackReason;
}

/** The model that should be agreed on, when it is another than the present one. */
export function wantedModel(state: MediatorFallbackState): WantedModel | undefined {
  const { record, self } = state;
  const { model } = record.current;
  const reliable = self.mediators.find((id) => availabilityOf(state, id).kind === 'reliable');
  if (model.kind === 'mediator') {
    const isAway = availabilityOf(state, model.id).kind === 'down';
    const isEarlier =
      self.returnToFirstMediator && reliable !== undefined && isBefore(state, reliable, model.id);
    if (!isAway && !isEarlier) return undefined;
    if (reliable !== undefined && reliable !== model.id) return useMediator(state, reliable);
    return isAway ? standIn(state, model.id) : undefined;
  }
  if (reliable !== undefined) return useMediator(state, reliable);
  if (model.kind !== 'preElected') return undefined;
  const isUnfit = !state.inSync.includes(model.node) || !isFit(factsOf(state, model.node));
  const { preference } = state;
  // Whoever is preferred since then goes first, once it takes part and is fit.
  const isOvertaken =
    preference !== undefined &&
    preference !== model.node &&
    state.inSync.includes(preference) &&
    isFit(factsOf(state, preference));
  const best = isUnfit ? electBest(state) : isOvertaken ? preference : undefined;
  if (best === undefined || best === model.node) return undefined;
  const next = { kind: 'preElected', node: best } as const;
  if (!isUnfit) return { model: next, because: { kind: 'preference-moved', node: model.node, next } };
  return { model: next, because: { kind: 'elected-unfit', node: model.node, next } };
}

function isBefore({ self }: MediatorFallbackState, one: string, two: string): boolean {
  return self.mediators.indexOf(one) < self.mediators.indexOf(two);
}

function useMediator(state: MediatorFallbackState, mediator: string): WantedModel {
  const because = { kind: 'mediator-back', mediator, members: state.inSync } as const;
  return { model: { kind: 'mediator', id: mediator }, because };
}

function standIn(state: MediatorFallbackState, mediator: string): WantedModel {
  const { fallback } = state.self;
  const best = electBest(state);
  const elected =
    best === undefined ? ({ kind: 'manual' } as const) : ({ kind: 'preElected', node: best } as const);
  const model: FaultResponseModel = fallback.kind === 'best' ? elected : fallback;
  return { model, because: { kind: 'mediator-lost', mediator, members: state.inSync, next: model } };
}

/** Two models are one when they decide alike. */
export function sameModel(one: FaultResponseModel, two: FaultResponseModel): boolean {
  return JSON.stringify(one) === JSON.stringify(two);
}
