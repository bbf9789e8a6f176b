import type { EffectId } from './policy.js';

/** Who wishes: the parts of an effect's identity that stay the same during one life of a node. */
export interface EffectIdentity {
  readonly groupId: string;
  readonly nodeId: string;
  /** Durable count of this node's starts, raised before the first effect of a start: a crash never reuses an id. */
  readonly incarnation: number;
}

/** The identity of the wish number `index` (from 0) that the event number `sequence` led to. */
export function effectId(identity: EffectIdentity, sequence: number, index: number): EffectId {
  return `${identity.groupId}/${identity.nodeId}/${String(identity.incarnation)}/${String(sequence)}/${String(index)}`;
}
