import { latencyFailback } from './latency-failback/step.js';
import { plannedFailover } from './planned-failover/step.js';
import { swapRecovery } from './swap-recovery/step.js';
import { ttlPolarization } from './ttl-polarization/step.js';

/** Every policy of this package, for tools that list or document them. */
export const policies = [latencyFailback, plannedFailover, swapRecovery, ttlPolarization] as const;
