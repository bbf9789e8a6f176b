import { applianceUpgrade } from './appliance-upgrade/step.js';
import { resourceReservation } from './resource-reservation/step.js';
import { ttlPolarization } from './ttl-polarization/step.js';

/** Every policy of this package, for tools that list or document them. */
export const policies = [applianceUpgrade, resourceReservation, ttlPolarization] as const;
