export * from './appliance-upgrade/index.js';
export * from './resource-reservation/index.js';
export * from './ttl-polarization/index.js';
export { policies } from './all.js';
