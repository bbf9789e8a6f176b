import { unreachable, type WitnessAnswer } from '@holdfast/core';
import { closedClaim, guards as allGuards, type Guards } from './guards.js';
import {
  emptyRecord,
  type GroupRecord,
  incarnationOf,
  isPromoted,
  type Registration,
  viewOf,
  type WitnessMeta,
} from './record.js';
import type {
  ForgetRequest,
  ManualPromoteRequest,
  PromoteRequest,
  ReassertRequest,
  RegisterRequest,
  RejoinRequest,
  WitnessRequest,
} from './request.js';

/** What the witness says; that it cannot be reached is for others to find out. */
export type ServedAnswer = Exclude<WitnessAnswer, { readonly kind: 'unreachable' }>;

export interface Decision {
  /** What is known from now on. The very object that was passed in, when nothing changed. */
  readonly record: GroupRecord | undefined;
  readonly answer: ServedAnswer;
}

/** Closed claims that are kept of one group. A node has one open claim at a time, so this outlasts any late copy. */
const closedClaimsMax = 32;

/** One claim against what is known of its group: pure and total. `record` is undefined for a group never heard of. */
export function decide(
  record: GroupRecord | undefined,
  request: WitnessRequest,
  meta: WitnessMeta,
): Decision {
  return decideWith(allGuards, record, request, meta);
}

/** For tests that leave a guard out. */
export function decideWith(
  guards: Guards,
  record: GroupRecord | undefined,
  request: WitnessRequest,
  meta: WitnessMeta,
): Decision {
  const decision = new Deciding(guards, record, meta);
  if (request.kind === 'status') return decision.status();
  if (!guards.namesIncarnation(record, request, meta)) return decision.refuse('unknown-incarnation');
  switch (request.kind) {
    case 'register':
      return decision.register(request);
    case 'promote':
      return decision.promote(request);
    case 'reassert':
      return decision.reassert(request);
    case 'rejoin':
      return decision.rejoin(request);
    case 'manual-promote':
      return decision.manualPromote(request);
    case 'forget':
      return decision.forget(request);
    default:
      return unreachable(request, 'The witness');
  }
}

class Deciding {
  constructor(
    private readonly guards: Guards,
    private readonly record: GroupRecord | undefined,
    private readonly meta: WitnessMeta,
  ) {}

  refuse(kind: ServedAnswer['kind'], record = this.record): Decision {
    return { record, answer: { kind, view: viewOf(record, this.meta) } };
  }

  grant(record: GroupRecord): Decision {
    return this.refuse('granted', record);
  }

  status(): Decision {
    const view = viewOf(this.record, this.meta);
    if (view.state === 'EMPTY') return this.refuse('not-registered');
    return this.refuse(view.quarantined ? 'quarantined' : 'granted');
  }

  register(request: RegisterRequest): Decision {
    const { guards, meta } = this;
    const record = this.withMembers(request);
    if (!sameMembers(record.members, request.members)) return this.refuse('denied');
    if (!guards.isMember(record, request.nodeId)) return this.refuse('not-registered');
    if (!guards.registrationMovesOn(record, request, meta)) return this.refuse('denied');
    const registered = withWord(record, request.nodeId, this.wordOf(request));
    return this.grant(this.settled(registered, request));
  }

  promote(request: PromoteRequest): Decision {
    const { guards, record, meta } = this;
    if (record === undefined || record.state === 'EMPTY' || !guards.isMember(record, request.nodeId)) {
      return this.refuse('not-registered');
    }
    if (!guards.isTrusted(record, meta)) return this.refuse('quarantined');
    if (isSurvivorship(record, request)) return this.grant(record);
    if (!guards.isOpen(record, request)) return this.refuse('denied');
    const isWished = guards.isStillWished(record, request, meta);
    if (isWished && guards.nobodyIsPromoted(record) && guards.startsFromRecord(record, request)) {
      return this.grant(this.promoted(record, 'AUTO_PROMOTED', request));
    }
    if (isWished && isRepeatAfterRestart(record, request)) {
      return this.grant(
        this.promoted(withClosed(record, record.owner, record.claimId), 'AUTO_PROMOTED', request),
      );
    }
    // Behind the record it can never be granted any more; ahead of it, it could be, once the record has caught up.
    const remember = request.fromEpoch > record.epoch;
    return this.refuse('denied', remember ? withClosed(record, request.nodeId, request.claimId) : record);
  }

