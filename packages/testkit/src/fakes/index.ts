export { memoryDevice, type MemoryDevice } from './memory-device.js';
export {
  MemoryDisk,
  type DiskFault,
  type DiskLatency,
  type DiskOperation,
  type DiskOperationKind,
  type MemoryDiskOptions,
} from './memory-disk.js';
export {
  MemoryRecords,
  memoryStore,
  type MemoryStore,
  type MemoryStoreOptions,
  type StoreFault,
  type StoreOperation,
} from './memory-store.js';
export { recordingTelemetry, type RecordingTelemetry } from './recording-telemetry.js';
export { seededRandom } from './seeded-random.js';
export type { Weather } from './network/datagrams.js';
export type { LinkSpeed } from './network/link.js';
export { MemoryHost, type MemoryHostOptions } from './network/memory-host.js';
export { MemoryNetwork, type MemoryNetworkOptions } from './network/memory-network.js';
export {
  type ScriptedAnswer,
  type ScriptedWitness,
  scriptedWitness,
  type WitnessCall,
  type WitnessLine,
  type WitnessMethod,
  witnessView,
} from './scripted-witness.js';
