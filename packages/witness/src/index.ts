export * from './service/index.js';
export type { RateLimit } from './http/rate-limit.js';
export { openBootTokenFile } from './node/boot-token-file.js';
export {
  createWitness,
  type Witness,
  type WitnessHealth,
  type WitnessLimits,
  type WitnessOptions,
} from './node/create-witness.js';
export { openLevelStore } from './node/level-store.js';
export type { ConnectionLimits, SurfaceOptions } from './node/surface.js';
export type { LimitClock } from './node/system.js';
export type { WitnessTls } from './node/tls.js';
export {
  createWitnessClient,
  createWitnessOperator,
  type WitnessClient,
  type WitnessClientOptions,
  type WitnessOperatorClient,
} from './node/witness-client.js';
