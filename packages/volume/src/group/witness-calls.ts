import type { PolarizationEffect, WitnessAnswer } from '@holdfast/core';
import type { NodeOptions } from '../options.js';

export type AskWitness = Extract<PolarizationEffect, { kind: 'ask-witness' }>;

/** Puts the policy's question to the witness. The effect's id is the claim's: a repeat gets the same answer. */
export async function callWitness(options: NodeOptions, effect: AskWitness): Promise<WitnessAnswer> {
  const { witness, groupId, nodeId, peerId, timing } = options;
  if (witness === undefined) return { kind: 'unreachable', detail: 'no witness is configured' };
  const { epoch, fromEpoch, lineageId, incarnation, history } = effect;
  const claim = {
    groupId,
    nodeId,
    claimId: effect.id,
    epoch,
    lineageId,
    ...(incarnation === undefined ? {} : { incarnation }),
  };
  const members = [nodeId, peerId].sort();
  const call = { deadlineMs: timing.witnessCallTimeoutMs };
  switch (effect.call) {
    case 'register':
      return witness.register({ ...claim, members }, call);
    case 'promote':
      return witness.promote({ ...claim, fromEpoch }, call);
    case 'reassert':
      return witness.reassert({ ...claim, ...(history === undefined ? {} : { history }) }, call);
    case 'rejoin':
      return witness.rejoin({ ...claim, members }, call);
    case 'status':
      return witness.status(groupId, call);
  }
}
