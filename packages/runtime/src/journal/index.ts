export { formatRecord, parseRecords } from './lines.js';
export { replay, type Replay, type ReplayDifference } from './replay.js';
export { ringJournal, type RingJournal } from './ring-journal.js';
export * from './types.js';
