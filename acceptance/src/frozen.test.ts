import { pauseBounds } from '@holdfast/core';
import { describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import { VerifyingLoad } from './support/load.js';

describe('a node that stands still for longer than its leases', () => {
  it('is fenced when it wakes with old requests in its hands, and nothing is lost', async () => {
    await using cluster = await Cluster.start();
    const client = await cluster.client(cluster.layout.hostSocket);
    // Few blocks and many requests: what was repeated elsewhere is soon overwritten, and must stay so.
    const load = new VerifyingLoad({ client, sizeBytes: 2 * 1024 * 1024, queueDepth: 16 });
    await new Promise((resolve) => setTimeout(resolve, 700));
    const victim = await cluster.sequencer();
    const other = victim === 'north' ? 'south' : 'north';
    cluster.signal(victim, 'SIGSTOP');
    await cluster.servesAlone(other);
    await new Promise((resolve) => setTimeout(resolve, pauseBounds(cluster.timing).worstMs));
    const writtenAlone = load.acknowledgedWrites;
    const wokenAtMs = Date.now();
    cluster.signal(victim, 'SIGCONT');
    await cluster.mirrored();
    const wokenModes = cluster.modeChanges
      .filter(({ nodeId, atMs }) => nodeId === victim && atMs >= wokenAtMs)
      .map(({ to }) => to);
    expect(wokenModes, 'it did not go on by itself').toContain('fenced');
    expect(wokenModes, 'it took over what was written without it').toContain('syncTarget');
    expect(wokenModes.indexOf('mirrored')).toBeGreaterThan(wokenModes.indexOf('syncTarget'));
    await cluster.until('writes go on', () => load.acknowledgedWrites > writtenAlone + 100);
    await load.stop();
    expect(load.errors).toEqual([]);

    await load.readAllBack();
    for (const node of [victim, other] as const)
      await load.readAllBack(await cluster.client(cluster.layout.nbdSocket(node)));
    expect(load.wrongBlocks).toEqual([]);
    const digest = await cluster.stopAndDigest();
    expect(digest.north).toBe(digest.south);
  });
});
