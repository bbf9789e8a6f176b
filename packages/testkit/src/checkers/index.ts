export { type BlockHistoryCheck, checkBlockHistory } from './check-block-history.js';
export type { BlockOperation, BlockViolation } from './history.js';
export { checkBySearch } from './search.js';
export { checkZones } from './zones.js';
