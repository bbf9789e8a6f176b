import { consistencyGroup } from './group/step.js';
import { applianceUpgrade } from './policies/appliance-upgrade/step.js';
import { latencyFailback } from './policies/latency-failback/step.js';
import { mediatorFallback } from './policies/mediator-fallback/step.js';
import { plannedFailover } from './policies/planned-failover/step.js';
import { poolDevices } from './policies/pool-devices/step.js';
import { pooledMemoryFt } from './policies/pooled-memory-ft/step.js';
import { resourceReservation } from './policies/resource-reservation/step.js';
import { selectiveMirroring } from './policies/selective-mirroring/step.js';
import { swapRecovery } from './policies/swap-recovery/step.js';
import { ttlPolarization } from './policies/ttl-polarization/step.js';

/** Every policy of this package, and the group that composes five of them, for tools that list or document them. */
export const policies = [
  applianceUpgrade,
  consistencyGroup,
  latencyFailback,
  mediatorFallback,
  plannedFailover,
  poolDevices,
  pooledMemoryFt,
  resourceReservation,
  selectiveMirroring,
  swapRecovery,
  ttlPolarization,
] as const;
