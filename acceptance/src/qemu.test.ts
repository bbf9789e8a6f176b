import { describe, expect } from 'vitest';
import { Cluster, type NodeName, volumeId } from './support/cluster.js';
import { itNeeding, type Running, start } from './support/programs.js';

/** QEMU's block layer straight at one node; it reconnects by itself, and holds its requests meanwhile. */
function reconnecting(cluster: Cluster, node: NodeName): string {
  const server = { type: 'unix', path: cluster.layout.nbdSocket(node) };
  const file = { driver: 'nbd', server, export: volumeId, 'reconnect-delay': 40, 'open-timeout': 10 };
  return `json:${JSON.stringify({ driver: 'raw', file })}`;
}

/** Types a command and waits for as many answers as were given so far and one more. */
async function ask(cluster: Cluster, qemu: Running, command: string, answer: RegExp): Promise<void> {
  const answers = (): number => qemu.printed.match(new RegExp(answer, 'g'))?.length ?? 0;
  const before = answers();
  qemu.type(command);
  await cluster.until(
    `qemu-io answers '${command}': ${qemu.printed}`,
    () => answers() > before || qemu.hasExited,
  );
}

async function killed(cluster: Cluster, victim: NodeName): Promise<void> {
  await cluster.kill(victim);
  await cluster.servesAlone(victim === 'north' ? 'south' : 'north');
}

describe('QEMU with reconnect-delay at one node', () => {
  itNeeding(
    { programs: ['qemu-io'] },
    'waits for a killed node and reads all its patterns back',
    async () => {
      await using cluster = await Cluster.start();
      await using qemu = start('qemu-io', [reconnecting(cluster, 'north')]);
      await ask(cluster, qemu, 'write -P 17 1M 4M', /wrote \d+/);
      await ask(cluster, qemu, 'write -f -P 18 6M 64k', /wrote \d+/);
      await killed(cluster, 'north');
      qemu.type('write -P 19 3M 1M');
      // The greeting is held until this node may serve again: QEMU must not read what it has not yet been given.
      await cluster.run('north');
      await cluster.until(
        'the held write is answered',
        () => (qemu.printed.match(/wrote /g) ?? []).length >= 3,
      );
      for (const read of ['-P 17 1M 2M', '-P 19 3M 1M', '-P 17 4M 1M', '-P 18 6M 64k', '-P 0 16M 1M'])
        await ask(cluster, qemu, `read ${read}`, /read \d+/);
      await ask(cluster, qemu, 'discard 1M 1M', /discard \d+/);
      qemu.type('flush');
      qemu.endInput();
      const printed = await qemu.succeeded();
      expect(printed).not.toMatch(/failed|error/i);
      await cluster.mirrored();
      const digest = await cluster.stopAndDigest();
      expect(digest.north).toBe(digest.south);
    },
  );

  itNeeding(
    { programs: ['qemu-img', 'qemu-io'] },
    'goes on with a queue of writes over the loss of the other role',
    async () => {
      await using cluster = await Cluster.start();
      const disk = reconnecting(cluster, 'south');
      const count = 12_000;
      const bench = ['bench', '-w', '-c', `${count}`, '-d', '16', '-s', '4096', '--pattern=90'];
      await using qemu = start('qemu-img', [...bench, disk]);
      await new Promise((resolve) => setTimeout(resolve, 800));
      expect(qemu.hasExited, `still writing: ${qemu.printed}`).toBe(false);
      await killed(cluster, 'south');
      await cluster.run('south');
      expect(await qemu.succeeded()).toContain('Run completed');
      await cluster.mirrored();
      for (const node of ['north', 'south'] as const) {
        await using reader = start('qemu-io', [
          '-c',
          `read -P 90 0 ${count * 4096}`,
          reconnecting(cluster, node),
        ]);
        expect(await reader.succeeded()).not.toMatch(/failed/i);
      }
      const digest = await cluster.stopAndDigest();
      expect(digest.north).toBe(digest.south);
    },
  );
});
