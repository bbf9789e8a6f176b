import { type FaultModel, lan } from '@holdfast/core';
import {
  memoryDevice,
  MemoryDisk,
  type MemoryHost,
  MemoryNetwork,
  memoryStore,
  seededRandom,
  VirtualClock,
} from '@holdfast/testkit';
import { createInMemoryWitness, type InMemoryWitness } from '@holdfast/witness';
import { afterEach, describe, expect, it } from 'vitest';
import { createNode, metadataSizeBytes, PeerGuard, type Suspicion, type VolumeNode } from '../src/index.js';

const mib = 1024 * 1024;
const peerIds = ['b', 'c', 'd'] as const;
const faultModel: FaultModel = { kind: 'mediator' };

/** Site `a` holds a group with each of three peers in one process, and is the preferred node of all. */
class Star {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork({ clock: this.clock, seed: 1 });
  readonly nodes = new Map<string, VolumeNode>();
  private readonly hosts = new Map<string, MemoryHost>();
  private witness: InMemoryWitness | undefined;

  static async create(guarded: boolean): Promise<Star> {
    const star = new Star();
    star.witness = await createInMemoryWitness({ random: seededRandom(1) });
    const guard = guarded ? new PeerGuard({ clock: star.clock }) : undefined;
    for (const peerId of peerIds) {
      await star.start('a', peerId, guard);
      await star.start(peerId, 'a', undefined);
    }
    await star.until(() => star.modes().every((mode) => mode === 'mirrored'), 'all mirror');
    await star.clock.advance(1_000);
    return star;
  }

  private async start(nodeId: string, peerId: string, peerGuard: PeerGuard | undefined): Promise<void> {
    const isHub = nodeId === 'a';
    const groupId = `with-${isHub ? peerId : nodeId}`;
    const host = this.hosts.get(nodeId) ?? this.network.host(nodeId, { clock: this.clock });
    this.hosts.set(nodeId, host);
    const link = `tcp:a:${String(1_000 + peerIds.indexOf((isHub ? peerId : nodeId) as 'b'))}`;
    const disk = (name: string, sizeBytes: number): MemoryDisk =>
      new MemoryDisk({ name, sizeBytes, clock: this.clock });
    const node = await createNode({
      clusterId: 'star',
      groupId,
      nodeId,
      peerId,
      role: isHub ? 'preferred' : 'nonPreferred',
      legs: [
        {
          volumeId: 'v',
          data: memoryDevice(disk(`${nodeId}.data`, mib)),
          metadata: memoryDevice(disk(`${nodeId}.meta`, metadataSizeBytes(mib))),
          content: 'zeros',
        },
      ],
      store: memoryStore(),
      machineBootId: `${nodeId}-machine`,
      timing: lan,
      faultModel,
      ...(this.witness === undefined ? {} : { witness: this.witness }),
      peerLink: isHub ? { listen: link } : { dial: link },
      clock: this.clock,
      random: seededRandom(groupId.charCodeAt(5) * 2 + (isHub ? 1 : 0)),
      transport: host,
      ...(peerGuard === undefined ? {} : { peerGuard }),
    });
    this.nodes.set(`${nodeId}/${groupId}`, node);
  }

  modes(): string[] {
    return [...this.nodes.values()].map((node) => node.status().mode);
  }

  /** Who serves the group alone. */
  winner(peerId: string): string | undefined {
    return ['a', peerId].find(
      (nodeId) => this.nodes.get(`${nodeId}/with-${peerId}`)?.status().mode === 'standalone',
    );
  }

  async until(reached: () => boolean, what: string): Promise<number> {
    const from = this.clock.now();
    while (!reached()) {
      if (this.clock.now() - from > 20_000) throw new Error(`not reached: ${what} (${this.modes().join()})`);
      await this.clock.advance(5);
    }
    return this.clock.now() - from;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = [...this.nodes.values()].map((node) => node[Symbol.asyncDispose]());
    await Promise.race([Promise.all(closing), this.clock.advance(10_000)]);
  }
}

let star: Star | undefined;

afterEach(async () => {
  await star?.[Symbol.asyncDispose]();
  star = undefined;
});

async function winnersWhenCut(guarded: boolean, cut: readonly string[]): Promise<(string | undefined)[]> {
  star = await Star.create(guarded);
  const { network } = star;
  for (const peerId of cut) network.partition('a', peerId);
  await star.until(
    () => cut.every((peerId) => star?.winner(peerId) !== undefined),
    'somebody serves each group',
  );
  return peerIds.map((peerId) => star?.winner(peerId));
}

describe('a process that loses its peers', () => {
  it('wins every race as the preferred node, unless it has a guard', async () => {
    expect(await winnersWhenCut(false, ['b', 'c', 'd'])).toEqual(['a', 'a', 'a']);
  });

  it('suspects itself with a guard when most are lost at once, and lets them win', async () => {
    expect(await winnersWhenCut(true, ['b', 'c', 'd'])).toEqual(['b', 'c', 'd']);
    const decisions = star?.nodes
      .get('a/with-b')
      ?.recentDecisions(20)
      .map(({ sentence }) => sentence);
    expect(decisions?.join('\n')).toContain('3 of the 3 peers of this process were lost at once');
  });

  it('suspects nobody for the loss of one of three', async () => {
    expect(await winnersWhenCut(true, ['b'])).toEqual(['a', undefined, undefined]);
  });

  it('goes on all the same, later, when they are really gone', async () => {
    star = await Star.create(true);
    const { network } = star;
    for (const peerId of peerIds) {
      const host = star.nodes.get(`${peerId}/with-${peerId}`);
      network.partition('a', peerId);
      void host?.[Symbol.asyncDispose]();
    }
    await star.until(() => peerIds.every((peerId) => star?.winner(peerId) === 'a'), 'a serves all');
  });
});

describe('the guard', () => {
  const losing = (
    losses: readonly (readonly [peerId: string, afterMs: number])[],
    peers = 4,
    share = 0.5,
  ) => {
    let now = 0;
    const guard = new PeerGuard({
      clock: { now: () => now },
      share,
      withinMs: 100,
    });
    const told: (Suspicion | undefined)[] = [];
    const names = Array.from({ length: peers }, (_, index) => `p${String(index)}`);
    for (const name of names) guard.join(name, (suspicion) => name === 'p0' && told.push(suspicion));
    for (const [peerId, afterMs] of losses) {
      now += afterMs;
      if (peerId.startsWith('+')) guard.arrived(peerId.slice(1));
      else guard.left(peerId);
    }
    return { guard, told };
  };

  it('wants more than its share of them, and within its time', () => {
    expect(
      losing([
        ['p0', 0],
        ['p1', 10],
      ]).guard.suspicion,
    ).toBeUndefined();
    expect(
      losing([
        ['p0', 0],
        ['p1', 10],
        ['p2', 10],
      ]).guard.suspicion,
    ).toEqual({ lost: 3, of: 4 });
    expect(
      losing([
        ['p0', 0],
        ['p1', 90],
        ['p2', 90],
      ]).guard.suspicion,
    ).toBeUndefined();
  });

  it('tells each change once, and the end when one is back', () => {
    const { told } = losing([
      ['p0', 0],
      ['p1', 0],
      ['p2', 0],
      ['p2', 0],
      ['+p1', 0],
      ['+p0', 0],
    ]);
    expect(told).toEqual([{ lost: 3, of: 4 }, undefined]);
  });

  it('never applies with a single peer, however many groups share it', () => {
    expect(losing([['p0', 0]], 1, 0).guard.suspicion).toBeUndefined();
  });
});
