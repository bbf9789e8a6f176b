import { ownLevel } from './health.js';
import type { PolarizationState } from './state.js';
import type { Introduction } from './types.js';

/** What this node says of itself now: only what is durable, and what it is doing. */
export function introduce(state: PolarizationState): Introduction {
  const { self, record, mode, mirroringWith } = state;
  return {
    nodeId: self.nodeId,
    role: self.role,
    bootId: self.bootId,
    machineBootId: self.machineBootId,
    mode,
    record,
    ...(mirroringWith === undefined ? {} : { mirroringWithBootId: mirroringWith }),
    asked: state.asked !== undefined,
    pristine: self.pristine && record.mode === 'fresh',
    health: ownLevel(state),
    initiators: state.initiators,
  };
}
