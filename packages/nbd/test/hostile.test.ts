import { describe, expect, it } from 'vitest';
import { Command, OptionCode, OptionReplyCode } from '../src/codec/constants.js';
import { encodeClientFlags, encodeGoRequest, encodeOption } from '../src/codec/option.js';
import { encodeRequest } from '../src/codec/request.js';
import type { NbdBackend } from '../src/server/types.js';
import { pattern, same } from './support/bytes.js';
import { settle } from './support/clock.js';
import { exported } from './support/exports.js';
import { RawClient } from './support/raw-client.js';
import { World } from './support/world.js';

const MIB = 1024 * 1024;

/** An honest client beside the hostile one: its data must come back, whatever the other does. */
async function expectService(world: World): Promise<void> {
  const client = await world.connect();
  const data = pattern(200_000, world.server.connections);
  await client.write(65_536, data);
  expect(same(await client.read(65_536, data.byteLength), data)).toBe(true);
  await client.close();
}

function request(command: number, offsetBytes: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(28);
  encodeRequest(bytes, 0, { flags: 0, command, cookieHigh: 1, cookieLow: 2, offsetBytes, lengthBytes });
  return bytes;
}

/** What an honest client would have sent in one go. */
function wholeConversation(): Uint8Array {
  const payload = new Uint8Array(600).fill(9);
  return new Uint8Array(
    Buffer.concat([
      encodeClientFlags(3),
      encodeOption(OptionCode.structuredReply),
      encodeOption(OptionCode.go, encodeGoRequest({ name: 'disk', infoTypes: [3] })),
      request(Command.read, 0, 4096),
      request(Command.write, 4096, payload.byteLength),
      payload,
      request(Command.flush, 0, 0),
      request(Command.disconnect, 0, 0),
    ]),
  );
}

