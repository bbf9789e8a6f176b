import { describe, expect, it } from 'vitest';
import {
  Command,
  CommandFlag,
  OptionCode,
  OptionReplyCode,
  TransmissionFlag,
} from '../src/codec/constants.js';
import { readU16, readU64 } from '../src/codec/integers.js';
import { encodeGoRequest, encodeMetaContextRequest, encodeOption } from '../src/codec/option.js';
import { memoryExport } from '../src/memory-export.js';
import { settle } from './support/clock.js';
import { exported } from './support/exports.js';
import { chunkError } from './support/raw-client.js';
import { World } from './support/world.js';

const MIB = 1024 * 1024;
const EPERM = 1;
const EINVAL = 22;
const ENOSPC = 28;
const ENOTSUP = 95;

const block = new Uint8Array(512).fill(0x5a);

describe('the handshake', () => {
  it('answers what it does not know, and goes on', async () => {
    const raw = new World().raw();
    expect(await raw.greet()).toBe(3);
    expect(await raw.lastCode(4711, new Uint8Array(100))).toBe(OptionReplyCode.unsupported);
    expect(await raw.lastCode(11)).toBe(OptionReplyCode.unsupported);
    expect(await raw.lastCode(OptionCode.startTls)).toBe(OptionReplyCode.unsupported);
    expect(await raw.lastCode(OptionCode.list, block)).toBe(OptionReplyCode.invalid);
    expect(await raw.lastCode(OptionCode.go, block)).toBe(OptionReplyCode.invalid);
    expect(await raw.lastCode(OptionCode.go, encodeGoRequest({ name: 'absent', infoTypes: [] }))).toBe(
      OptionReplyCode.unknown,
    );
    const infos = await raw.option(OptionCode.info, encodeGoRequest({ name: 'disk', infoTypes: [1, 2, 3] }));
    expect(infos.map((reply) => reply.code)).toEqual([3, 3, 3, 1]);
    expect(await raw.lastCode(OptionCode.go, encodeGoRequest({ name: 'disk', infoTypes: [] }))).toBe(
      OptionReplyCode.ack,
    );
    expect(await raw.ask(Command.read, 0, 512)).toBe(0);
  });

  it.each([
    [3, 10],
    [1, 134],
    [0, 134],
  ])('ends EXPORT_NAME with 124 zeroes unless both sides can do without (flags %i)', async (flags, bytes) => {
    const raw = new World().raw();
    await raw.greet(flags);
    raw.send(encodeOption(OptionCode.exportName, Buffer.from('disk')));
    const reply = await raw.until(() => (raw.queue.length >= bytes ? raw.queue.take(bytes) : undefined));
    await settle();
    expect(raw.queue.length).toBe(0);
    expect(readU64(reply, 0)).toBe(8 * MIB);
    expect(readU16(reply, 8) & TransmissionFlag.canMultiConn).not.toBe(0);
    expect(readU16(reply, 8) & TransmissionFlag.sendDf).toBe(0);
    expect(reply.subarray(10).every((byte) => byte === 0)).toBe(true);
    expect(await raw.ask(Command.write, 0, 512, block)).toBe(0);
  });

  it('tells of block status only when structured replies were agreed on', async () => {
    const raw = new World().raw();
    await raw.greet();
    const query = encodeMetaContextRequest({
      name: 'disk',
      queries: ['base:allocation', 'qemu:dirty-bitmap:x'],
    });
    expect(await raw.lastCode(OptionCode.setMetaContext, query)).toBe(OptionReplyCode.invalid);
    expect(await raw.lastCode(OptionCode.structuredReply)).toBe(OptionReplyCode.ack);
    const listed = await raw.option(
      OptionCode.listMetaContext,
      encodeMetaContextRequest({ name: 'disk', queries: [] }),
    );
    expect(listed.map((reply) => reply.code)).toEqual([OptionReplyCode.metaContext, OptionReplyCode.ack]);
    const set = await raw.option(OptionCode.setMetaContext, query);
    expect(Buffer.from(set[0]?.data.subarray(4) ?? []).toString()).toBe('base:allocation');
    // Choosing anew replaces the choice, also by nothing.
    expect(
      await raw.option(OptionCode.setMetaContext, encodeMetaContextRequest({ name: 'disk', queries: [] })),
    ).toHaveLength(1);
    await raw.option(OptionCode.go, encodeGoRequest({ name: 'disk', infoTypes: [] }));
    raw.request(Command.blockStatus, 0, 4096);
    expect(chunkError(await raw.reply())).toBe(EINVAL);
  });

  it('does not open what is only asked about', async () => {
    let opened = 0;
    const disk = memoryExport({ name: 'disk', sizeBytes: MIB });
    const world = new World({
      exports: [{ ...disk, open: (session) => ((opened += 1), disk.open(session)) }],
    });
    const raw = world.raw();
    await raw.greet();
    await raw.option(OptionCode.info, encodeGoRequest({ name: 'disk', infoTypes: [] }));
    await raw.option(OptionCode.list);
    expect(opened).toBe(0);
    await raw.option(OptionCode.go, encodeGoRequest({ name: 'disk', infoTypes: [] }));
    expect(opened).toBe(1);
  });
});

