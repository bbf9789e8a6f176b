// Saves records of growing length as fast as it can; each is a number repeated, so that a mixture would show.
import { openDirectoryStore } from '../../src/index.js';

const store = await openDirectoryStore(process.argv[2] ?? '');
process.stdout.write('ready\n');
for (let round = 1; ; round += 1) {
  const value = new Uint8Array(1 + ((round * 977) % 60_000)).fill(round & 0xff);
  await store.save('k', value);
  process.stdout.write(`saved ${round}\n`);
}