describe('a client that', () => {
  it('sends garbage instead of a handshake is dropped', async () => {
    const world = new World();
    for (const garbage of [
      pattern(100),
      new Uint8Array(64 * 1024),
      Buffer.from('GET / HTTP/1.1\r\nHost: disk\r\n\r\n'),
    ]) {
      const raw = world.raw();
      raw.send(garbage);
      await raw.waitClosed();
    }
    expect(world.server.connections).toBe(0);
    await expectService(world);
  });

  it('sends garbage after the handshake is dropped', async () => {
    const world = new World();
    const raw = world.raw();
    await raw.open();
    raw.send(pattern(1000));
    await raw.waitClosed();
    expect(world.closings()[0]).toMatchObject({ reason: 'protocol-error' });
    await expectService(world);
  });

  it('sends 32 options is served, with 33 it is dropped', async () => {
    const world = new World();
    const raw = world.raw();
    await raw.greet();
    for (let count = 0; count < 32; count += 1)
      expect(await raw.lastCode(99)).toBe(OptionReplyCode.unsupported);
    raw.send(encodeOption(99));
    await raw.waitClosed();
    expect(world.closings()[0]?.because).toContain('32 options');
  });

  it('announces an option of 4 GiB is dropped before a byte of it is read (CVE-2017-15119)', async () => {
    const world = new World();
    const raw = world.raw();
    await raw.greet();
    expect(await raw.lastCode(OptionCode.list, new Uint8Array(16 * 1024))).toBe(OptionReplyCode.invalid);
    const header = encodeOption(OptionCode.list).slice();
    header.fill(0xff, 12);
    raw.send(header);
    await raw.waitClosed();
    expect(world.closings()[0]?.because).toContain('4294967295 bytes');
  });

  it('leaves at any byte of the conversation does no harm (CVE-2013-7441, CVE-2017-7539, CVE-2017-9524)', async () => {
    const conversation = wholeConversation();
    const opened: string[] = [];
    const closed: string[] = [];
    const gates: (() => void)[] = [];
    const slow: Partial<NbdBackend> = {
      flush: () => new Promise((resolve) => gates.push(resolve)),
      close: (reason) => void closed.push(reason),
    };
    const disk = exported(slow);
    const world = new World({
      exports: [{ ...disk, open: (session) => (opened.push(session.exportName), disk.open(session)) }],
    });
    for (let length = 0; length <= conversation.byteLength; length += 1) {
      const raw = world.raw();
      await settle(1);
      raw.send(conversation.slice(0, length));
      await settle(2);
      if (length % 2 === 0) raw.stream.destroy();
      else raw.stream.end();
      await settle(1);
      for (const gate of gates.splice(0)) gate();
    }
    await settle();
    expect(world.server.connections).toBe(0);
    expect(world.server.budget.usedBytes).toBe(16 * MIB);
    expect(opened.length).toBeGreaterThan(500);
    expect(closed.length).toBe(opened.length);
    await expectService(world);
  });

  it('does not finish the handshake in time is dropped (CVE-2024-7409)', async () => {
    const world = new World();
    const silent = world.raw();
    const slow = world.raw();
    await slow.greet();
    for (let second = 0; second < 9; second += 1) {
      world.clock.advance(1000);
      expect(await slow.lastCode(99)).toBe(OptionReplyCode.unsupported);
    }
    expect([silent.closed, slow.closed]).toEqual([false, false]);
    world.clock.advance(1000);
    await settle();
    expect([silent.closed, slow.closed]).toEqual([true, true]);
    expect(world.clock.timers).toBe(0);
    await expectService(world);
  });

  it('is one too many is refused, until another has left (CVE-2024-7409)', async () => {
    const world = new World({ limits: { maxConnections: 3 } });
    const clients = [world.raw(), world.raw(), world.raw()];
    await Promise.all(clients.map((raw) => raw.open()));
    const refused = world.raw();
    await settle();
    expect([refused.closed, refused.queue.length]).toEqual([true, 0]);
    expect(world.notices.at(-1)).toMatchObject({ kind: 'connection-refused' });
    clients[0]?.stream.destroy();
    await settle();
    await expectService(world);
  });

  it('sends commands before it has chosen an export opens nothing (CVE-2019-14850, CVE-2019-14851)', async () => {
    let opened = 0;
    const disk = exported({});
    const world = new World({
      exports: [{ ...disk, open: (session) => ((opened += 1), disk.open(session)) }],
    });
    const raw = world.raw();
    await raw.greet();
    raw.send(request(Command.flush, 0, 0));
    await raw.waitClosed();
    expect(opened).toBe(0);
  });

  it('asks for block status of 4 GiB - 1 gets an answer of bounded size (CVE-2025-47711)', async () => {
    const extents = Array.from({ length: 100_000 }, (_, index) => ({
      lengthBytes: 65_536,
      hole: index % 2 === 0,
      zero: false,
    }));
    const world = new World({
      exports: [{ ...exported({ blockStatus: () => extents }), sizeBytes: 2 ** 40 }],
    });
    const raw = world.raw();
    await raw.open('disk', { allocation: true });
    raw.request(Command.blockStatus, 2 ** 33, 0xffff_ffff);
    expect((await raw.reply()).body.byteLength).toBe(4 + 8 * 512);
    const one = new World({
      exports: [
        {
          ...exported({ blockStatus: () => [{ lengthBytes: 2 ** 50, hole: true, zero: true }] }),
          sizeBytes: 2 ** 50,
        },
      ],
    }).raw();
    await one.open('disk', { allocation: true });
    one.request(Command.blockStatus, 0, 0xffff_ffff);
    expect([...(await one.reply()).body.subarray(4)]).toEqual([255, 255, 255, 255, 0, 0, 0, 3]);
  });

  it('sends more while its open is held is dropped', async () => {
    const world = new World({ exports: [{ ...exported({}), open: () => new Promise(() => undefined) }] });
    const raw = world.raw();
    await raw.greet();
    raw.send(encodeOption(OptionCode.go, encodeGoRequest({ name: 'disk', infoTypes: [] })));
    await settle();
    for (let count = 0; count < 100 && !raw.closed; count += 1) {
      raw.send(new Uint8Array(1024));
      await settle(1);
    }
    expect(raw.closed).toBe(true);
  });

  it('would be one held open too many is told so, and may ask again', async () => {
    const world = new World({
      limits: { maxHeldOpens: 1 },
      exports: [{ ...exported({}), open: () => new Promise(() => undefined) }],
    });
    const first = world.raw();
    await first.greet();
    first.send(encodeOption(OptionCode.go, encodeGoRequest({ name: 'disk', infoTypes: [] })));
    await settle();
    const second = world.raw();
    await second.greet();
    const go = encodeGoRequest({ name: 'disk', infoTypes: [] });
    expect(await second.lastCode(OptionCode.go, go)).toBe(OptionReplyCode.shutdown);
    first.stream.destroy();
    await settle();
    expect(world.server.heldOpens).toBe(1);
  });

  it('floods with requests has only so many in progress', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const world = new World({
      limits: { maxRequestsInFlight: 20 },
      exports: [
        exported({
          flush: () =>
            new Promise((resolve) => {
              waiting.push(resolve);
              most = Math.max(most, waiting.length);
            }),
        }),
      ],
    });
    const stream = world.stream();
    const raw = new RawClient(stream);
    await raw.open();
    for (let count = 0; count < 1000; count += 1) raw.request(Command.flush, 0, 0);
    await settle();
    expect(most).toBe(20);
    expect(stream.peer.paused).toBe(true);
    for (let answered = 0; answered < 1000;) {
      for (const answer of waiting.splice(0)) {
        answer();
        answered += 1;
      }
      await settle(2);
    }
    for (let count = 0; count < 1000; count += 1) expect((await raw.reply()).error).toBe(0);
    expect(most).toBe(20);
    expect(stream.peer.paused).toBe(false);
  });

  it('never takes its replies waits, with a bounded number of bytes', async () => {
    const world = new World({ limits: { maxSliceBytes: MIB } });
    const stream = world.stream({ capacityBytes: 256 * 1024 });
    const raw = new RawClient(stream);
    await raw.open();
    stream.pause();
    for (let count = 0; count < 500; count += 1) raw.request(Command.read, 0, 128 * 1024);
    for (let count = 0; count < 100; count += 1) raw.request(Command.read, 0, 8 * MIB);
    await settle();
    expect(stream.peer.paused).toBe(true);
    expect(world.server.budget.usedBytes).toBeLessThan(20 * MIB);
    await expectService(world);
    stream.destroy();
    await settle();
    expect(world.server.budget.usedBytes).toBe(16 * MIB);
  });
});

