export * from './mediator-fallback/index.js';
export * from './planned-failover/index.js';
export * from './ttl-polarization/index.js';
export { policies } from './all.js';
