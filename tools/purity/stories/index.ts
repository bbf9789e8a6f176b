import { type Story } from '../story.js';
import { mediatorFallbackStories } from './mediator-fallback.js';
import { plannedFailoverStories } from './planned-failover.js';
import { poolDevicesStories } from './pool-devices.js';
import { ttlPolarizationStories } from './ttl-polarization.js';

/** Stories for every policy of core: enough events to pass through its main branches. */
export function allStories(): Story[] {
  return [
    ...mediatorFallbackStories(),
    ...plannedFailoverStories(),
    ...poolDevicesStories(),
    ...ttlPolarizationStories(),
  ];
}