describe('a request that cannot be served', () => {
  const size = 8 * MIB;
  it.each([
    ['READ beyond the end', Command.read, size - 512, 1024, EINVAL],
    ['READ at an absurd offset', Command.read, Infinity, 512, EINVAL],
    ['READ of too much', Command.read, 0, 65 * MIB, EINVAL],
    ['TRIM beyond the end', Command.trim, size, 1, EINVAL],
    ['TRIM of 4 GiB - 1', Command.trim, 0, 0xffff_ffff, EINVAL],
    ['WRITE_ZEROES of 4 GiB - 1', Command.writeZeroes, 0, 0xffff_ffff, ENOSPC],
    ['WRITE_ZEROES at the very end', Command.writeZeroes, size, 512, ENOSPC],
    ['CACHE beyond the end', Command.cache, size - 1, 2, EINVAL],
    ['BLOCK_STATUS that was not agreed on', Command.blockStatus, 0, 512, EINVAL],
    ['FLUSH with a length', Command.flush, 0, 1, EINVAL],
    ['FLUSH with an offset', Command.flush, 1, 0, EINVAL],
    ['an unknown command', 99, 0, 0, EINVAL],
    ['RESIZE', 8, 0, 0, EINVAL],
  ])('%s', async (_name, command, offsetBytes, lengthBytes, error) => {
    const raw = new World().raw();
    await raw.open();
    raw.request(command, offsetBytes === Infinity ? 2 ** 63 : offsetBytes, lengthBytes);
    const reply = await raw.reply();
    expect(reply.error).toBe(error);
    expect(await raw.ask(Command.read, 0, 512)).toBe(0);
  });

  it.each([
    ['READ', Command.read, CommandFlag.noHole],
    ['READ with DF outside structured replies', Command.read, CommandFlag.df],
    ['TRIM', Command.trim, CommandFlag.noHole],
    ['FLUSH', Command.flush, CommandFlag.requestOne],
    ['WRITE_ZEROES', Command.writeZeroes, CommandFlag.df],
    ['anything', Command.cache, 1 << 12],
  ])('%s with a flag that makes no sense', async (_name, command, flag) => {
    const raw = new World().raw();
    await raw.open();
    raw.request(command, 0, command === Command.flush ? 0 : 512, undefined, flag);
    expect((await raw.reply()).error).toBe(EINVAL);
  });

  it('a refused WRITE passes its payload over, so that the next request is understood', async () => {
    const raw = new World().raw();
    await raw.open();
    expect(await raw.ask(Command.write, size, 512, block)).toBe(ENOSPC);
    expect(await raw.ask(Command.write, 0, 512, block, CommandFlag.df)).toBe(EINVAL);
    expect(await raw.ask(Command.write, 0, 70 * MIB, new Uint8Array(70 * MIB))).toBe(EINVAL);
    expect(await raw.ask(Command.write, 0, 512, block)).toBe(0);
    expect(await raw.ask(Command.read, 0, 512)).toBe(0);
  });

  it('a WRITE beyond all reason ends the connection', async () => {
    const world = new World();
    const raw = world.raw();
    await raw.open();
    raw.request(Command.write, 0, 0xffff_ffff);
    await raw.waitClosed();
    expect(world.closings()[0]?.reason).toBe('protocol-error');
  });

  it('what a read-only export refuses', async () => {
    const raw = new World({ exports: [exported({}, { readOnly: true })] }).raw();
    await raw.open();
    expect(await raw.ask(Command.write, 0, 512, block)).toBe(EPERM);
    expect(await raw.ask(Command.trim, 0, 512)).toBe(EPERM);
    expect(await raw.ask(Command.writeZeroes, 0, 512)).toBe(EPERM);
    expect(await raw.ask(Command.flush, 0, 0)).toBe(0);
    expect(await raw.ask(Command.read, 0, 512)).toBe(0);
  });

  it('what is not a multiple of the smallest block', async () => {
    const raw = new World({ exports: [exported({}, { minimumBlockBytes: 512 })] }).raw();
    await raw.open();
    expect(await raw.ask(Command.read, 1, 512)).toBe(EINVAL);
    expect(await raw.ask(Command.read, 0, 511)).toBe(EINVAL);
    expect(await raw.ask(Command.write, 256, 512, block)).toBe(EINVAL);
    expect(await raw.ask(Command.write, 512, 512, block)).toBe(0);
  });

  it('a fast zero where zeroing is not fast fails quickly', async () => {
    const raw = new World().raw();
    await raw.open();
    expect(await raw.ask(Command.writeZeroes, 0, 4096, undefined, CommandFlag.fastZero)).toBe(ENOTSUP);
    expect(await raw.ask(Command.writeZeroes, 0, 4096, undefined, CommandFlag.noHole | CommandFlag.fua)).toBe(
      0,
    );
  });

  it('nothing of length zero is an error', async () => {
    const raw = new World().raw();
    await raw.open();
    for (const command of [Command.read, Command.write, Command.trim, Command.writeZeroes, Command.cache]) {
      expect(await raw.ask(command, 0, 0)).toBe(0);
    }
  });
});

