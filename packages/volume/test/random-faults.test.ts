import { type HoldfastError, Prng } from '@holdfast/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Initiator } from '../src/index.js';
import { type BlockOperation, isLinearizable } from './support/linearizable.js';
import { Stage } from './support/stage.js';

const blockBytes = 512;
const blocks = 3;

/** What a random run did to each block, and what was seen. */
class History {
  readonly operations: BlockOperation[][] = Array.from({ length: blocks }, () => []);
  private stamp = 0;

  constructor(private readonly stage: Stage) {}

  async write(host: Initiator, block: number): Promise<void> {
    const value = ++this.stamp;
    const data = new Uint8Array(blockBytes);
    new DataView(data.buffer).setUint32(0, value);
    new DataView(data.buffer).setUint32(blockBytes - 4, value);
    const calledAt = this.stage.clock.now();
    const operation = { kind: 'write' as const, value, calledAt, answeredAt: Infinity };
    this.operations[block]?.push(operation);
    await host.write('vol0', block * blockBytes, data);
    operation.answeredAt = this.stage.clock.now();
  }

  async read(host: Initiator, block: number): Promise<void> {
    const calledAt = this.stage.clock.now();
    const buffer = await host.read('vol0', block * blockBytes, blockBytes);
    const view = new DataView(buffer.bytes.buffer, buffer.bytes.byteOffset, blockBytes);
    expect(view.getUint32(0)).toBe(view.getUint32(blockBytes - 4));
    this.operations[block]?.push({
      kind: 'read',
      value: view.getUint32(0),
      calledAt,
      answeredAt: this.stage.clock.now(),
    });
  }
}

/** One client: one request after the other, for ever. */
async function client(
  history: History,
  host: Initiator,
  random: Prng,
  stage: Stage,
  stop: () => boolean,
): Promise<void> {
  while (!stop()) {
    const block = random.below(blocks);
    if (random.below(3) === 0) await history.read(host, block);
    else await history.write(host, block);
    await new Promise<void>((resolve) => void stage.clock.setTimer(random.below(40), resolve));
  }
}

async function fault(stage: Stage, random: Prng): Promise<void> {
  const { clock, network, group } = stage;
  const host = random.below(2) === 0 ? 'h1' : 'h2';
  const nodeId = random.below(2) === 0 ? 'p' : 'n';
  const other = nodeId === 'p' ? 'n' : 'p';
  const lastsMs = 20 + random.below(500);
  switch (random.below(6)) {
    case 0:
      network.reset(host, nodeId);
      break;
    case 1:
      network.partition(host, nodeId);
      await clock.advance(lastsMs);
      network.heal(host, nodeId);
      break;
    case 2:
      network.cut(nodeId, host);
      await clock.advance(lastsMs);
      network.heal(host, nodeId);
      break;
    case 3:
      stage.clockOf(nodeId).pause();
      await clock.advance(Math.min(lastsMs, 290));
      stage.clockOf(nodeId).resume();
      break;
    case 4:
      // The two lose each other, one goes on alone, the other learns it late, and both mirror again.
      stage.clockOf(other).pause();
      group.node(nodeId).setGate({ mode: 'suspended', host: 'held' });
      await clock.advance(random.below(300));
      group.forgetOrder();
      group.survive(nodeId);
      await clock.advance(lastsMs);
      stage.clockOf(other).resume();
      await clock.advance(random.below(3));
      group.fence(other);
      await clock.advance(random.below(100));
      group.mirror(nodeId);
      break;
    default:
      group.node(nodeId).queueMs = random.below(2) * random.below(300);
      break;
  }
}

async function run(
  seed: number,
  guards: { readonly repeats?: boolean; readonly epoch?: boolean } = {},
): Promise<string | undefined> {
  const random = new Prng(seed);
  await using stage = await Stage.open({ seed, guards, legMs: 0.5 + 10 * random.below(2) });
  const history = new History(stage);
  const hosts = [await stage.initiator('h1'), await stage.initiator('h2')];
  let stopping = false;
  const failures: HoldfastError[] = [];
  const clients = hosts.flatMap((host) =>
    [1, 2].map((number) =>
      client(history, host, new Prng(seed * 10 + number), stage, () => stopping).catch((error: unknown) => {
        failures.push(error as HoldfastError);
      }),
    ),
  );
  for (let faults = 0; faults < 6; faults++) {
    await stage.clock.advance(random.below(120));
    await fault(stage, random);
  }
  for (const node of stage.group.nodes.values()) node.queueMs = 0;
  stopping = true;
  await stage.until(Promise.all(clients), 30_000);
  if (failures.length > 0) return `a client saw ${String(failures[0]?.message)}`;
  for (let block = 0; block < blocks; block++)
    await stage.until(history.read(hosts[block % 2] ?? hosts[0]!, block));
  const bad = history.operations.findIndex((operations) => !isLinearizable(operations));
  return bad < 0 ? undefined : `block ${bad} is no register`;
}

describe('two initiators over paths that break at random', () => {
  it('see every block as one register, no error, and no acknowledged write lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
        expect(await run(seed)).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  it.each(['repeats', 'epoch'] as const)(
    'would not, without the guard %s',
    async (guard) => {
      let found: string | undefined;
      for (let seed = 1; seed <= 100 && found === undefined; seed++)
        found = await run(seed, { [guard]: false });
      expect(found).toMatch(/no register/);
    },
    120_000,
  );
});
