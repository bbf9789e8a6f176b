import { poolDevices } from './pool-devices/step.js';
import { ttlPolarization } from './ttl-polarization/step.js';

/** Every policy of this package, for tools that list or document them. */
export const policies = [poolDevices, ttlPolarization] as const;
