// Opens a leg with a volatile cache, flushes one write, leaves another unflushed, and waits to be killed.
import { openFileDevice, powerLossDevice } from '../../src/index.js';
import { pattern } from '../temporary.js';

const device = powerLossDevice(await openFileDevice(process.argv[2] ?? ''));
await device.write(0, pattern(8192, 1));
await device.flush();
await device.write(4096, pattern(8192, 2));
process.stdout.write('ready\n');
