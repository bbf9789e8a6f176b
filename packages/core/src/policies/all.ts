import { pooledMemoryFt } from './pooled-memory-ft/step.js';
import { selectiveMirroring } from './selective-mirroring/step.js';
import { ttlPolarization } from './ttl-polarization/step.js';

/** Every policy of this package, for tools that list or document them. */
export const policies = [pooledMemoryFt, selectiveMirroring, ttlPolarization] as const;
