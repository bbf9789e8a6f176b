import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Cluster, nodeIds } from './support/cluster.js';

describe('a flush', () => {
  it('at one node makes durable what was acknowledged at the other, on both legs', async () => {
    // Killed, these nodes lose what their disks had not flushed, as in a power cut.
    await using cluster = await Cluster.start({ losesPower: nodeIds });
    const { layout } = cluster;
    const atNorth = await cluster.client(layout.nbdSocket('north'));
    const atSouth = await cluster.client(layout.nbdSocket('south'));
    const throughInitiator = await cluster.client(layout.hostSocket);
    const data = randomBytes(256 * 1024);
    await atNorth.write(1_000_448, data);
    await atSouth.flush();
    const read = await throughInitiator.read(1_000_448, data.byteLength);
    expect(Buffer.compare(read, data), 'read through the initiator').toBe(0);

    await Promise.all(nodeIds.map((node) => cluster.kill(node)));
    await Promise.all(nodeIds.map((node) => cluster.run(node)));
    await cluster.mirrored();
    for (const node of nodeIds) {
      const client = await cluster.client(layout.nbdSocket(node));
      const kept = await client.read(1_000_448, data.byteLength);
      expect(Buffer.compare(kept, data), `read at ${node} after both lost their power`).toBe(0);
    }
    const digest = await cluster.stopAndDigest();
    expect(digest.north).toBe(digest.south);
  });
});
