import { Prng } from '@holdfast/core';
import { describe, expect, it } from 'vitest';
import type { Initiator } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { type BlockOperation, isLinearizable } from './support/linearizable.js';

const blockBytes = 4096;
const blocks = 3;
const runs = Number(process.env['HOLDFAST_SEEDS'] ?? 10);
const firstSeed = Number(process.env['HOLDFAST_SEED'] ?? 1);

class History {
  readonly operations: BlockOperation[][] = Array.from({ length: blocks }, () => []);
  slowestMs = 0;
  private value = 0;

  constructor(private readonly cluster: Cluster) {}

  async write(host: Initiator, block: number): Promise<void> {
    const value = ++this.value;
    const calledAt = this.cluster.clock.now();
    const data = new Uint8Array(blockBytes);
    for (let at = 0; at < blockBytes; at += 512) new DataView(data.buffer).setUint32(at, value);
    const operation = { kind: 'write' as const, value, calledAt, answeredAt: Infinity };
    this.operations[block]?.push(operation);
    await host.write('vol0', block * blockBytes, data);
    operation.answeredAt = this.answered(calledAt);
  }

  async read(host: Initiator, block: number): Promise<void> {
    const calledAt = this.cluster.clock.now();
    const buffer = await host.read('vol0', block * blockBytes, blockBytes);
    const view = new DataView(buffer.bytes.buffer, buffer.bytes.byteOffset, blockBytes);
    const value = view.getUint32(0);
    for (let at = 0; at < blockBytes; at += 512)
      if (view.getUint32(at) !== value) throw new Error(`block ${block} is torn`);
    buffer.release();
    this.operations[block]?.push({ kind: 'read', value, calledAt, answeredAt: this.answered(calledAt) });
  }

  private answered(calledAt: number): number {
    const now = this.cluster.clock.now();
    this.slowestMs = Math.max(this.slowestMs, now - calledAt);
    return now;
  }
}

async function client(
  cluster: Cluster,
  history: History,
  host: Initiator,
  random: Prng,
  stopped: () => boolean,
): Promise<void> {
  while (!stopped()) {
    const block = random.below(blocks);
    await (random.below(3) === 0 ? history.read(host, block) : history.write(host, block));
    await new Promise<void>((resolve) => {
      cluster.clock.setTimer(random.below(20), resolve);
    });
  }
}

/** Something happens between a host and a node, now and then to a node or between the nodes. */
async function trouble(cluster: Cluster, random: Prng): Promise<string> {
  const { clock, network } = cluster;
  const host = `host${1 + random.below(2)}`;
  const site = random.below(2) === 0 ? cluster.a : cluster.b;
  const lastsMs = 10 + random.below(600);
  const what = random.below(8);
  switch (what) {
    case 0:
    case 1:
      network.reset(host, site.nodeId);
      return `reset ${host} ${site.nodeId}`;
    case 2:
    case 3:
      network.cut(what === 2 ? host : site.nodeId, what === 2 ? site.nodeId : host);
      await clock.advance(lastsMs);
      network.heal(host, site.nodeId);
      return `one way between ${host} and ${site.nodeId}, ${what}, ${lastsMs} ms`;
    case 4:
      network.partition(host, site.nodeId);
      await clock.advance(lastsMs);
      network.heal(host, site.nodeId);
      return `cut ${host} ${site.nodeId} ${lastsMs} ms`;
    case 5:
      site.clock.pause();
      await clock.advance(lastsMs);
      site.clock.resume();
      return `pause ${site.nodeId} ${lastsMs} ms`;
    case 6:
      network.partition('a', 'b');
      await clock.advance(lastsMs);
      network.heal('a', 'b');
      return `partition of the nodes ${lastsMs} ms`;
    default: {
      const other = site === cluster.a ? cluster.b : cluster.a;
      if (site.mode !== 'mirrored' || other.mode !== 'mirrored') return 'nothing';
      await site.kill();
      await clock.advance(lastsMs);
      await site.start();
      return `kill ${site.nodeId}, start after ${lastsMs} ms`;
    }
  }
}

async function run(seed: number): Promise<number> {
  const random = new Prng(seed);
  const slowestDiskMs = random.below(4);
  await using cluster = await Cluster.mirrored({
    seed,
    sizeBytes: 1024 * 1024,
    ...(slowestDiskMs === 0 ? {} : { latency: (_, dice) => dice.below(slowestDiskMs) }),
  });
  const hosts = [await cluster.initiator(), await cluster.initiator()];
  const history = new History(cluster);
  let stopped = false;
  const clients = hosts.flatMap((host, index) =>
    [0, 1].map((number) =>
      client(cluster, history, host, new Prng(seed * 100 + index * 10 + number), () => stopped),
    ),
  );
  const watched = Promise.all(clients);
  watched.catch(() => undefined);
  const log: string[] = [];
  try {
    for (let step = 0; step < 12; step++) {
      await cluster.clock.advance(random.below(500));
      const from = Math.round(cluster.clock.now());
      log.push(`${from} ${await trouble(cluster, random)}`);
    }
    stopped = true;
    await cluster.finish(watched, 'every request is answered after the faults', 60_000);
    await cluster.until(
      () => cluster.a.mode === 'mirrored' && cluster.b.mode === 'mirrored',
      'both mirror again',
      60_000,
    );
    for (const [index, host] of hosts.entries()) {
      for (let block = index; block < blocks; block++)
        await cluster.finish(history.read(host, block), 'the last read');
    }
    history.operations.forEach((operations, block) => {
      if (!isLinearizable(operations)) throw new Error(`block ${block} is no register`);
    });
    if (!cluster.legsEqual()) throw new Error('the legs differ');
  } catch (error) {
    const hostsNow = hosts.map((host) => JSON.stringify(host.status())).join('\n');
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed}: ${words}\n${log.join('\n')}\n${hostsNow}`, { cause: error });
  }
  return history.slowestMs;
}

describe('hosts on paths that break at random, at real nodes', () => {
  it(
    `show no error, lose nothing and keep every block a register, over ${runs} seeds`,
    async () => {
      for (let seed = firstSeed; seed < firstSeed + runs; seed++) expect(await run(seed)).toBeLessThan(5_000);
    },
    30_000 + runs * 5_000,
  );
});
