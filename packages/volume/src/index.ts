export * from './api.js';
export * from './control/index.js';
export { createNode } from './group/create-node.js';
export { PeerGuard, type PeerGuardOptions, type Suspicion } from './group/peer-guard.js';
export { metadataSizeBytes } from './metadata/index.js';
export * from './options.js';
export * from './initiator/index.js';
export * from './path/index.js';
export { sha256Digest } from './node/digest.js';
