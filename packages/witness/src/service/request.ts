import type { WitnessClaim } from '@holdfast/core';

export type RegisterRequest = WitnessClaim & {
  readonly kind: 'register';
  readonly members: readonly string[];
};
export type PromoteRequest = WitnessClaim & { readonly kind: 'promote'; readonly fromEpoch: number };
export type ReassertRequest = WitnessClaim & {
  readonly kind: 'reassert';
  /** The lineages that the claimant's complete copy went through, newest first. */
  readonly history?: readonly { readonly epoch: number; readonly lineageId: string }[];
};
export type RejoinRequest = WitnessClaim & { readonly kind: 'rejoin'; readonly members: readonly string[] };

/** An operator's word: this node is the survivor, whatever the witness knows of another one. */
export type ManualPromoteRequest = WitnessClaim & {
  readonly kind: 'manual-promote';
  /** The epoch that the operator saw in the status. Another one by now: the word was given about something else. */
  readonly expectedEpoch: number;
  /** Exactly `promoteAcknowledgement(...)`, typed by a person. */
  readonly acknowledgement: string;
};

/** An operator's word: this group was destroyed. What registers under its name later is another group. */
export interface ForgetRequest {
  readonly kind: 'forget';
  readonly groupId: string;
  readonly incarnation?: string;
  readonly expectedEpoch: number;
  /** Exactly `forgetAcknowledgement(...)`, typed by a person. */
  readonly acknowledgement: string;
}

export interface StatusRequest {
  readonly kind: 'status';
  readonly groupId: string;
}

export type MemberRequest = RegisterRequest | PromoteRequest | ReassertRequest | RejoinRequest;
export type OperatorRequest = ManualPromoteRequest | ForgetRequest;
export type WitnessRequest = MemberRequest | OperatorRequest | StatusRequest;

/** What an operator has to type to make `nodeId` the survivor of a group. */
export function promoteAcknowledgement(groupId: string, nodeId: string): string {
  return `promote ${nodeId} in ${groupId} and give up every write that only other members hold`;
}

/** What an operator has to type to let a group be forgotten. */
export function forgetAcknowledgement(groupId: string): string {
  return `forget ${groupId}, none of its members will come back`;
}
