// A server that is started by whoever wants to talk to it, through an inherited socket.
import { memoryExport } from '../../src/memory-export.js';
import { createNbdServer } from '../../src/node/server.js';

const server = createNbdServer({ exports: [memoryExport({ name: '', sizeBytes: 64 * 1024 * 1024 })] });
await server.listen({ activation: 'systemd' });
process.on('SIGTERM', () => void server.close().then(() => process.exit()));
