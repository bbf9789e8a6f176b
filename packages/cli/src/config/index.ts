export { loadConfig, parseConfig } from './load.js';
export { ConfigError, type ConfigProblem } from './problems.js';
export { formatBytes, parseSize } from './size.js';
export type {
  EndpointConfig,
  HoldfastConfig,
  InitiatorConfig,
  LegConfig,
  NodeConfig,
  TlsFiles,
  WitnessConfig,
} from './types.js';