  reassert(request: ReassertRequest): Decision {
    const { guards, meta } = this;
    const record = this.record ?? emptyRecord(request.groupId, meta);
    if (!guards.isMember(record, request.nodeId)) return this.refuse('not-registered');
    if (isSurvivorship(record, request)) {
      return this.grant(
        guards.isTrusted(record, meta) ? record : { ...record, confirmedIn: meta.incarnation },
      );
    }
    const isNewer =
      guards.isAboveRecord(record, request) && guards.isAboveRegistrations(record, request, meta);
    if (!isNewer || !guards.descends(record, request)) return this.refuse('denied');
    return this.grant(this.promoted(record, 'AUTO_PROMOTED', request));
  }

  rejoin(request: RejoinRequest): Decision {
    const { guards, record, meta } = this;
    if (record === undefined || record.state === 'EMPTY' || !guards.isMember(record, request.nodeId)) {
      return this.refuse('not-registered');
    }
    if (!guards.isTrusted(record, meta)) return this.refuse('quarantined');
    const isSame = sameMembers(record.members, request.members);
    if (isSame && record.state === 'REGISTERED' && isRecorded(record, request)) return this.grant(record);
    // An owner may come back with another partner; while nobody is promoted, one member alone cannot exchange the other.
    if (!isSame && !isPromoted(record)) return this.refuse('denied');
    if (!request.members.includes(request.nodeId)) return this.refuse('denied');
    if (!guards.isAboveRecord(record, request) || !guards.mayRejoin(record, request))
      return this.refuse('denied');
    return this.grant(this.registered(record, request, request.members));
  }

  manualPromote(request: ManualPromoteRequest): Decision {
    const { guards, record, meta } = this;
    if (record === undefined || !guards.isMember(record, request.nodeId))
      return this.refuse('not-registered');
    if (record.state === 'MANUAL_PROMOTED' && isSurvivorship(record, request)) {
      return this.grant({ ...record, confirmedIn: meta.incarnation });
    }
    if (!guards.acknowledges(record, request)) return this.refuse('denied');
    const isNewer =
      guards.isAboveRecord(record, request) && guards.isAboveRegistrations(record, request, meta);
    return isNewer ? this.grant(this.promoted(record, 'MANUAL_PROMOTED', request)) : this.refuse('denied');
  }

  forget(request: ForgetRequest): Decision {
    const { guards, record, meta } = this;
    if (record === undefined) return this.refuse('not-registered');
    if (!guards.acknowledges(record, request)) return this.refuse('denied');
    // A new incarnation for this group alone: late copies of what was said before do not count for the next one.
    return this.grant(emptyRecord(request.groupId, meta, record.rebirths + 1));
  }

  /**
   * While a lone first member has named the members, it may correct itself. Where an owner spoke to an empty memory, the first
   * list that contains this owner counts.
   */
  private withMembers(request: RegisterRequest): GroupRecord {
    const record = this.record ?? emptyRecord(request.groupId, this.meta);
    if (!request.members.includes(request.nodeId) || sameMembers(record.members, request.members))
      return record;
    const others = Object.keys(record.registrations).filter((nodeId) => nodeId !== request.nodeId);
    const isFirst = record.state === 'EMPTY' && others.length === 0;
    const namesOwner = record.owner !== undefined && request.members.includes(record.owner);
    const isOpen = isFirst || (record.members.length === 0 && namesOwner);
    return isOpen ? { ...record, members: request.members } : record;
  }

  private wordOf(request: { readonly epoch: number; readonly lineageId: string }): Registration {
    return {
      incarnation: incarnationOf(this.record, this.meta),
      epoch: request.epoch,
      lineageId: request.lineageId,
    };
  }

