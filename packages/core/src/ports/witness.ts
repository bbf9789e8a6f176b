import type { CallOptions } from './abort.js';

/** EMPTY: nothing known. REGISTERED: nobody promoted. The other two: one survivor, by its own request or an operator's. */
export type WitnessState = 'EMPTY' | 'REGISTERED' | 'AUTO_PROMOTED' | 'MANUAL_PROMOTED';

/** What the witness knows of one consistency group. */
export interface WitnessView {
  readonly state: WitnessState;
  /** Fresh for every new store: an answer of another incarnation does not count. */
  readonly incarnation: string;
  /** True while its memory is in doubt: it grants nothing until all members have registered or the owner has re-asserted. */
  readonly quarantined: boolean;
  readonly epoch: number;
  readonly owner?: string;
  readonly lineageId?: string;
  readonly members: readonly string[];
}

export interface WitnessClaim {
  readonly groupId: string;
  readonly nodeId: string;
  /** Identity of the wish: the same claim repeated gets the same answer. */
  readonly claimId: string;
  /** The incarnation that the node has seen before; undefined when it has seen none. */
  readonly incarnation?: string;
  readonly epoch: number;
  readonly lineageId: string;
}

/** Everything that is not `granted` grants nothing. `unreachable` means that nobody knows, also whether it was granted. */
export type WitnessAnswer =
  | { readonly kind: 'granted'; readonly view: WitnessView }
  | { readonly kind: 'denied'; readonly view: WitnessView }
  | { readonly kind: 'unknown-incarnation'; readonly view: WitnessView }
  | { readonly kind: 'not-registered'; readonly view: WitnessView }
  | { readonly kind: 'quarantined'; readonly view: WitnessView }
  | { readonly kind: 'unreachable'; readonly detail: string };

/**
 * The third vote. Guarantee: at most one owner per group, incarnation and epoch; durable before the answer; every call may be
 * repeated. It never acts by itself, holds no data, and losing it never stops I/O. No call throws for what the witness answers.
 */
export interface WitnessPort {
  /** Makes a member known, at its epoch. `members` are all of the group; idempotent. */
  register(
    claim: WitnessClaim & { readonly members: readonly string[] },
    options?: CallOptions,
  ): Promise<WitnessAnswer>;
  /** Asks to be the survivor: `epoch` is the epoch asked for, `fromEpoch` the one that both members last shared. */
  promote(
    claim: WitnessClaim & { readonly fromEpoch: number },
    options?: CallOptions,
  ): Promise<WitnessAnswer>;
  /**
   * The owner says again that it is (after the witness lost its memory, or a handover between the nodes). `history`: the lineages
   * that its complete copy went through. Against another recorded owner it is granted only if that owner's lineage is among them.
   */
  reassert(
    claim: WitnessClaim & {
      readonly history?: readonly { readonly epoch: number; readonly lineageId: string }[];
    },
    options?: CallOptions,
  ): Promise<WitnessAnswer>;
  /** Both members mirror again at `epoch`: back to REGISTERED. Sent by the sequencer after both have persisted it. */
  rejoin(
    claim: WitnessClaim & { readonly members: readonly string[] },
    options?: CallOptions,
  ): Promise<WitnessAnswer>;
  /** Changes nothing. `granted` says only that the view may be relied on; who is promoted stands in the view. */
  status(groupId: string, options?: CallOptions): Promise<WitnessAnswer>;
}
