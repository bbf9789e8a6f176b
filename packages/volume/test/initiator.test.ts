import { describe, expect, it } from 'vitest';
import { Stage } from './support/stage.js';

function filled(lengthBytes: number, value: number): Uint8Array {
  return new Uint8Array(lengthBytes).fill(value);
}

describe('an initiator with two nodes that serve', () => {
  it('goes to the sequencer, writes, reads, zeroes and flushes', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    expect(host.volumes).toEqual([{ volumeId: 'vol0', sizeBytes: 65_536 }]);
    expect(host.status()).toMatchObject({ activeNodeId: 'p', generation: 1, inFlight: 0 });

    await stage.until(host.write('vol0', 4096, filled(4096, 7), { forceUnitAccess: true }));
    await stage.until(host.flush('vol0'));
    const read = await stage.until(host.read('vol0', 4000, 200));
    expect([...read.bytes.subarray(94, 98)]).toEqual([0, 0, 7, 7]);
    read.release();
    await stage.until(host.writeZeroes('vol0', 4096, 2048));
    expect(stage.group.bytes[4096 + 2047]).toBe(0);
    expect(stage.group.bytes[4096 + 2048]).toBe(7);

    const { read: reads, write, flush } = host.latency();
    expect([reads.count, write.count, flush.count]).toEqual([1, 2, 1]);
    expect(write.p50Ms).toBeGreaterThan(0.2);
    expect(write.maxMs).toBeGreaterThanOrEqual(write.p50Ms);
    expect(host.latency().write.count).toBe(0);
  });

  it('splits what is larger than one request', async () => {
    await using stage = await Stage.open({ sizeBytes: 3 * 1024 * 1024 + 512 });
    const host = await stage.initiator('h1');
    const data = Uint8Array.from({ length: 3 * 1024 * 1024 + 512 }, (_, index) => index % 251);
    await stage.until(host.write('vol0', 0, data));
    const read = await stage.until(host.read('vol0', 0, data.length));
    expect(Buffer.compare(read.bytes, data)).toBe(0);
  });

  it('refuses ranges and volumes that do not exist', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    await expect(host.read('vol0', 65_000, 1000)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(host.read('vol0', 0, 0.5)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    expect((await host.read('vol0', 65_536, 0)).bytes).toHaveLength(0);
    await expect(host.write('vol9', 0, filled(1, 1))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('counts as one initiator at both nodes', async () => {
    await using stage = await Stage.open();
    await stage.initiator('h1');
    await stage.initiator('h2');
    expect([stage.group.node('p').initiators, stage.group.node('n').initiators]).toEqual([2, 2]);
  });

  it('moves to the sequencer when the order has moved, without an error', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    await stage.clock.advance(5_000);
    stage.group.mirror('n');
    for (let number = 0; number < 50; number++) await stage.until(host.write('vol0', 0, filled(512, number)));
    expect(host.status()).toMatchObject({ activeNodeId: 'n', generation: 2 });
    expect(host.events.filter(({ kind }) => kind === 'failover')).toMatchObject([
      { from: 'p', to: 'n', repeated: 0 },
    ]);
  });

  it('stays on its new path while that works, until the old one has been there for a while', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    stage.network.reset('h1', 'p');
    await stage.clock.advance(4_000);
    expect(host.status()).toMatchObject({ activeNodeId: 'n', paths: [{ state: 'open' }, { state: 'open' }] });
    await stage.clock.advance(2_000);
    expect(host.status()).toMatchObject({ activeNodeId: 'p', generation: 3 });
  });

  it('stays where it is when it is told not to prefer the sequencer', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1', { preferSequencer: false });
    stage.group.mirror('n');
    await stage.clock.advance(10_000);
    await stage.until(host.write('vol0', 0, filled(512, 1)));
    expect(host.status()).toMatchObject({ activeNodeId: 'p', generation: 1 });
  });
});

