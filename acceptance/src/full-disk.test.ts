import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { Cluster, mebibyte } from './support/cluster.js';
import { VerifyingLoad } from './support/load.js';
import { noMounting, Undoing } from './support/machine.js';
import { itNeeding, run } from './support/programs.js';

/** A small file system of its own, in memory. */
async function smallFileSystem(undoing: Undoing, sizeBytes: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hf-small-'));
  undoing.defer(() => rm(folder, { recursive: true }));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder]);
  undoing.defer(() => run('umount', [folder]));
  return folder;
}

describe('a file system that fills up', () => {
  itNeeding(
    { hindrance: noMounting() },
    'under a leg: its node says which file, and the other goes on',
    async () => {
      await using undoing = new Undoing();
      const small = await smallFileSystem(undoing, 12 * mebibyte);
      const data = join(small, 'south.data');
      await using cluster = await Cluster.start({ elsewhere: { south: { data } } });
      const client = await cluster.client(cluster.layout.hostSocket);
      const load = new VerifyingLoad({ client, sizeBytes: 32 * mebibyte, queueDepth: 16 });
      await cluster.servesAlone('north');
      const before = load.acknowledgedWrites;
      await cluster.until('writes go on', () => load.acknowledgedWrites > before + 200);
      await load.stop();
      const told = cluster.said.filter(({ source, text }) => source === 'south' && text.includes(data));
      expect(told.map(({ text }) => text).join('\n'), 'the message names file and cause').toMatch(/ENOSPC/);
      await load.readAllBack();
      expect(load.errors).toEqual([]);
      expect(load.wrongBlocks).toEqual([]);
    },
  );

  itNeeding(
    { hindrance: noMounting() },
    'under a store: its node says which file, and the other goes on',
    async () => {
      await using undoing = new Undoing();
      const small = await smallFileSystem(undoing, 256 * 1024);
      const store = join(small, 'south.store');
      await mkdir(store);
      await using cluster = await Cluster.start({ elsewhere: { south: { store } } });
      const client = await cluster.client(cluster.layout.hostSocket);
      const load = new VerifyingLoad({ client, sizeBytes: 16 * mebibyte, queueDepth: 16 });
      // Something else on the same file system takes all that is left.
      const other = join(small, 'other');
      await run('dd', ['if=/dev/zero', `of=${other}`, 'bs=4k']).catch(() => undefined);
      // With its next life south has something to write down.
      await cluster.kill('south');
      await cluster.servesAlone('north');
      await expect(cluster.run('south')).rejects.toThrow();
      const told = cluster.said.filter(({ source, text }) => source === 'south' && text.includes(store));
      expect(told.map(({ text }) => text).join('\n'), 'the message names the file').toMatch(/ENOSPC/);
      const before = load.acknowledgedWrites;
      await cluster.until('writes go on', () => load.acknowledgedWrites > before + 200);
      // What stood there before is whole: with room to write, the node goes on from it.
      await rm(other);
      await cluster.run('south');
      await cluster.mirrored();
      await load.stop();
      await load.readAllBack();
      expect(load.errors).toEqual([]);
      expect(load.wrongBlocks).toEqual([]);
    },
  );
});
