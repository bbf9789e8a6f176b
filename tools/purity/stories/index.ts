import { type Story } from '../story.js';
import { pooledMemoryFtStories } from './pooled-memory-ft.js';
import { selectiveMirroringStories } from './selective-mirroring.js';
import { ttlPolarizationStories } from './ttl-polarization.js';

/** Stories for every policy of core: enough events to pass through its main branches. */
export function allStories(): Story[] {
  return [...pooledMemoryFtStories(), ...selectiveMirroringStories(), ...ttlPolarizationStories()];
}
