import type { PolarizationState } from './state.js';
import type { PolarizationEvent } from './types.js';

export function ignores(_state: PolarizationState, _event: PolarizationEvent): boolean {
  return false;
}
