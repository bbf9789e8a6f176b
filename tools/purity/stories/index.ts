import { type Story } from '../story.js';
import { applianceUpgradeStories } from './appliance-upgrade.js';
import { resourceReservationStories } from './resource-reservation.js';
import { ttlPolarizationStories } from './ttl-polarization.js';

/** Stories for every policy of core: enough events to pass through its main branches. */
export function allStories(): Story[] {
  return [...applianceUpgradeStories(), ...resourceReservationStories(), ...ttlPolarizationStories()];
}
