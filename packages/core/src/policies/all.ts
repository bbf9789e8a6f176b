import { mediatorFallback } from './mediator-fallback/step.js';
import { plannedFailover } from './planned-failover/step.js';
import { ttlPolarization } from './ttl-polarization/step.js';

/** Every policy of this package, for tools that list or document them. */
export const policies = [mediatorFallback, plannedFailover, ttlPolarization] as const;
