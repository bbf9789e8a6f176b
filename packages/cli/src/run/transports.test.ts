import type { ByteStream } from '@holdfast/core';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nbdListen } from './nbd-security.js';
import type { Refusal } from './refusals.js';
import { readSecurity, transportFor } from './transports.js';

describe('the transports of a process', () => {
  let folder = '';
  const file = (name: string): string => join(folder, name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-links-'));
    await writeFile(file('good.psk'), `link:${'a1'.repeat(16)}\n`);
    await writeFile(file('other.psk'), `link:${'b2'.repeat(16)}\n`);
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('tell of whom they turned away, and where', async () => {
    const tls = { kind: 'pre-shared-key', keyFile: file('good.psk') } as const;
    const told: Refusal[] = [];
    const address = 'tcp:127.0.0.1:0';
    const server = await transportFor([{ address, tls }], (refusal) => told.push(refusal));
    const listener = await server.listen(address, (stream) => stream.destroy());
    const stranger = await transportFor([
      { address: listener.address, tls: { ...tls, keyFile: file('other.psk') } },
    ]);
    await expect(stranger.connect(listener.address, { deadlineMs: 10_000 })).rejects.toThrow();
    await expect.poll(() => told).toHaveLength(1);
    expect(told[0]).toMatchObject({ at: address, remote: expect.stringContaining('127.0.0.1') as string });
    expect(told[0]?.reason).not.toBe('');
    await listener[Symbol.asyncDispose]();
  });

  it('secure each address with what its place in the configuration names', async () => {
    const tls = { kind: 'pre-shared-key', keyFile: file('good.psk') } as const;
    const server = await transportFor([{ address: 'tcp:127.0.0.1:0', tls }]);
    const arrived: ByteStream[] = [];
    const listener = await server.listen('tcp:127.0.0.1:0', (stream) => arrived.push(stream));
    const { address } = listener;
    const near = await (await transportFor([{ address, tls }])).connect(address, { deadlineMs: 10_000 });
    expect(near.identity).toEqual({ how: 'pre-shared-key', names: ['link'] });

    const stranger = await transportFor([{ address, tls: { ...tls, keyFile: file('other.psk') } }]);
    await expect(stranger.connect(address, { deadlineMs: 10_000 })).rejects.toThrow();
    for (const stream of [near, ...arrived]) stream.destroy();
    await listener[Symbol.asyncDispose]();
  });

  it('name the file that cannot be read', async () => {
    const missing = { kind: 'pre-shared-key', keyFile: file('none.psk') } as const;
    await expect(readSecurity(missing)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(readSecurity(missing)).rejects.toThrow(/none\.psk cannot be read/);
  });

  it.each([
    ['two keys', `a:${'a1'.repeat(16)}\nb:${'b2'.repeat(16)}\n`, 'holds 2 keys'],
    ['no key', '', 'holds 0 keys'],
    ['a short key', 'a:a1b2\n', 'is no file of pre-shared keys'],
  ])('refuse a file with %s', async (_name, text, message) => {
    await writeFile(file('bad.psk'), text);
    await expect(readSecurity({ kind: 'pre-shared-key', keyFile: file('bad.psk') })).rejects.toThrow(message);
  });

  it('say where NBD listens', () => {
    expect(nbdListen('unix:/run/vol0.sock', false)).toEqual({ socketPath: '/run/vol0.sock' });
    expect(nbdListen('tcp:[::1]:10809', true)).toEqual({ host: '::1', port: 10809, allowPlaintext: false });
  });
});
