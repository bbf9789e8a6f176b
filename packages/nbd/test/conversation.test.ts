import { describe, expect, it } from 'vitest';
import { NbdDisconnect, NbdError } from '../src/errors.js';
import { memoryBackend, memoryExport } from '../src/memory-export.js';
import type { NbdBackend, NbdExport, NbdSession } from '../src/server/types.js';
import { pattern, same } from './support/bytes.js';
import { settle } from './support/clock.js';
import { World } from './support/world.js';

const MIB = 1024 * 1024;

function exported(backend: NbdBackend, more: Partial<NbdExport> = {}): NbdExport {
  return { ...memoryExport({ name: 'disk', sizeBytes: 8 * MIB }), open: () => backend, ...more };
}

describe('a client and a server', () => {
  it('agree on what the export is', async () => {
    const world = new World();
    const client = await world.connect();
    expect(client.info).toMatchObject({
      name: 'disk',
      sizeBytes: 8 * MIB,
      readOnly: false,
      canFlush: true,
      canFua: true,
      canTrim: true,
      canWriteZeroes: true,
      canMultiConn: true,
      canBlockStatus: true,
      structuredReplies: true,
      tls: false,
      preferredBlockBytes: 4096,
      maximumRequestBytes: 32 * MIB,
    });
    await client.close();
    await world.server.close();
    expect(world.closings().map((closing) => closing.reason)).toEqual(['client-disconnected']);
  });

  it.each([{ structuredReplies: true }, { structuredReplies: false }])(
    'write, read, zero, trim and flush (%o)',
    async (options) => {
      const world = new World();
      const client = await world.connect(options);
      const data = pattern(300_000);
      await client.write(12_345, data);
      expect(same(await client.read(12_345, data.byteLength), data)).toBe(true);
      await client.write(5 * MIB, data.subarray(0, 512), { fua: true });
      await client.flush();
      await client.writeZeroes(12_345, 100);
      await client.trim(12_445, 100);
      const after = await client.read(12_345, 300);
      expect(after.subarray(0, 200)).toEqual(new Uint8Array(200));
      expect(after.subarray(200)).toEqual(data.subarray(200, 300));
      await client.cache(0, 4096);
      const target = new Uint8Array(512);
      await client.readInto(5 * MIB, target);
      expect(target).toEqual(data.subarray(0, 512));
      await client.close();
    },
  );

  it('answer out of order', async () => {
    const gates: (() => void)[] = [];
    const memory = memoryBackend(new Uint8Array(8 * MIB));
    const world = new World({
      exports: [
        exported({
          ...memory,
          read: (offsetBytes, lengthBytes) =>
            new Promise((resolve) => {
              gates.push(() => {
                resolve({
                  bytes: new Uint8Array(lengthBytes).fill(offsetBytes / 4096),
                  release: () => undefined,
                });
              });
            }),
        }),
      ],
    });
    const client = await world.connect();
    const order: number[] = [];
    const reads = [1, 2, 3].map(async (block) => {
      const bytes = await client.read(block * 4096, 4096);
      expect(bytes[17]).toBe(block);
      order.push(block);
    });
    await settle();
    for (const index of [2, 0, 1]) {
      gates[index]?.();
      await settle();
    }
    await Promise.all(reads);
    expect(order).toEqual([3, 1, 2]);
  });

  it('carry the errors of the backend', async () => {
    const memory = memoryBackend(new Uint8Array(8 * MIB));
    const failures: Record<number, Error> = {
      0: new NbdError('ENOSPC', 'full'),
      4096: Object.assign(new Error('read-only file system'), { code: 'EROFS' }),
    };
    const world = new World({
      exports: [
        exported({
          ...memory,
          write: (offsetBytes) => {
            if (offsetBytes === 8192) throw new Error('anything');
            return Promise.reject(failures[offsetBytes] ?? new Error('never'));
          },
        }),
      ],
    });
    const client = await world.connect();
    const codes: unknown[] = [];
    for (const offsetBytes of [0, 4096, 8192]) {
      await client.write(offsetBytes, new Uint8Array(512)).catch((error: unknown) => {
        codes.push(NbdError.is(error) ? error.code : error);
      });
    }
    expect(codes).toEqual(['ENOSPC', 'EPERM', 'EIO']);
    expect((await client.read(0, 512)).byteLength).toBe(512);
  });

  it('leave a request unanswered when the backend declines', async () => {
    const closed: string[] = [];
    const memory = memoryBackend(new Uint8Array(8 * MIB));
    const world = new World({
      exports: [
        exported({
          ...memory,
          write: () => Promise.reject(new NbdDisconnect('fenced')),
          close: (reason) => {
            closed.push(reason);
          },
        }),
      ],
    });
    const client = await world.connect();
    const failure = await client.write(0, new Uint8Array(512)).catch((error: unknown) => error);
    expect(NbdError.is(failure, 'DISCONNECTED')).toBe(true);
    await settle();
    expect(closed).toEqual(['aborted']);
    expect(world.server.connections).toBe(0);
  });

  it('wait for an export that opens late, beyond the handshake deadline', async () => {
    let openNow: (() => void) | undefined;
    const disk = memoryExport({ name: 'disk', sizeBytes: MIB });
    const late: NbdExport = {
      ...disk,
      open: async (session) => {
        await new Promise<void>((resolve) => {
          openNow = resolve;
        });
        return disk.open(session);
      },
    };
    const world = new World({ exports: [late] });
    const connecting = world.connect({ limits: { handshakeDeadlineMs: 3_600_000 } });
    await settle();
    expect(world.server.heldOpens).toBe(1);
    world.clock.advance(600_000);
    await settle();
    openNow?.();
    const client = await connecting;
    expect(client.info.sizeBytes).toBe(MIB);
    expect(world.server.heldOpens).toBe(0);
  });

  it('notice a client that leaves while its open is held', async () => {
    const sessions: NbdSession[] = [];
    const closed: string[] = [];
    let openNow: ((backend: NbdBackend) => void) | undefined;
    const world = new World({
      exports: [
        {
          ...memoryExport({ name: 'disk', sizeBytes: MIB }),
          open: (session) => {
            sessions.push(session);
            return new Promise((resolve) => {
              openNow = resolve;
            });
          },
        },
      ],
    });
    const stream = world.stream();
    const { NbdClient } = await import('../src/client/client.js');
    const connecting = NbdClient.connect(stream, { clock: world.clock, exportName: 'disk' }).catch(
      () => 'gone',
    );
    await settle();
    expect(sessions[0]?.signal.aborted).toBe(false);
    stream.destroy();
    await settle();
    expect(sessions[0]?.signal.aborted).toBe(true);
    expect(world.server.connections).toBe(1);
    openNow?.({ ...memoryBackend(new Uint8Array(MIB)), close: (reason) => void closed.push(reason) });
    expect(await connecting).toBe('gone');
    await settle();
    expect(closed).toEqual(['connection-lost']);
    expect(world.server.connections).toBe(0);
  });

  it('are cut off by session.abort', async () => {
    let session: NbdSession | undefined;
    const disk = memoryExport({ name: 'disk', sizeBytes: MIB });
    const world = new World({
      exports: [
        {
          ...disk,
          open: (opened) => {
            session = opened;
            return disk.open(opened);
          },
        },
      ],
    });
    const closings: unknown[] = [];
    const client = await world.connect({ onClose: (error) => closings.push(error?.code) });
    session?.abort('moved');
    await settle();
    expect(closings).toEqual(['DISCONNECTED']);
    expect(client.isOpen).toBe(false);
    expect(world.closings()[0]).toMatchObject({ reason: 'aborted', because: 'moved' });
  });
});
