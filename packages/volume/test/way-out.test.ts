import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type Site, stamp, take } from './support/cluster.js';

let cluster: Cluster;

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

type Kind = 'write' | 'flush';

/** Each operation of that kind fails at the leg of the site: a cable, a controller, a path to a disk array. */
function failing(site: Site, kind: Kind | undefined): void {
  for (const { data } of site.disks)
    data.faults =
      kind === undefined ? undefined : (of) => (of.kind === kind ? { fail: 'IO_FAILED' } : undefined);
}

async function startAgain(site: Site): Promise<void> {
  await site.kill();
  failing(site, undefined);
  await site.start();
  await cluster.clock.advance(1_000);
}

function reattach(site: Site): Promise<string> {
  const { epoch } = site.running.status().record;
  const command = { kind: 'reattach', expectedEpoch: epoch, acknowledgeUnflushedLoss: true } as const;
  return cluster.finish(site.running.command(command), 'answered');
}

function refusal(site: Site): Promise<string> {
  return reattach(site).then(
    () => 'it was done',
    (error: unknown) => String(error),
  );
}

async function bothMirror(): Promise<void> {
  const { a, b } = cluster;
  await cluster.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror', 60_000);
  await cluster.clock.advance(100);
  expect(cluster.legsDifference()).toBeUndefined();
}

function ways(): unknown[] {
  return [cluster.a, cluster.b].map(({ node }) => {
    const way = node?.status().wayOut;
    return way === undefined ? undefined : `${way.kind} ${way.node}`;
  });
}

describe('when nobody serves', () => {
  it('says nothing while the two go on by themselves', async () => {
    cluster = await Cluster.mirrored();
    const { a, b } = cluster;
    expect(ways()).toEqual([undefined, undefined]);
    await b.kill();
    await cluster.until(() => a.mode === 'standalone', 'a serves alone');
    await b.start();
    expect(ways()[0]).toBeUndefined();
    await bothMirror();
    expect(ways()).toEqual([undefined, undefined]);
  });

  it('takes the only whole copy back after its leg had failed, and nothing that was acknowledged is missing', async () => {
    cluster = await Cluster.mirrored();
    const { a, b } = cluster;
    const host = await cluster.initiator();
    cluster.network.partition('a', 'b');
    await cluster.until(() => a.mode === 'standalone' && b.mode === 'fenced', 'a serves alone');
    await cluster.finish(host.write('vol0', 0, stamp(1)), 'acknowledged by a alone');
    failing(a, 'write');
    const pending = host.write('vol0', 8192, stamp(2));
    await cluster.until(() => a.mode === 'fenced', 'a stops');
    expect(ways()).toEqual(['restart a', 'bring-back a']);
    cluster.network.heal('a', 'b');
    await cluster.clock.advance(500);
    expect(ways()).toEqual(['restart a', 'reattach a']);
    expect(a.running.status().health).toBe('unhealthyHard');
    expect(await refusal(a)).toContain('has failed a write in this process');
    await startAgain(a);
    expect(ways()).toEqual(['reattach a', 'reattach a']);
    expect(a.running.status().wayOut?.forceMayLose).toEqual({ kind: 'unflushed', node: 'a' });
    expect(b.running.status().wayOut?.forceMayLose).toMatchObject({ kind: 'alone', holder: 'a' });
    expect(await refusal(b)).toContain('node a has served alone');
    await reattach(a);
    await cluster.finish(pending, 'the write that had failed is answered');
    await bothMirror();
    expect(take(await cluster.finish(host.read('vol0', 0, 4096), 'read'))).toEqual(stamp(1));
    expect(ways()).toEqual([undefined, undefined]);
  });

  it('takes either copy back when both legs failed in the mirror itself', async () => {
    cluster = await Cluster.mirrored();
    const { a, b } = cluster;
    const host = await cluster.initiator();
    await cluster.finish(host.write('vol0', 0, stamp(1)), 'acknowledged by both');
    cluster.network.partition('a', 'b');
    for (const site of [a, b]) {
      failing(site, 'flush');
      void site.running.hostSide.flush(0).catch(() => undefined);
    }
    await cluster.until(() => a.mode === 'fenced' && b.mode === 'fenced', 'both stop');
    await startAgain(b);
    expect(await refusal(b)).toContain('node a is not connected, and may have gone on alone');
    expect(ways()[1]).toBe('bring-back a');
    await startAgain(a);
    cluster.network.heal('a', 'b');
    await cluster.clock.advance(1_000);
    expect(ways()).toEqual(['reattach a', 'reattach b']);
    await reattach(b);
    await bothMirror();
    expect(take(await cluster.finish(host.read('vol0', 0, 4096), 'read'))).toEqual(stamp(1));
  });

  it('names what a force would cost at a copy that is unfinished', async () => {
    cluster = await Cluster.create({ content: 'adopt', tuning: { resyncRateBytesPerSecond: 1024 * 1024 } });
    const { a, b } = cluster;
    await a.start();
    await b.start();
    await cluster.until(() => b.mode === 'syncTarget', 'b is copied to');
    await a.losePower();
    await cluster.clock.advance(1_000);
    expect(ways()[1]).toBe('bring-back a');
    expect(b.running.status().wayOut?.forceMayLose).toEqual({ kind: 'mixture', holder: 'a' });
    expect(await refusal(b)).toContain('in the middle of a resync');
  });
});
