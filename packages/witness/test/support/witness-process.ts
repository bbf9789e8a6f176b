import { join } from 'node:path';
import { createWitness } from '../../src/node/create-witness.js';

const [, , folder = '.'] = process.argv;

const witness = await createWitness({
  listen: `unix:${join(folder, 'w.sock')}`,
  store: join(folder, 'store'),
  bootTokenFile: join(folder, 'boot-token'),
  telemetry: {
    emit: (event) => {
      // Durable by now, and not answered yet: the worst moment.
      const isGrant = event.kind === 'witness-group-changed' && event['to'] === 'AUTO_PROMOTED';
      if (isGrant) process.kill(process.pid, 'SIGKILL');
    },
  },
});
process.stdout.write(`${JSON.stringify({ address: witness.address, incarnation: witness.incarnation })}\n`);
