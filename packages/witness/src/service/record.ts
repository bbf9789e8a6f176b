import type { WitnessState, WitnessView } from '@holdfast/core';

/** A member's own word: 'I mirror at this epoch, under this lineage'. */
export interface Registration {
  /** The witness incarnation in which the word was given: words given to an earlier memory do not count. */
  readonly incarnation: string;
  readonly epoch: number;
  readonly lineageId: string;
}

/** All that the witness keeps of one consistency group. Plain JSON; every change is durable before its answer leaves. */
export interface GroupRecord {
  readonly groupId: string;
  readonly state: WitnessState;
  /**
   * The store's incarnation in which members or the owner last vouched for this record.
   * Any other than the present one: the record stems from a memory in doubt, the group is in quarantine.
   */
  readonly confirmedIn: string;
  /** How often an operator has let the group be forgotten. Part of the incarnation that its members see. */
  readonly rebirths: number;
  readonly epoch: number;
  readonly lineageId?: string;
  readonly owner?: string;
  /** The epoch that the owner was promoted from, when it was by its own request. */
  readonly fromEpoch?: number;
  /** The request that made the owner, when there was one. */
  readonly claimId?: string;
  readonly members: readonly string[];
  readonly registrations: Readonly<Record<string, Registration>>;
  /** Requests for promotion that were denied and could look grantable later: a `no` stays a `no`. Bounded. */
  readonly closedClaims: readonly string[];
}

/** What is true of the whole store. */
export interface WitnessMeta {
  /** Fresh for every new store, and whenever the store cannot prove that it is whole and the latest. */
  readonly incarnation: string;
}

export function emptyRecord(groupId: string, meta: WitnessMeta, rebirths = 0): GroupRecord {
  return {
    groupId,
    state: 'EMPTY',
    confirmedIn: meta.incarnation,
    rebirths,
    epoch: 0,
    members: [],
    registrations: {},
    closedClaims: [],
  };
}

/** The incarnation that members of this group see and must name in their claims. */
export function incarnationOf(record: GroupRecord | undefined, meta: WitnessMeta): string {
  const rebirths = record?.rebirths ?? 0;
  return rebirths === 0 ? meta.incarnation : `${meta.incarnation}.${rebirths}`;
}

export function isPromoted(record: GroupRecord): boolean {
  return record.state === 'AUTO_PROMOTED' || record.state === 'MANUAL_PROMOTED';
}

/** The words of members that count in the present incarnation. */
export function registrationsNow(record: GroupRecord, meta: WitnessMeta): ReadonlyMap<string, Registration> {
  const incarnation = incarnationOf(record, meta);
  return new Map(Object.entries(record.registrations).filter(([, word]) => word.incarnation === incarnation));
}

export function viewOf(record: GroupRecord | undefined, meta: WitnessMeta): WitnessView {
  return {
    state: record?.state ?? 'EMPTY',
    incarnation: incarnationOf(record, meta),
    quarantined: record !== undefined && record.confirmedIn !== meta.incarnation,
    epoch: record?.epoch ?? 0,
    ...(record?.owner === undefined ? {} : { owner: record.owner }),
    ...(record?.lineageId === undefined ? {} : { lineageId: record.lineageId }),
    members: record?.members ?? [],
  };
}