describe('FUA', () => {
  it('is understood on every command and reaches the backend where it counts', async () => {
    const seen: string[] = [];
    const raw = new World({
      exports: [
        exported({
          write: (_offset, _data, { fua }) => void seen.push(`write ${String(fua)}`),
          trim: (_offset, _length, { fua }) => void seen.push(`trim ${String(fua)}`),
          writeZeroes: (_offset, _length, options) =>
            void seen.push(`zero ${String(options.fua)} ${String(options.mayPunchHole)}`),
        }),
      ],
    }).raw();
    await raw.open();
    const { fua, noHole } = CommandFlag;
    expect(await raw.ask(Command.write, 0, 512, block, fua)).toBe(0);
    expect(await raw.ask(Command.write, 0, 512, block)).toBe(0);
    expect(await raw.ask(Command.trim, 0, 512, undefined, fua)).toBe(0);
    expect(await raw.ask(Command.writeZeroes, 0, 512, undefined, fua | noHole)).toBe(0);
    expect(await raw.ask(Command.writeZeroes, 0, 512)).toBe(0);
    for (const command of [Command.read, Command.cache])
      expect(await raw.ask(command, 0, 512, undefined, fua)).toBe(0);
    expect(await raw.ask(Command.flush, 0, 0, undefined, fua)).toBe(0);
    expect(seen).toEqual(['write true', 'write false', 'trim true', 'zero true false', 'zero false true']);
  });
});
