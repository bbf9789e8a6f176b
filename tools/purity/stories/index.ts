import { type Story } from '../story.js';
import { applianceUpgradeStories } from './appliance-upgrade.js';
import { consistencyGroupStories } from './consistency-group.js';
import { latencyFailbackStories } from './latency-failback.js';
import { mediatorFallbackStories } from './mediator-fallback.js';
import { plannedFailoverStories } from './planned-failover.js';
import { poolDevicesStories } from './pool-devices.js';
import { pooledMemoryFtStories } from './pooled-memory-ft.js';
import { resourceReservationStories } from './resource-reservation.js';
import { selectiveMirroringStories } from './selective-mirroring.js';
import { swapRecoveryStories } from './swap-recovery.js';
import { ttlPolarizationStories } from './ttl-polarization.js';

/** Stories for every policy of core: enough events to pass through its main branches. */
export function allStories(): Story[] {
  return [
    ...applianceUpgradeStories(),
    ...consistencyGroupStories(),
    ...latencyFailbackStories(),
    ...mediatorFallbackStories(),
    ...plannedFailoverStories(),
    ...poolDevicesStories(),
    ...pooledMemoryFtStories(),
    ...resourceReservationStories(),
    ...selectiveMirroringStories(),
    ...swapRecoveryStories(),
    ...ttlPolarizationStories(),
  ];
}