describe('an initiator whose node goes away', () => {
  it('repeats on the other node what was not answered, and shows no error', async () => {
    await using stage = await Stage.open({ legMs: 2 });
    const host = await stage.initiator('h1');
    const writes = Array.from({ length: 20 }, (_, index) =>
      host.write('vol0', index * 512, filled(512, index + 1)),
    );
    await stage.clock.advance(5);
    stage.network.host('p').kill();
    stage.group.survive('n');
    stage.group.fence('p');
    await stage.until(Promise.all(writes));
    for (let index = 0; index < 20; index++) expect(stage.group.bytes[index * 512]).toBe(index + 1);
    const failover = host.events.find(({ kind }) => kind === 'failover');
    expect(failover).toMatchObject({ from: 'p', to: 'n' });
    expect(host.status().repeated).toBeGreaterThan(0);
    // Each was carried out once, whatever was sent twice.
    expect(new Set(stage.group.applied.map(({ operation }) => operation)).size).toBe(
      stage.group.applied.length,
    );
  });

  it('notices a node that says nothing within the timeout of a path', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    stage.network.partition('h1', 'p');
    const before = stage.clock.now();
    await stage.until(host.write('vol0', 0, filled(512, 9)));
    expect(stage.clock.now() - before).toBeLessThan(330);
    expect(host.status().activeNodeId).toBe('n');
  });

  it('keeps its requests with a node that only holds them', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    for (const node of stage.group.nodes.values()) node.setGate({ mode: 'suspended', host: 'held' });
    const write = host.write('vol0', 0, filled(512, 3));
    await stage.clock.advance(2_000);
    expect(host.status()).toMatchObject({ activeNodeId: 'p', inFlight: 1, generation: 1 });
    for (const node of stage.group.nodes.values()) node.setGate({ mode: 'mirrored', host: 'open' });
    await stage.until(write);
    expect(host.status().repeated).toBe(0);
  });

  it('leaves a node that holds when the other serves under a higher epoch', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    stage.group.node('p').setGate({ mode: 'suspended', host: 'held' });
    const write = host.write('vol0', 0, filled(512, 3));
    await stage.clock.advance(20);
    stage.group.survive('n');
    await stage.until(write, 20);
    expect(host.status().activeNodeId).toBe('n');
  });

  it('never goes back to a node of an older epoch, whatever that says', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    stage.group.survive('n');
    await stage.clock.advance(50);
    expect(host.status().activeNodeId).toBe('n');
    stage.network.reset('h1', 'n');
    stage.network.partition('h1', 'n');
    const write = host.write('vol0', 0, filled(512, 3));
    let answered = false;
    void write.then(() => (answered = true));
    await stage.clock.advance(3_000);
    expect(answered).toBe(false);
    expect(stage.group.node('p').gate).toMatchObject({ mode: 'mirrored', host: 'open' });
    stage.network.heal('h1', 'n');
    await stage.until(write);
  });

  it('waits for ever when nobody serves and nothing else was said', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    stage.group.fence('p');
    stage.group.fence('n');
    const write = host.write('vol0', 0, filled(512, 3));
    await stage.clock.advance(60_000);
    expect(host.events.filter(({ kind }) => kind === 'no-survivor')).toHaveLength(1);
    expect(host.status().inFlight).toBe(1);
    stage.group.mirror('p');
    await stage.until(write);
  });

  it('fails after the time that was given, serves again when a node does, and repeats nothing that has failed', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1', { onNoSurvivor: { holdMs: 500, then: 'error' } });
    for (const node of stage.group.nodes.values()) node.setGate({ mode: 'suspended', host: 'held' });
    const write = host.write('vol0', 0, filled(512, 3));
    await expect(stage.until(write)).rejects.toMatchObject({ code: 'NO_SURVIVOR', retryable: true });
    await expect(host.flush('vol0')).rejects.toMatchObject({ code: 'NO_SURVIVOR' });
    stage.group.mirror('p');
    await stage.clock.advance(500);
    await stage.until(host.write('vol0', 0, filled(512, 4)));
    await stage.clock.advance(1_000);
    // The first one still waited at the node: whether it was carried out nobody promised, but not on top of a later one.
    expect(stage.group.bytes[0]).toBe(4);
    expect(host.status().repeated).toBe(0);
  });
});

describe('the bounds of an initiator', () => {
  it('sends no more at a time than it may, and everything in the end', async () => {
    await using stage = await Stage.open({ legMs: 1 });
    const host = await stage.initiator('h1', { tuning: { maxInFlight: 4 } });
    const writes = Array.from({ length: 40 }, (_, index) =>
      host.write('vol0', index * 16, filled(16, index + 1)),
    );
    expect(host.status().inFlight).toBe(4);
    await stage.until(Promise.all(writes));
    expect(host.status().inFlight).toBe(0);
  });

  it('ends the wait of a call on its deadline, and leaves the request under way', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    for (const node of stage.group.nodes.values()) node.setGate({ mode: 'suspended', host: 'held' });
    const data = filled(512, 5);
    const write = host.write('vol0', 0, data, { deadlineMs: 50 });
    await expect(stage.until(write)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    data.fill(6);
    stage.group.mirror('p');
    await stage.clock.advance(50);
    expect(stage.group.bytes[0]).toBe(5);
  });

  it('gives up waiting when its signal says so', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    for (const node of stage.group.nodes.values()) node.setGate({ mode: 'suspended', host: 'held' });
    const controller = new AbortController();
    const read = host.read('vol0', 0, 512, { signal: controller.signal });
    controller.abort('enough');
    await expect(read).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await expect(host.read('vol0', 0, 512, { signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  it('does not take its own standstill for silence of the nodes', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    stage.clockOf('h1').pause();
    await stage.clock.advance(1_500);
    stage.clockOf('h1').resume();
    await stage.clock.advance(500);
    expect(host.events.filter(({ kind }) => kind === 'path-lost')).toEqual([]);
    await stage.until(host.write('vol0', 0, filled(512, 3)));
  });

  it('says at once when it is in the wrong group or cluster', async () => {
    await using stage = await Stage.open();
    await expect(stage.initiator('h1', { groupId: 'g2' })).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(stage.initiator('h2', { clusterId: 'c2' })).rejects.toMatchObject({ code: 'REFUSED' });
    expect(stage.notices.filter(({ kind }) => kind === 'path-refused').length).toBeGreaterThan(0);
    expect(stage.group.node('p').initiators).toBe(0);
  });

  it('names the relation that its tuning breaks', async () => {
    await using stage = await Stage.open();
    await expect(stage.initiator('h1', { tuning: { pathTimeoutMs: 100 } })).rejects.toThrow(
      'pathTimeoutMs > 2 × pingIntervalMs',
    );
  });

  it('is forgotten by the nodes when it ends in order', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    await stage.until(host.write('vol0', 0, filled(512, 3)));
    expect(stage.group.origins.size).toBe(1);
    const write = host.write('vol0', 0, filled(512, 4));
    await host[Symbol.asyncDispose]();
    await expect(write).rejects.toMatchObject({ code: 'CLOSED' });
    await stage.clock.advance(50);
    expect(stage.group.origins.size).toBe(0);
    await expect(host.read('vol0', 0, 1)).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
