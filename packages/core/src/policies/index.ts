export * from './pooled-memory-ft/index.js';
export * from './selective-mirroring/index.js';
export * from './ttl-polarization/index.js';
export { policies } from './all.js';
