import { freshPooledMemoryRecord, pooledMemoryDefaults, type PooledMemoryOptions } from '../../src/index.js';

/** One machine of two processors on host h1. */
export function optionsOf(given: Readonly<Record<string, unknown>>): PooledMemoryOptions {
  const { tuning = {}, ...rest } = given as Partial<PooledMemoryOptions>;
  return {
    groupId: 'vm-7',
    nodeId: 'controller',
    incarnation: 1,
    record: freshPooledMemoryRecord('vm-7', 'h1', 'm1'),
    ramBytes: 1_024,
    processors: 2,
    reservedMhz: 1_000,
    ...rest,
    tuning: { ...pooledMemoryDefaults, ...tuning },
  };
}
