import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import { residentMebibytes } from './support/files.js';
import { VerifyingLoad } from './support/load.js';

const mostResidentMebibytes = 300;
const idleConnections = 300;

/** Strangers of every kind: noise, an NBD greeting with noise behind it, and frames that announce gigabytes. */
function garbage(): readonly Uint8Array[] {
  const nbdClientFlags = Buffer.from([0, 0, 0, 3]);
  const hugeFrame = Buffer.alloc(64 * 1024, 0xff);
  const json = Buffer.from('{"kind":"hello","clusterId":"'.padEnd(4096, 'x'));
  return [
    randomBytes(16),
    randomBytes(1024 * 1024),
    Buffer.concat([nbdClientFlags, Buffer.from('IHAVEOPT'), Buffer.alloc(4), hugeFrame]),
    Buffer.concat([nbdClientFlags, Buffer.from('IHAVEOPT'), randomBytes(64 * 1024)]),
    hugeFrame,
    Buffer.alloc(1024 * 1024),
    json,
  ];
}

/** Opens a connection and leaves it; settles when it is open or refused. */
function knock(path: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('error', () => resolve(socket));
    socket.once('connect', () => resolve(socket));
    // What the other side says is read and thrown away, as a client would.
    socket.resume();
  });
}

async function throwAt(path: string, bytes: Uint8Array): Promise<void> {
  const socket = await knock(path);
  await new Promise<void>((done) => {
    const timer = setTimeout(done, 500);
    socket.once('close', () => {
      clearTimeout(timer);
      done();
    });
    socket.write(bytes);
  });
  socket.destroy();
}

describe('strangers at the sockets of a node under load', () => {
  let cluster: Cluster;
  let load: VerifyingLoad;
  let changesBefore = 0;
  beforeAll(async () => {
    cluster = await Cluster.start();
    const client = await cluster.client(cluster.layout.hostSocket);
    load = new VerifyingLoad({ client, sizeBytes: 32 * 1024 * 1024, queueDepth: 16, requestsPerSecond: 800 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    changesBefore = cluster.modeChanges.length;
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  it('who throw bytes at them are turned away, at each of the four', async () => {
    const { layout } = cluster;
    const sockets = [
      layout.nbdSocket('north'),
      layout.pathSocket('north'),
      layout.linkSocket,
      layout.controlSocket('north'),
    ];
    for (const bytes of garbage()) await Promise.all(sockets.map((path) => throwAt(path, bytes)));
    expect((await cluster.status('north')).mode).toBe('mirrored');
  });

  it('who only stand there take nothing from those who work, and their places are free again when they go', async () => {
    const path = cluster.layout.nbdSocket('north');
    const early = await cluster.client(path);
    const sockets = await Promise.all(Array.from({ length: idleConnections }, () => knock(path)));
    try {
      const before = load.acknowledgedWrites;
      await cluster.until('writes go on', () => load.acknowledgedWrites > before + 100);
      await early.flush();
      // More than a node takes were turned away, and cost it nothing.
      await cluster.until('those who are too many are turned away', () =>
        sockets.some(({ closed }) => closed),
      );
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await cluster.until('a client that comes later is let in', async () => {
      const late = await cluster.client(path);
      await late.flush();
      return true;
    });
  });

  it('who name another cluster get no answer but that', async () => {
    await using stranger = cluster.controllerFor('another-cluster');
    await expect(stranger.status('north')).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
    await expect(stranger.command('north', { kind: 'pause' })).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
    });
  });

  it('change nothing: no mode, no error at the other clients, no wrong block, no memory that grows', async () => {
    await load.stop();
    const resident = await residentMebibytes(cluster.processId('north'));
    console.log(
      `north under load and strangers: ${resident.now.toFixed(0)} MiB resident, ${resident.highest.toFixed(0)} MiB at its highest`,
    );
    await load.readAllBack();
    expect(load.errors).toEqual([]);
    expect(load.wrongBlocks).toEqual([]);
    expect(load.checkedBlocks).toBeGreaterThan(100);
    expect(cluster.modeChanges.slice(changesBefore)).toEqual([]);
    expect(resident.highest).toBeLessThan(mostResidentMebibytes);
  });
});
