import type { Telemetry, WitnessState } from '@holdfast/core';
import type { ServedAnswer } from './decide.js';
import type { MemoryVerdict } from './proof.js';
import type { WitnessRequest } from './request.js';

/** What a witness reports through the Telemetry port. */
export type WitnessEvent =
  | {
      readonly kind: 'witness-started';
      readonly incarnation: string;
      /** Anything but `new` and `continued`: all groups are in quarantine. */
      readonly memory: MemoryVerdict;
      readonly groups: number;
      readonly address?: string;
    }
  /** Emitted when the change is durable and its answer has not left yet. */
  | {
      readonly kind: 'witness-group-changed';
      readonly groupId: string;
      readonly from: WitnessState;
      readonly to: WitnessState;
      readonly epoch: number;
      readonly owner?: string;
      readonly quarantined: boolean;
    }
  | {
      readonly kind: 'witness-claim-answered';
      readonly groupId: string;
      readonly nodeId: string;
      readonly request: WitnessRequest['kind'];
      readonly answer: ServedAnswer['kind'];
    }
  /** A request that was not even looked at. */
  | {
      readonly kind: 'witness-request-refused';
      readonly from: string;
      readonly status: number;
      readonly detail: string;
    }
  | { readonly kind: 'witness-connection-refused'; readonly from: string; readonly detail: string }
  /** The store failed: nothing is answered any more until a new start. */
  | { readonly kind: 'witness-store-failed'; readonly detail: string }
  | { readonly kind: 'witness-ended' };

export function emit(telemetry: Telemetry, event: WitnessEvent): void {
  telemetry.emit(event);
}
