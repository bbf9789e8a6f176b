import { consistencyGroup } from '../group/step.js';
import { applianceUpgrade } from './appliance-upgrade/step.js';
import { latencyFailback } from './latency-failback/step.js';
import { mediatorFallback } from './mediator-fallback/step.js';
import { plannedFailover } from './planned-failover/step.js';
import { poolDevices } from './pool-devices/step.js';
import { pooledMemoryFt } from './pooled-memory-ft/step.js';
import { resourceReservation } from './resource-reservation/step.js';
import { selectiveMirroring } from './selective-mirroring/step.js';
import { swapRecovery } from './swap-recovery/step.js';
import { ttlPolarization } from './ttl-polarization/step.js';

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
