export { Dice } from './dice.js';
export { FedStream, type FedStreamOptions } from './fed-stream.js';
export {
  fuzz,
  type FuzzFailure,
  type FuzzOptions,
  type FuzzOutcome,
  type FuzzReport,
  type FuzzTarget,
  showBytes,
} from './fuzz.js';
export { joined, mutate } from './mutate.js';
export { shrinkList } from './shrink.js';
export { everySplit, someSplit } from './splits.js';
