export * from './latency-failback/index.js';
export * from './mediator-fallback/index.js';
export * from './planned-failover/index.js';
export * from './pool-devices/index.js';
export * from './pooled-memory-ft/index.js';
export * from './selective-mirroring/index.js';
export * from './swap-recovery/index.js';
export * from './ttl-polarization/index.js';
export { policies } from './all.js';
