import { describe, expect } from 'vitest';
import { Cluster } from './support/cluster.js';
import { itNeeding, start } from './support/programs.js';

describe('fio with verification, through the initiator', () => {
  itNeeding({ programs: ['fio'] }, 'notices nothing of a node that is killed and comes back', async () => {
    await using cluster = await Cluster.start();
    await using fio = start('fio', [
      '--name=verify',
      '--ioengine=nbd',
      `--uri=${cluster.hostUri}`,
      '--rw=randwrite',
      '--bs=4k',
      '--size=32M',
      '--iodepth=16',
      // Slow enough for a fault and a return to fall into it.
      '--rate_iops=1500',
      '--verify=crc32c',
      '--verify_fatal=1',
      '--do_verify=1',
      // fio would leave a file beside whoever started the tests.
      '--verify_state_save=0',
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const victim = await cluster.sequencer();
    const other = victim === 'north' ? 'south' : 'north';
    expect(fio.hasExited, fio.printed).toBe(false);
    await cluster.kill(victim);
    await cluster.servesAlone(other);
    await cluster.run(victim);
    expect(fio.hasExited, 'fio was still writing when the node came back').toBe(false);
    await cluster.mirrored();

    expect(await fio.succeeded()).toContain('err= 0');
    expect(cluster.pathsLost, 'the fault reached the initiator').toContain(victim);
    const digest = await cluster.stopAndDigest();
    expect(digest.north, 'the legs are equal to the byte').toBe(digest.south);
  });
});