  /** REGISTERED at the epoch that all members have named, if they have; otherwise as it was. */
  private settled(record: GroupRecord, request: RegisterRequest): GroupRecord {
    const { guards, meta } = this;
    if (!guards.allAgree(record, meta)) return record;
    const isSettled = isRecorded(record, request) && record.confirmedIn === meta.incarnation;
    // An owner that registers at its own epoch is known already, and has not said that it is not alone any more.
    if (isSettled || (isRecorded(record, request) && isPromoted(record))) return record;
    return this.registered(record, request, record.members);
  }

  private registered(
    record: GroupRecord,
    agreed: { readonly epoch: number; readonly lineageId: string },
    members: readonly string[],
  ): GroupRecord {
    const { owner: _owner, fromEpoch: _fromEpoch, claimId: _claimId, ...rest } = record;
    const word = this.wordOf(agreed);
    const known = Object.entries(record.registrations).filter(([nodeId]) => members.includes(nodeId));
    const newer = known.filter(([, own]) => own.incarnation === word.incarnation && own.epoch > word.epoch);
    return {
      ...rest,
      state: 'REGISTERED',
      confirmedIn: this.meta.incarnation,
      epoch: agreed.epoch,
      lineageId: agreed.lineageId,
      members,
      registrations: Object.fromEntries([...members.map((nodeId) => [nodeId, word] as const), ...newer]),
    };
  }

  private promoted(
    record: GroupRecord,
    state: 'AUTO_PROMOTED' | 'MANUAL_PROMOTED',
    claim: PromoteRequest | ReassertRequest | ManualPromoteRequest,
  ): GroupRecord {
    const { fromEpoch: _fromEpoch, ...rest } = record;
    return {
      ...rest,
      state,
      confirmedIn: this.meta.incarnation,
      epoch: claim.epoch,
      lineageId: claim.lineageId,
      owner: claim.nodeId,
      claimId: claim.claimId,
      ...(claim.kind === 'promote' ? { fromEpoch: claim.fromEpoch } : {}),
    };
  }
}

function sameMembers(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((member) => right.includes(member));
}

function isRecorded(
  record: GroupRecord,
  claim: { readonly epoch: number; readonly lineageId: string },
): boolean {
  return record.epoch === claim.epoch && record.lineageId === claim.lineageId;
}

/** The claimant is what is recorded: owner, epoch and lineage. */
function isSurvivorship(
  record: GroupRecord,
  claim: { readonly nodeId: string; readonly epoch: number; readonly lineageId: string },
): boolean {
  return isPromoted(record) && record.owner === claim.nodeId && isRecorded(record, claim);
}

/**
 * The owner asks for what it was granted, under a fresh lineage: it died before it had written the grant down, so it has never
 * acted under it. The fresh lineage is recorded, not the old one handed out: if the claimant is in truth a copy from before the
 * grant, its peer sees that the lineages differ.
 */
function isRepeatAfterRestart(record: GroupRecord, request: PromoteRequest): boolean {
  return (
    record.state === 'AUTO_PROMOTED' &&
    record.owner === request.nodeId &&
    record.epoch === request.epoch &&
    record.fromEpoch === request.fromEpoch
  );
}

function withWord(record: GroupRecord, nodeId: string, word: Registration): GroupRecord {
  const own = record.registrations[nodeId];
  const isKnown =
    own?.incarnation === word.incarnation && own.epoch === word.epoch && own.lineageId === word.lineageId;
  return isKnown ? record : { ...record, registrations: { ...record.registrations, [nodeId]: word } };
}

function withClosed(
  record: GroupRecord,
  nodeId: string | undefined,
  claimId: string | undefined,
): GroupRecord {
  if (nodeId === undefined || claimId === undefined) return record;
  const entry = closedClaim({ nodeId, claimId });
  if (record.closedClaims.includes(entry)) return record;
  return { ...record, closedClaims: [...record.closedClaims, entry].slice(-closedClaimsMax) };
}
