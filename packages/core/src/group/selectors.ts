import { introduce } from '../policies/ttl-polarization/index.js';
import type { GroupState } from './state.js';
import type { GroupGate, GroupIntroduction } from './types.js';

/** What this node says of itself when the two meet. */
export function introduceGroup({ polarization, record }: GroupState): GroupIntroduction {
  return { introduction: introduce(polarization), preferred: record.preferred };
}

/** What the data path may do for hosts now. */
export function groupGateOf(state: GroupState): GroupGate {
  return state.gate;
}
