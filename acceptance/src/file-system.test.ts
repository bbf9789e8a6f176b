import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { Cluster } from './support/cluster.js';
import { noLoopOverFuse, Undoing } from './support/machine.js';
import { itNeeding, run, start } from './support/programs.js';

const programs = ['nbdfuse', 'losetup', 'mkfs.ext4', 'fio', 'fstrim', 'e2fsck', 'fusermount3'];

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

describe('a file system of the kernel, on a loop device, on FUSE, on the initiator', () => {
  itNeeding(
    { programs, hindrance: noLoopOverFuse() },
    'is clean after a node was killed under it',
    async () => {
      await using cluster = await Cluster.start({ sizeBytes: 96 * 1024 * 1024 });
      await using undoing = new Undoing();
      const folder = join(cluster.layout.folder, 'fuse');
      const mountPoint = join(cluster.layout.folder, 'mnt');
      await mkdir(folder);
      await mkdir(mountPoint);
      const disk = join(folder, 'disk');
      await using fuse = start('nbdfuse', [disk, cluster.hostUri]);
      undoing.defer(async () => {
        await run('fusermount3', ['-u', folder]);
        await fuse.exited;
      });
      await cluster.until(`nbdfuse shows the disk: ${fuse.printed}`, () => exists(disk));
      const loop = (await run('losetup', ['--find', '--show', '--direct-io=on', disk])).trim();
      undoing.defer(() => run('losetup', ['--detach', loop]));
      await run('mkfs.ext4', ['-q', '-F', loop]);
      await run('mount', [loop, mountPoint]);
      undoing.defer(() => run('umount', [mountPoint]));

      await using fio = start('fio', [
        '--name=files',
        `--directory=${mountPoint}`,
        '--ioengine=libaio',
        '--direct=1',
        '--rw=randwrite',
        '--bs=16k',
        '--size=32M',
        '--iodepth=8',
        '--rate_iops=300',
        '--fsync=64',
        '--verify=sha256',
        '--verify_fatal=1',
        '--verify_state_save=0',
      ]);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const victim = await cluster.sequencer();
      expect(fio.hasExited, fio.printed).toBe(false);
      await cluster.kill(victim);
      expect(await fio.succeeded()).toContain('err= 0');
      await cluster.run(victim);
      await run('fstrim', ['-v', mountPoint]);
      await cluster.mirrored();

      await undoing.undoLast();
      const checked = await run('e2fsck', ['-f', '-n', loop]);
      expect(checked).not.toMatch(/error|fix/i);
      await undoing.undoLast();
      await undoing.undoLast();
      const digest = await cluster.stopAndDigest();
      expect(digest.north).toBe(digest.south);
    },
  );
});
