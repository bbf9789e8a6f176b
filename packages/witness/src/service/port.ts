import type { CallOptions, WitnessAnswer, WitnessPort } from '@holdfast/core';
import type { WitnessRequest } from './request.js';

export type Ask = (request: WitnessRequest, options: CallOptions) => Promise<WitnessAnswer>;

/** The port over anything that takes a request to a witness. `ask` must not fail: what it cannot do is `unreachable`. */
export function witnessPort(ask: Ask): WitnessPort {
  return {
    async register(claim, options = {}) {
      if (claim.incarnation !== undefined) return ask({ kind: 'register', ...claim }, options);
      // First contact. The witness takes nothing from who has not talked with its present memory, so talk with it.
      const met = await ask({ kind: 'status', groupId: claim.groupId }, options);
      if (met.kind === 'unreachable') return met;
      return ask({ kind: 'register', ...claim, incarnation: met.view.incarnation }, options);
    },
    promote: (claim, options = {}) => ask({ kind: 'promote', ...claim }, options),
    reassert: (claim, options = {}) => ask({ kind: 'reassert', ...claim }, options),
    rejoin: (claim, options = {}) => ask({ kind: 'rejoin', ...claim }, options),
    status: (groupId, options = {}) => ask({ kind: 'status', groupId }, options),
  };
}

/** What an operator may ask of a witness. Neither call throws for what the witness answers. */
export interface WitnessOperator {
  /** Makes a node the survivor by a person's word. `acknowledgement` must be `promoteAcknowledgement(groupId, nodeId)`. */
  manualPromote(
    request: Omit<Extract<WitnessRequest, { kind: 'manual-promote' }>, 'kind'>,
    options?: CallOptions,
  ): Promise<WitnessAnswer>;
  /** Lets go of a group that was destroyed. `acknowledgement` must be `forgetAcknowledgement(groupId)`. */
  forget(
    request: Omit<Extract<WitnessRequest, { kind: 'forget' }>, 'kind'>,
    options?: CallOptions,
  ): Promise<WitnessAnswer>;
}

export function witnessOperator(ask: Ask): WitnessOperator {
  return {
    manualPromote: (request, options = {}) => ask({ kind: 'manual-promote', ...request }, options),
    forget: (request, options = {}) => ask({ kind: 'forget', ...request }, options),
  };
}

/** The answer for everything that kept a request from being answered. */
export function unreachableBecause(error: unknown): WitnessAnswer {
  return { kind: 'unreachable', detail: error instanceof Error ? error.message : 'unknown cause' };
}
