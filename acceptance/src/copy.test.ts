import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { sha256OfFile } from './support/files.js';
import { Cluster, mebibyte, nbdUri } from './support/cluster.js';
import { itNeeding, run } from './support/programs.js';

describe('programs that copy and compare whole disks', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  itNeeding(
    { programs: ['nbdinfo'] },
    'nbdinfo sees what is offered, at a node and at the initiator',
    async () => {
      for (const socket of [cluster.layout.nbdSocket('north'), cluster.layout.hostSocket]) {
        const printed = await run('nbdinfo', [nbdUri(socket)]);
        for (const feature of ['can_flush', 'can_fua', 'can_trim', 'can_zero', 'can_multi_conn'])
          expect(printed, socket).toContain(`${feature}: true`);
        expect(printed).toContain(`export-size: ${cluster.layout.sizeBytes}`);
        expect(printed).toContain('is_read_only: false');
      }
    },
  );

  itNeeding(
    { programs: ['nbdcopy', 'qemu-img'] },
    'nbdcopy copies in and out, and both nodes and both legs hold the same bytes',
    async () => {
      const source = join(cluster.layout.folder, 'source.raw');
      const back = join(cluster.layout.folder, 'back.raw');
      const bytes = randomBytes(cluster.layout.sizeBytes);
      // Holes, so that copying zeros is tried too.
      bytes.fill(0, 8 * mebibyte, 24 * mebibyte);
      await writeFile(source, bytes);
      await run('nbdcopy', ['--flush', source, cluster.hostUri]);
      await run('nbdcopy', [cluster.hostUri, back]);
      expect(await sha256OfFile(back)).toBe(await sha256OfFile(source));

      const compare = (one: string, two: string): Promise<string> =>
        run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', one, two]);
      const { layout } = cluster;
      const [north, south] = [nbdUri(layout.nbdSocket('north')), nbdUri(layout.nbdSocket('south'))];
      expect(await compare(north, south)).toContain('identical');
      expect(await compare(source, south)).toContain('identical');
      await cluster.stopAndDigest();
      expect(await compare(layout.dataFile('north'), layout.dataFile('south'))).toContain('identical');
      expect(await compare(source, layout.dataFile('south'))).toContain('identical');
    },
  );
});
