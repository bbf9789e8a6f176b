import { type Clock, type Gate, HoldfastError, type PolarizationFact } from '@holdfast/core';
import type { Frame, Lent } from '../wire/index.js';
import type { Leg } from '../metadata/leg.js';
import type { Origins } from '../order/origins.js';
import type { RepeatMemory } from '../order/repeat-memory.js';

/** The live session with the other node, as the data path needs it. */
export interface PeerChannel {
  readonly session: number;
  readonly bootId: string;
  /** `lent` is released when the frame has left or never will. */
  send(frame: Frame, lent?: Lent): void;
  /** What was sent so far leaves at once. Sending alone waits for the end of the turn, where many frames leave together. */
  flush(): void;
  /** Index by which this session knows an initiator; announces it on first use. */
  originIndex(initiatorId: string): number;
  originAt(index: number): string | undefined;
}

/** What the parts of the data path share. One per group and process. */
export interface DataPathContext {
  readonly nodeId: string;
  readonly legs: readonly Leg[];
  readonly origins: Origins;
  readonly repeats: RepeatMemory;
  readonly clock: Clock;
  gate: Gate;
  peer: PeerChannel | undefined;
  /** Host I/O is held until the next gate, so that what is under way can come to its end. */
  readonly isDraining: boolean;
  /** An own leg has failed or hangs: nobody waits for it any more, and nothing is acknowledged because of it. */
  readonly isLegOut: boolean;
  /** Tells the policy what happened. */
  fact(fact: PolarizationFact): void;
  /** Something has moved on that a drain may be waiting for. */
  progressed(): void;
}

/** Modes in which an acknowledgement may leave this node. */
export function mayAcknowledge(gate: Gate): boolean {
  return gate.mode === 'mirrored' || gate.mode === 'standalone' || gate.mode === 'syncSource';
}

export function fenced(nodeId: string, gate: Gate): HoldfastError {
  return new HoldfastError(
    'FENCED',
    `Node ${nodeId} does not serve (mode ${gate.mode}, epoch ${String(gate.epoch)}): use the path to the other node.`,
    { retryable: true },
  );
}

export function staleGeneration(): HoldfastError {
  return new HoldfastError(
    'REFUSED',
    'A newer path of this initiator is open; what came over the older one and was not ordered yet is dropped.',
  );
}
