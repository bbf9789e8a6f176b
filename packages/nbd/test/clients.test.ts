import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { memoryExport } from '../src/memory-export.js';
import { connectNbd } from '../src/node/connect.js';
import { parsePresharedKeys } from '../src/node/preshared-keys.js';
import { createNbdServer, type NodeNbdServer, type NodeNbdServerOptions } from '../src/node/server.js';
import { createTlsPolicy } from '../src/node/tls-server.js';
import { same } from './support/bytes.js';
import { itWith, run, start } from './support/programs.js';

const MIB = 1024 * 1024;
let folder: string;
const servers: NodeNbdServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nbd-clients-'));
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A memory disk behind a Unix socket, and how clients call it. */
async function serveDisk(
  sizeBytes: number,
  options: Partial<NodeNbdServerOptions> = {},
): Promise<{ bytes: Uint8Array; uri: string; socketPath: string }> {
  const disk = memoryExport({ name: '', sizeBytes, description: 'a disk in memory' });
  const server = createNbdServer({ exports: [disk], ...options });
  servers.push(server);
  const socketPath = join(folder, `${servers.length}-${randomBytes(4).toString('hex')}.sock`);
  await server.listen({ socketPath });
  return { bytes: disk.bytes, uri: `nbd+unix:///?socket=${socketPath}`, socketPath };
}

async function randomImage(name: string, sizeBytes: number): Promise<{ path: string; bytes: Uint8Array }> {
  const path = join(folder, name);
  const bytes = randomBytes(sizeBytes);
  // A hole in the middle, so that sparse copies have something to be sparse about.
  bytes.fill(0, sizeBytes / 4, sizeBytes / 2);
  await writeFile(path, bytes);
  return { path, bytes };
}

describe('libnbd', () => {
  itWith(['nbdinfo'], 'sees everything that is offered', async () => {
    const { uri } = await serveDisk(64 * MIB);
    const { stdout } = await run('nbdinfo', [uri]);
    for (const line of [
      'protocol: newstyle-fixed without TLS, using structured packets',
      'export-size: 67108864 (64M)',
      'base:allocation',
      'is_read_only: false',
      'can_cache: true',
      'can_df: true',
      'can_fast_zero: true',
      'can_flush: true',
      'can_fua: true',
      'can_multi_conn: true',
      'can_trim: true',
      'can_zero: true',
      'block_size_minimum: 1',
      'block_size_preferred: 4096',
      'block_size_maximum: 33554432',
    ]) {
      expect(stdout).toContain(line);
    }
    for (const feature of ['flush', 'fua', 'trim', 'zero', 'multi-conn', 'write'])
      await run('nbdinfo', ['--can', feature, uri]);
    expect((await run('nbdinfo', ['--list', uri])).stdout).toContain('a disk in memory');
  });

  itWith(['nbdinfo'], 'sees what is data and what is a hole', async () => {
    const { uri, bytes } = await serveDisk(MIB);
    bytes.fill(7, 65_536, 131_072);
    const { stdout } = await run('nbdinfo', ['--map', '--json', uri]);
    expect(JSON.parse(stdout)).toMatchObject([
      { offset: 0, length: 65_536, type: 3 },
      { offset: 65_536, length: 65_536, type: 0 },
      { offset: 131_072, length: 917_504, type: 3 },
    ]);
  });

  itWith(['nbdcopy'], 'copies both ways with several connections', async () => {
    const { uri, bytes } = await serveDisk(32 * MIB);
    const image = await randomImage('copy.raw', 32 * MIB);
    await run('nbdcopy', [image.path, uri]);
    expect(same(bytes, image.bytes)).toBe(true);
    const back = join(folder, 'back.raw');
    await run('nbdcopy', [uri, back]);
    expect(same(await readFile(back), image.bytes)).toBe(true);
  });

  itWith(['nbdinfo'], 'starts the server by itself through an inherited socket', async () => {
    const script = fileURLToPath(new URL('support/activated.ts', import.meta.url));
    const { stdout } = await run('nbdinfo', ['--', '[', process.execPath, '--import', 'tsx', script, ']']);
    expect(stdout).toContain('export-size: 67108864 (64M)');
  });

  itWith(['nbdinfo'], 'connects with TLS, by pre-shared key and by certificate', async () => {
    const key = randomBytes(32).toString('hex');
    const pskFile = join(folder, 'keys.psk');
    await writeFile(pskFile, `alice:${key}\n`, { mode: 0o600 });
    const psk = createTlsPolicy({
      credentials: { kind: 'preshared-keys', keys: parsePresharedKeys(await readFile(pskFile, 'utf8')) },
    });
    const withPsk = await serveDisk(MIB, { tls: psk });
    const pskUri = `nbds+unix://alice@/?socket=${withPsk.socketPath}&tls-psk-file=${pskFile}`;
    expect((await run('nbdinfo', [pskUri])).stdout).toContain('newstyle-fixed with TLS');
    await expect(run('nbdinfo', [withPsk.uri])).rejects.toThrow();

    const fixture = (name: string): Promise<string> =>
      readFile(new URL(`fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
    const authorities = await fixture('ca-cert');
    const credentials = {
      kind: 'certificates',
      key: await fixture('server-key'),
      certificate: await fixture('server-cert'),
      authorities,
    } as const;
    const withCertificates = createNbdServer({
      exports: [memoryExport({ sizeBytes: MIB })],
      tls: createTlsPolicy({ credentials }),
    });
    servers.push(withCertificates);
    const [address] = await withCertificates.listen({ host: '127.0.0.1', port: 0 });
    const port = address?.kind === 'tcp' ? address.port : 0;
    for (const [who, works] of [
      ['client', true],
      ['stranger', false],
    ] as const) {
      const certificates = join(folder, who);
      await mkdir(certificates);
      await writeFile(join(certificates, 'ca-cert.pem'), authorities);
      await writeFile(join(certificates, 'client-cert.pem'), await fixture(`${who}-cert`));
      await writeFile(join(certificates, 'client-key.pem'), await fixture(`${who}-key`), { mode: 0o600 });
      const attempt = run('nbdinfo', [`nbds://localhost:${port}/?tls-certificates=${certificates}`]);
      if (works) expect((await attempt).stdout).toContain('newstyle-fixed with TLS');
      else await expect(attempt).rejects.toThrow();
    }
  });
});

describe('QEMU', () => {
  itWith(['qemu-img'], 'converts and compares images', async () => {
    const { uri, bytes } = await serveDisk(32 * MIB);
    const image = await randomImage('qemu.raw', 32 * MIB);
    await run('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image.path, uri]);
    expect(same(bytes, image.bytes)).toBe(true);
    expect((await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image.path, uri])).stdout).toContain(
      'identical',
    );
    bytes[12_345_678] = (bytes[12_345_678] ?? 0) ^ 1;
    await expect(run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image.path, uri])).rejects.toThrow(
      'mismatch',
    );
  });

  itWith(['qemu-io'], 'writes, discards, zeroes and flushes', async () => {
    const { uri, bytes } = await serveDisk(16 * MIB);
    const commands = [
      'write -P 7 1M 3M',
      'write -f -P 8 512 512',
      'discard 1M 1M',
      'write -z 2M 1M',
      'read -P 0 1M 2M',
      'read -P 7 3M 1M',
      'flush',
    ];
    const { stdout } = await run('qemu-io', [
      '-f',
      'raw',
      ...commands.flatMap((command) => ['-c', command]),
      uri,
    ]);
    expect(stdout).not.toContain('failed');
    expect([bytes[512], bytes[1023], bytes[MIB], bytes[3 * MIB]]).toEqual([8, 8, 0, 7]);
  });
});

