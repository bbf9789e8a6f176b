export { systemClock } from './system-clock.js';
export { systemRandom } from './system-random.js';
export { socketTransport, type SocketTransportOptions } from './socket-transport.js';
export type { CertificateSecurity, LinkSecurity, PreSharedKeySecurity } from './socket-security.js';
export { fileJournal, type FileJournalOptions, readJournal } from './file-journal.js';
