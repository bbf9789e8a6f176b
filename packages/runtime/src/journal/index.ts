export * from './types.js';
export { ringJournal, type RingJournal } from './ring-journal.js';
