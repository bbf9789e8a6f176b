export type { AbortSignalLike } from './abort.js';
export type { NbdClock, NbdTimer } from './clock.js';
export { NbdDisconnect, NbdError, type NbdErrorCode, type NbdWireErrorCode } from './errors.js';
export { memoryBackend, memoryExport, type MemoryExportOptions } from './memory-export.js';
export type { ByteStream, ByteStreamHandler } from './stream.js';

export * as codec from './codec/index.js';

export { NbdByteBudget, type NbdBudgetWaiter } from './server/budget.js';
export { DEFAULT_SERVER_LIMITS, type NbdServerLimits } from './server/limits.js';
export type { NbdSecuredStream, NbdServerNotice, NbdServerOptions, NbdTlsPolicy } from './server/options.js';
export { NbdServer } from './server/server.js';
export type {
  NbdBackend,
  NbdBlockStatusOptions,
  NbdCloseReason,
  NbdExport,
  NbdExportDirectory,
  NbdExportFeatures,
  NbdExtent,
  NbdIdentity,
  NbdReadBuffer,
  NbdSession,
  NbdWriteOptions,
  NbdZeroOptions,
} from './server/types.js';

export { NbdClient } from './client/client.js';
export { listExports } from './client/negotiate.js';
export { DEFAULT_CLIENT_LIMITS, type NbdClientOptions, type NbdClientTls } from './client/options.js';
export type {
  NbdCallOptions,
  NbdClientBlockStatusOptions,
  NbdClientLimits,
  NbdClientWriteOptions,
  NbdClientZeroOptions,
  NbdExportInfo,
  NbdListedExport,
} from './client/types.js';

export { inheritedSockets, type ActivationEnvironment } from './node/activation.js';
export { systemClock } from './node/clock.js';
export { connectNbd, listNbdExports, type NbdAddress, type NodeNbdClientOptions } from './node/connect.js';
export {
  createNbdServer,
  NodeNbdServer,
  type NbdListenAddress,
  type NbdListenOptions,
  type NodeNbdServerOptions,
} from './node/server.js';
export { parsePresharedKeys, type PresharedKeys } from './node/preshared-keys.js';
export { createClientTls, type ClientTlsOptions } from './node/tls-client.js';
export {
  createTlsPolicy,
  type CertificateCredentials,
  type PresharedKeyCredentials,
  type TlsPolicyOptions,
} from './node/tls-server.js';
