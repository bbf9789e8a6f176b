export * from './pool-devices/index.js';
export * from './ttl-polarization/index.js';
export { policies } from './all.js';
