import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, mib, type Site, stamp, visible } from './support/cluster.js';

let cluster: Cluster | undefined;

async function mirrored(): Promise<Cluster> {
  cluster = await Cluster.mirrored();
  return cluster;
}

afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
});

/** A host whose memory is used for something else as soon as it has an answer, as that of a server's clients is. */
function writeAndReuse(site: Site, offsetBytes: number, data: Uint8Array): { readonly answers: string[] } {
  const answers: string[] = [];
  const request = { volume: 0, offsetBytes, lengthBytes: data.length, data, mayTrim: false };
  const reuse = (answer: string): void => {
    answers.push(answer);
    data.fill(0xdd);
  };
  site.running.hostSide.write({ ...request, forceUnitAccess: false, origin: undefined }).then(
    () => {
      reuse('written');
    },
    () => {
      reuse('given up');
    },
  );
  return { answers };
}

function failFlushes(site: Site, writeMs: number): void {
  const disk = site.disks[0]?.data;
  if (disk === undefined) throw new TypeError('the site has no disk');
  disk.faults = ({ kind }) => {
    if (kind === 'flush') return { fail: 'IO_FAILED' };
    return kind === 'write' ? { delayMs: writeMs } : undefined;
  };
}

describe('the memory of a write that is given up', () => {
  it('stays its own until the leg of the forwarding node is done with it', async () => {
    const { a, b, clock, until } = bound(await mirrored());
    failFlushes(b, 1_500);
    const { answers } = writeAndReuse(b, 0, stamp(1));
    await clock.advance(20);
    b.running.hostSide.flush(0).catch(() => undefined);
    await until(() => b.mode === 'fenced', 'b is out');
    await until(() => answers.length > 0, 'the host has an answer');
    await clock.advance(2_000);
    const disk = b.disks[0]?.data;
    if (disk === undefined) throw new TypeError('the site has no disk');
    expect(answers).toEqual(['given up']);
    expect(a.mode).toBe('standalone');
    expect(visible(disk).subarray(0, 4096)).toEqual(stamp(1));
  });

  it('stays its own until the frame to the peer has left, or never will', async () => {
    const { a, b, clock, network, until } = bound(await mirrored());
    // The peer has a failed leg as well, so nobody is offered anything and a stops at once, while the session still stands.
    network.cut('a', 'b');
    for (const site of [a, b]) failFlushes(site, 1);
    const hosts = [0, 1, 2, 3].map((at) => writeAndReuse(a, at * mib, stamp(at, mib)));
    await clock.advance(10);
    b.running.hostSide.flush(0).catch(() => undefined);
    await clock.advance(10);
    a.running.hostSide.flush(0).catch(() => undefined);
    await until(() => a.mode === 'fenced', 'a is out');
    expect(a.running.status().peer.connected).toBe(true);
    expect(hosts.at(-1)?.answers, 'while the frame is on its way').toEqual([]);
    await until(() => hosts.every(({ answers }) => answers.length > 0), 'all hosts have an answer');
    expect(hosts.flatMap(({ answers }) => answers)).toEqual(hosts.map(() => 'given up'));
    expect(a.running.status().peer.connected).not.toBe(true);
  });
});

function bound(of: Cluster): Pick<Cluster, 'a' | 'b' | 'clock' | 'network'> & { until: Cluster['until'] } {
  return { a: of.a, b: of.b, clock: of.clock, network: of.network, until: of.until.bind(of) };
}
