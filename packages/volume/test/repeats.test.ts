import { describe, expect, it } from 'vitest';
import type { Guards } from './support/fake-group.js';
import { Stage } from './support/stage.js';

const first = new Uint8Array(512).fill(1);
const second = new Uint8Array(512).fill(2);

/**
 * A write waits in a node, its initiator repeats it elsewhere, gets its answer, and overwrites the block. Then the node goes on
 * with the old write. Each story ends with what the block holds; each is told a second time without its guard.
 */
interface Story {
  readonly name: string;
  readonly guard: keyof Guards;
  readonly tell: (guards: Partial<Guards>) => Promise<number | undefined>;
}

/** Long enough for the initiator to see silence, and short enough for the lease: no epoch changes. */
const shortPauseMs = 290;

const stories: readonly Story[] = [
  {
    name: 'a pause shorter than the lease',
    guard: 'repeats',
    tell: async (guards) => {
      await using stage = await Stage.open({ guards });
      const host = await stage.initiator('h1');
      const node = stage.group.node('p');
      node.queueMs = 300;
      const old = host.write('vol0', 0, first);
      await stage.clock.advance(1);
      node.queueMs = 0;
      stage.clockOf('p').pause();
      await stage.clock.advance(shortPauseMs);
      stage.clockOf('p').resume();
      await stage.until(old);
      await stage.until(host.write('vol0', 0, second));
      await stage.clock.advance(1_000);
      expect(host.status()).toMatchObject({ activeNodeId: 'n', repeated: 1 });
      return stage.group.bytes[0];
    },
  },
  {
    name: 'a reconnect to the same node',
    guard: 'repeats',
    tell: async (guards) => {
      await using stage = await Stage.open({ guards });
      const host = await stage.initiator('h1', { paths: [{ nodeId: 'p', address: 'tcp:p:7000' }] });
      const node = stage.group.node('p');
      node.queueMs = 300;
      const old = host.write('vol0', 0, first);
      await stage.clock.advance(1);
      node.queueMs = 0;
      stage.network.reset('h1', 'p');
      await stage.until(old);
      await stage.until(host.write('vol0', 0, second));
      await stage.clock.advance(1_000);
      expect(host.status()).toMatchObject({ activeNodeId: 'p', generation: 2, repeated: 1 });
      return stage.group.bytes[0];
    },
  },
  {
    name: 'a path cut from the client only',
    guard: 'repeats',
    tell: async (guards) => {
      await using stage = await Stage.open({ guards });
      const host = await stage.initiator('h1');
      const node = stage.group.node('p');
      node.queueMs = 600;
      const old = host.write('vol0', 0, first);
      await stage.clock.advance(1);
      node.queueMs = 0;
      stage.network.partition('h1', 'p');
      await stage.until(old);
      await stage.until(host.write('vol0', 0, second));
      await stage.clock.advance(1_000);
      expect(host.status()).toMatchObject({ activeNodeId: 'n', repeated: 1 });
      return stage.group.bytes[0];
    },
  },
  {
    name: 'a pause longer than the lease',
    guard: 'epoch',
    tell: async (guards) => {
      // The node got so far that the repeat is none for it: only the epoch stands between its old write and the bytes.
      await using stage = await Stage.open({ guards, legMs: 20 });
      const host = await stage.initiator('h1');
      const old = host.write('vol0', 0, first);
      await stage.clock.advance(5);
      stage.clockOf('p').pause();
      await stage.clock.advance(400);
      stage.group.forgetOrder();
      stage.group.survive('n');
      await stage.until(old);
      await stage.until(host.write('vol0', 0, second));
      stage.clockOf('p').resume();
      await stage.clock.advance(1_000);
      expect(host.status()).toMatchObject({ activeNodeId: 'n', repeated: 1 });
      return stage.group.bytes[0];
    },
  },
];

describe.each(stories)('$name', ({ tell, guard }) => {
  it('leaves the newer bytes', async () => {
    expect(await tell({})).toBe(2);
  });

  it(`would lose them without the guard '${guard}'`, async () => {
    expect(await tell({ [guard]: false })).toBe(1);
  });
});
