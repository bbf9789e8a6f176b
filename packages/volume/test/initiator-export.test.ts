import { NbdError } from '@holdfast/nbd';
import { describe, expect, it } from 'vitest';
import { Stage } from './support/stage.js';

const session = {
  id: 1,
  exportName: 'vol0',
  identity: { kind: 'anonymous' },
  remote: 'test',
  signal: new AbortController().signal,
  abort: () => undefined,
} as const;

describe('the NBD export of an initiator', () => {
  it('offers what NBD clients need to use two connections', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    const exported = host.exportOf('vol0');
    expect(exported).toMatchObject({
      name: 'vol0',
      sizeBytes: 65_536,
      features: { flush: true, fua: true, trim: true, writeZeroes: true, multiConn: true },
    });
    expect(() => host.exportOf('vol1')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });

  it('carries requests through a failover without an error', async () => {
    await using stage = await Stage.open({ legMs: 2 });
    const host = await stage.initiator('h1');
    const backend = await host.exportOf('vol0').open(session);
    const data = new Uint8Array(4096).fill(9);
    const write = Promise.resolve(backend.write(0, data, { fua: true }));
    stage.network.host('p').kill();
    stage.group.survive('n');
    await stage.until(write);
    await stage.until(Promise.resolve(backend.flush?.()));
    await stage.until(Promise.resolve(backend.trim?.(0, 512, { fua: false })));
    await stage.until(
      Promise.resolve(backend.writeZeroes?.(512, 512, { fua: false, mayPunchHole: true, fastOnly: false })),
    );
    const read = await stage.until(Promise.resolve(backend.read(1000, 48)));
    expect([...read.bytes.subarray(23, 25)]).toEqual([0, 9]);
    read.release();
  });

  it('leaves requests unanswered when the initiator stops, and says EIO only when it was told to give up', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    const backend = await host.exportOf('vol0').open(session);
    const flush = Promise.resolve(backend.flush?.());
    await host[Symbol.asyncDispose]();
    await expect(flush).rejects.toSatisfy((error) => NbdError.is(error, 'DISCONNECT'));

    const other = await stage.initiator('h2', { onNoSurvivor: { holdMs: 300, then: 'error' } });
    stage.group.fence('p');
    stage.group.fence('n');
    const read = Promise.resolve((await other.exportOf('vol0').open(session)).read(0, 512));
    await expect(stage.until(read)).rejects.toSatisfy((error) => NbdError.is(error, 'EIO'));
  });
});