describe('a thousand hostile clients', () => {
  it('cost what the budget says and not more, and a thousand and first is served when they are gone', async () => {
    const world = new World({ limits: { maxConnections: 1_001 } });
    const residentBefore = process.memoryUsage.rss();
    const clients = Array.from({ length: 1_000 }, () => world.raw());
    await Promise.all(clients.map((raw) => raw.open()));
    const half = new Uint8Array(60_000);
    for (const [index, raw] of clients.entries()) {
      // Some stop in the middle of a write, some ask for much and read nothing, some send noise.
      if (index % 3 === 0) raw.send(request(Command.write, 0, 4 * MIB), half);
      else if (index % 3 === 1)
        for (let count = 0; count < 4; count += 1) raw.send(request(Command.read, 0, 4 * MIB));
      else raw.send(pattern(64));
      if (index % 3 === 1) raw.stream.pause();
    }
    await settle(50);
    // What each connection may always use is set aside from the beginning.
    const boundBytes = 256 * MIB;
    const { usedBytes } = world.server.budget;
    const residentMib = Math.round((process.memoryUsage.rss() - residentBefore) / MIB);
    process.stdout.write(
      `1,000 hostile connections: ${String(Math.round(usedBytes / MIB))} MiB of the budget in use, ${String(boundBytes / MIB)} MiB are the bound; ${String(residentMib)} MiB more resident\n`,
    );
    expect(usedBytes).toBeLessThanOrEqual(boundBytes);
    await expectService(world);
    for (const raw of clients) raw.stream.destroy();
    await settle(50);
    expect([world.server.connections, world.server.budget.usedBytes]).toEqual([0, 1_001 * 128 * 1024]);
  });
});

describe('a carrier without end', () => {
  it('is not filled with replies that nobody takes', async () => {
    const world = new World({ limits: { maxUnsentBytes: 256 * 1024 } });
    const stream = world.stream({ capacityBytes: 1024 * MIB });
    const raw = new RawClient(stream);
    await raw.open();
    stream.pause();
    for (let count = 0; count < 1000; count += 1) raw.request(Command.read, 0, 64 * 1024);
    await settle();
    expect(stream.waitingBytes).toBeLessThan(MIB);
    stream.resume();
    for (let count = 0; count < 1000; count += 1) expect((await raw.reply(64 * 1024)).error).toBe(0);
  });
});

describe('the export', () => {
  it('is told that the client has left while its requests are in progress, and closed after them', async () => {
    let signal: { readonly aborted: boolean } | undefined;
    const events: string[] = [];
    let answer: (() => void) | undefined;
    const disk = exported({
      write: () => new Promise((resolve) => (answer = resolve)),
      close: (reason) => void events.push(reason),
    });
    const world = new World({
      exports: [{ ...disk, open: (session) => ((signal = session.signal), disk.open(session)) }],
    });
    const raw = world.raw();
    await raw.open();
    raw.request(Command.write, 0, 512, new Uint8Array(512));
    await settle();
    raw.stream.destroy();
    await settle();
    expect([signal?.aborted, events, world.server.connections]).toEqual([true, [], 1]);
    answer?.();
    await settle();
    expect([events, world.server.connections]).toEqual([['connection-lost'], 0]);
    expect(world.server.budget.usedBytes).toBe(16 * MIB);
  });

  it('is served to the end when the server closes, and cut off when that takes too long', async () => {
    const gates: (() => void)[] = [];
    const world = new World({
      exports: [exported({ flush: () => new Promise((resolve) => gates.push(resolve)) })],
    });
    const finishing = await world.connect();
    const flushed = finishing.flush();
    await settle();
    const closing = world.server.close();
    await settle();
    expect(world.raw().closed || world.server.connections === 1).toBe(true);
    gates[0]?.();
    await flushed;
    await closing;

    const stuckWorld = new World({
      exports: [exported({ flush: () => new Promise((resolve) => gates.push(resolve)) })],
    });
    const stuck = await stuckWorld.connect();
    const lost = stuck.flush().catch((error: unknown) => error);
    await settle();
    const stopping = stuckWorld.server.close();
    stuckWorld.clock.advance(30_000);
    await settle();
    gates[1]?.();
    await stopping;
    expect(await lost).toMatchObject({ code: 'DISCONNECTED' });
  });
});
