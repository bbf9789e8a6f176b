import type { WitnessClaim } from '@holdfast/core';
import { type GroupRecord, incarnationOf, isPromoted, registrationsNow, type WitnessMeta } from './record.js';
import {
  forgetAcknowledgement,
  type ManualPromoteRequest,
  type ForgetRequest,
  promoteAcknowledgement,
  type PromoteRequest,
  type ReassertRequest,
} from './request.js';

/**
 * Everything that a decision rests on, one question each. They stand apart so that a test can leave out any one of them and
 * show what breaks; the README tells those stories.
 */
export interface Guards {
  /** The claimant has talked with this very memory: a claim composed for an earlier one changes nothing. */
  namesIncarnation(
    record: GroupRecord | undefined,
    claim: { readonly incarnation?: string },
    meta: WitnessMeta,
  ): boolean;
  /** An owner that spoke to an empty memory has not said who the members are; until somebody does, nobody is a stranger. */
  isMember(record: GroupRecord, nodeId: string): boolean;
  /** Members or the owner have vouched for this record since its memory was last in doubt. */
  isTrusted(record: GroupRecord, meta: WitnessMeta): boolean;
  /** Never steal: what somebody holds ends by that owner's word, or an operator's. */
  nobodyIsPromoted(record: GroupRecord): boolean;
  /** The claimant knows of every change that is recorded, and claims no other. */
  startsFromRecord(record: GroupRecord, request: PromoteRequest): boolean;
  /** The claimant has not said since that it mirrors at a later epoch: then its wish is an old one. */
  isStillWished(record: GroupRecord, request: PromoteRequest, meta: WitnessMeta): boolean;
  /** This very request has not been denied before. */
  isOpen(record: GroupRecord, claim: WitnessClaim): boolean;
  /** A late copy of an older word does not undo a newer one, and an equal epoch of another lineage counts as lower. */
  registrationMovesOn(record: GroupRecord, claim: WitnessClaim, meta: WitnessMeta): boolean;
  /** All members mirror at one epoch, under one lineage, by their own words. */
  allAgree(record: GroupRecord, meta: WitnessMeta): boolean;
  isAboveRecord(record: GroupRecord, claim: WitnessClaim): boolean;
  /** No member has said that it mirrors at this epoch or a later one. */
  isAboveRegistrations(record: GroupRecord, claim: WitnessClaim, meta: WitnessMeta): boolean;
  /** Only the owner can say that it is not alone any more. */
  mayRejoin(record: GroupRecord, claim: WitnessClaim): boolean;
  /** A new owner's copy contains what the recorded owner acknowledged. */
  descends(record: GroupRecord, request: ReassertRequest): boolean;
  acknowledges(record: GroupRecord, request: ManualPromoteRequest | ForgetRequest): boolean;
}

export function closedClaim(claim: { readonly nodeId: string; readonly claimId: string }): string {
  return `${claim.nodeId} ${claim.claimId}`;
}

/** The guards that the witness runs with. */
export const guards: Guards = {
  namesIncarnation: (record, claim, meta) => claim.incarnation === incarnationOf(record, meta),

  isMember: (record, nodeId) => record.members.length === 0 || record.members.includes(nodeId),

  isTrusted: (record, meta) => record.confirmedIn === meta.incarnation,

  nobodyIsPromoted: (record) => record.state === 'REGISTERED',

  startsFromRecord: (record, request) => request.fromEpoch === record.epoch,

  isStillWished: (record, request, meta) =>
    (registrationsNow(record, meta).get(request.nodeId)?.epoch ?? 0) <= request.fromEpoch,

  isOpen: (record, claim) => !record.closedClaims.includes(closedClaim(claim)),

  registrationMovesOn: (record, claim, meta) => {
    const own = registrationsNow(record, meta).get(claim.nodeId);
    if (own !== undefined && claim.epoch < own.epoch) return false;
    if (own?.epoch === claim.epoch && claim.lineageId !== own.lineageId) return false;
    if (record.state === 'EMPTY' || claim.epoch > record.epoch) return true;
    const isRecorded = claim.epoch === record.epoch && claim.lineageId === record.lineageId;
    return isRecorded && (!isPromoted(record) || record.owner === claim.nodeId);
  },

  allAgree: (record, meta) => {
    const words = registrationsNow(record, meta);
    const [first] = words.values();
    return (
      first !== undefined &&
      record.members.every((member) => {
        const word = words.get(member);
        return word?.epoch === first.epoch && word.lineageId === first.lineageId;
      })
    );
  },

  isAboveRecord: (record, claim) => record.state === 'EMPTY' || claim.epoch > record.epoch,

  isAboveRegistrations: (record, claim, meta) =>
    [...registrationsNow(record, meta).values()].every((word) => claim.epoch > word.epoch),

  mayRejoin: (record, claim) => !isPromoted(record) || record.owner === claim.nodeId,

  descends: (record, request) =>
    !isPromoted(record) ||
    record.owner === request.nodeId ||
    (request.history ?? []).some(
      (past) => past.epoch === record.epoch && past.lineageId === record.lineageId,
    ),

  acknowledges: (record, request) =>
    request.expectedEpoch === record.epoch &&
    request.acknowledgement ===
      (request.kind === 'forget'
        ? forgetAcknowledgement(request.groupId)
        : promoteAcknowledgement(request.groupId, request.nodeId)),
};