describe('fio', () => {
  itWith(['fio'], 'verifies what it has written', async () => {
    const { uri } = await serveDisk(16 * MIB);
    const { stdout } = await run('fio', [
      '--name=v',
      '--ioengine=nbd',
      `--uri=${uri}`,
      '--rw=randwrite',
      '--bs=4k',
      '--iodepth=16',
      '--size=16M',
      '--verify=crc32c',
      '--verify_fatal=1',
      '--do_verify=1',
      // fio would leave a file beside whoever started the tests.
      '--verify_state_save=0',
    ]);
    expect(stdout).toContain('err= 0');
  });
});

describe('our client', () => {
  itWith(['nbdkit'], 'works with nbdkit', async () => {
    const socketPath = join(folder, 'nbdkit.sock');
    const serving = start('nbdkit', ['-f', '-U', socketPath, 'memory', '16M']);
    try {
      await useServer(socketPath);
    } finally {
      await serving.stop();
    }
  });

  itWith(['qemu-nbd'], 'works with qemu-nbd', async () => {
    const socketPath = join(folder, 'qemu.sock');
    const path = join(folder, 'qemu-nbd.raw');
    await writeFile(path, new Uint8Array(16 * MIB));
    const serving = start('qemu-nbd', ['-t', '-f', 'raw', '-k', socketPath, path]);
    try {
      await useServer(socketPath);
    } finally {
      await serving.stop();
    }
  });

  async function useServer(socketPath: string): Promise<void> {
    const client = await connectSoon(socketPath);
    expect(client.info).toMatchObject({
      sizeBytes: 16 * MIB,
      canFlush: true,
      structuredReplies: true,
      canBlockStatus: true,
    });
    const data = randomBytes(3 * MIB);
    await client.write(12_288, data);
    expect(same(await client.read(12_288, data.byteLength), data)).toBe(true);
    const pieces = await Promise.all(
      Array.from({ length: 200 }, (_, index) => client.read(12_288 + index * 4096, 4096)),
    );
    expect(same(Buffer.concat(pieces), data.subarray(0, 200 * 4096))).toBe(true);
    await client.writeZeroes(12_288, MIB);
    await client.trim(12_288 + MIB, MIB);
    await client.flush();
    expect((await client.read(12_288, MIB)).every((byte) => byte === 0)).toBe(true);
    expect(
      (await client.blockStatus(8 * MIB, 8 * MIB)).reduce((sum, extent) => sum + extent.lengthBytes, 0),
    ).toBe(8 * MIB);
    await client.close();
  }
});

/** A server that has just been started needs a moment. */
async function connectSoon(socketPath: string): Promise<Awaited<ReturnType<typeof connectNbd>>> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await connectNbd({ socketPath });
    } catch (error) {
      if (attempt >= 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
