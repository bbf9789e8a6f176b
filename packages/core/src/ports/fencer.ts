import type { CallOptions } from './abort.js';

/**
 * What a fence takes away. `io`: the instance can neither write nor reply any more (its exit was observed, its power is off).
 * `attachment`: its storage was taken away. `advisory`: it was asked to stop. Only `io` shortens a wait.
 */
export type FencingStrength = 'io' | 'attachment' | 'advisory';

/** Proof about one life of one node: it counts only against leases of that very boot. */
export interface FencingEvidence {
  readonly nodeId: string;
  /** The node boot id of the life that has ended. */
  readonly bootId: string;
  readonly strength: FencingStrength;
  /** How it is known, for people: 'process 4711 exited with SIGKILL'. */
  readonly how: string;
}

/** Guarantee: evidence is given only when certain; when in doubt, nothing is said and the wait stays. */
export interface Fencer {
  readonly strength: FencingStrength;
  /** Calls back for every life that ended, from now on. Gives back a function that stops it. */
  watch(found: (evidence: FencingEvidence) => void): () => void;
  /** Ends that life of that node, or finds out that it has ended. Undefined: not certain, treat it as alive. */
  fence(nodeId: string, bootId: string, options?: CallOptions): Promise<FencingEvidence | undefined>;
}
