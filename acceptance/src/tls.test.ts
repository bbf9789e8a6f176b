import { pauseBounds } from '@holdfast/core';
import { socketTransport } from '@holdfast/runtime';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { Authority } from './support/certificates.js';
import { Cluster, clusterId, nodeIds, volumeId } from './support/cluster.js';
import { sha256OfFile } from './support/files.js';
import { isInstalled, itNeeding, run, start } from './support/programs.js';
import { QemuIo } from './support/qemu-io.js';
import { nodeUri, TlsLayout } from './support/tls-layout.js';

const programs = ['openssl', 'qemu-io', 'nbdinfo', 'nbdcopy'];
const missesPrograms = programs.some((program) => !isInstalled(program));

function nbdsUri(port: number, certificates: string): string {
  return `nbds://127.0.0.1:${port}/${volumeId}?tls-certificates=${certificates}`;
}

function qemuCertificates(folder: string): string {
  return `tls-creds-x509,id=tls0,dir=${folder},endpoint=client`;
}

/** @returns what a program said that must not come through. */
async function failing(program: string, args: readonly string[]): Promise<string> {
  await using running = start(program, args, 30_000);
  running.endInput();
  expect(await running.exited, `${program} ${args.join(' ')}: ${running.printed}`).not.toBe(0);
  return running.printed;
}

/** Says something in plain text. @returns how many bytes came back until the other side hung up. */
async function sayPlainly(port: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let heardBytes = 0;
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`port ${port} let a stranger stay`));
    }, 15_000);
    socket.on('data', (chunk) => (heardBytes += chunk.length));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(heardBytes);
    });
    socket.write(bytes);
  });
}

describe('a cluster over TCP with certificates on every link', () => {
  let layout: TlsLayout;
  let cluster: Cluster;
  let foreign: Authority;
  /** Works all the time; whatever it notices is a failure. */
  let host: QemuIo;

  const standing = async (): Promise<unknown> =>
    Promise.all(
      nodeIds.map(async (node) => {
        const { mode, host: hosts, sequencer, record } = await cluster.status(node);
        return { node, mode, hosts, sequencer, epoch: record.epoch };
      }),
    );
  const turnedAway = (source: string, reason: RegExp, since = 0): Promise<void> =>
    cluster.until(`${source} says of whom it turned away: ${String(reason)}`, () =>
      cluster.said
        .slice(since)
        .some((line) => line.source === source && /refused/.test(line.kind) && reason.test(line.text)),
    );
  const goesOn = async (more: number): Promise<void> => {
    const { writes } = host;
    await cluster.until('the host goes on', () => host.failure !== undefined || host.writes > writes + more);
    if (host.failure !== undefined) throw host.failure;
  };
  /** Whatever is tried meanwhile: the modes and the epoch stay, and the host's writes go on. */
  const unmoved = async (attempt: () => Promise<void>): Promise<void> => {
    await cluster.mirrored();
    const before = await standing();
    const changes = cluster.modeChanges.filter(({ nodeId }) =>
      nodeIds.some((node) => node === nodeId),
    ).length;
    await attempt();
    await goesOn(2);
    expect(await standing()).toEqual(before);
    expect(cluster.modeChanges.filter(({ nodeId }) => nodeIds.some((node) => node === nodeId))).toHaveLength(
      changes,
    );
  };

  beforeAll(async () => {
    if (missesPrograms) return;
    layout = await TlsLayout.create('certificates');
    cluster = await Cluster.startIn(layout);
    foreign = await Authority.create(layout.folderOf('foreign'));
    host = QemuIo.open(layout.hostPort, qemuCertificates(layout.folderOf('client')));
    host.startLoad();
  });
  afterAll(async () => {
    if (missesPrograms) return;
    await host[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  itNeeding(
    { programs },
    'mirrors, and serves QEMU and libnbd at the initiator and at each node',
    async () => {
      const client = layout.folderOf('client');
      for (const port of [layout.hostPort, layout.port('north', 'nbd'), layout.port('south', 'nbd')]) {
        const printed = await run('nbdinfo', [nbdsUri(port, client)]);
        expect(printed).toContain('with TLS');
        expect(printed).toContain(`export-size: ${layout.sizeBytes}`);
      }
      await using direct = QemuIo.open(layout.port('south', 'nbd'), qemuCertificates(client));
      await direct.write(60, 77);
      await direct.readBack(host);
      await direct.close();
      expect((await cluster.status('north')).mode).toBe('mirrored');
    },
  );

  itNeeding({ programs }, 'turns away NBD clients without a proof that counts, and says so', async () => {
    const stranger = layout.folderOf('stranger');
    const colleague = layout.folderOf('initiator');
    await foreign.equip(stranger, ['DNS:client.example.test'], await layout.authority);
    await unmoved(async () => {
      for (const [source, port] of [
        ['north', layout.port('north', 'nbd')],
        ['initiator', layout.hostPort],
      ] as const) {
        await failing('nbdinfo', [`nbd://127.0.0.1:${port}/${volumeId}`]);
        await turnedAway(source, new RegExp(`:${port}: asked in plain text, and TLS is required`));
        await failing('nbdinfo', [nbdsUri(port, stranger)]);
        await turnedAway(source, new RegExp(`:${port}: TLS: the certificate does not count`));
        // The right authority, and still not one of those that may use this export.
        await failing('nbdinfo', [nbdsUri(port, colleague)]);
        await turnedAway(source, new RegExp(`:${port}: its certificate carries none of the names client`));
      }
    });
  });

  itNeeding({ programs }, 'turns away who says that he is a node, and says so', async () => {
    const forged = layout.folderOf('forged');
    const misnamed = layout.folderOf('misnamed');
    const elsewhere = layout.folderOf('elsewhere');
    const renamed = layout.folderOf('renamed');
    const authority = await layout.authority;
    const machine = 'IP:127.0.0.1';
    await foreign.equip(forged, [machine, `URI:${nodeUri('south')}`], authority);
    await authority.equip(misnamed, [machine, `URI:${nodeUri('east')}`]);
    await authority.equip(elsewhere, [machine, 'URI:holdfast://elsewhere/node/south']);
    // The very name of the node, and a configuration of another cluster: only the greeting can tell.
    await authority.equip(renamed, [machine, `URI:${nodeUri('south')}`]);
    await unmoved(async () => {
      const since = cluster.said.length;
      const linkDoor = `at tcp:127\\.0\\.0\\.1:${layout.linkPort}: `;
      for (const [name, folder, why] of [
        ['forged', forged, new RegExp(`${linkDoor}(?!the peer is none)`)],
        ['misnamed', misnamed, new RegExp(`${linkDoor}the peer is none of those expected`)],
        ['elsewhere', elsewhere, new RegExp(`${linkDoor}the peer is none of those expected`)],
        ['renamed', renamed, new RegExp(`cluster id "elsewhere" is not "${clusterId}"`)],
      ] as const) {
        const named = name === 'renamed' ? { cluster: 'elsewhere' } : {};
        const configFile = await layout.impostor({ node: 'south', folder, ...named }, cluster.timing);
        const { length: heardBefore } = cluster.said;
        await cluster.runAs(name, ['node', 'south'], configFile);
        await turnedAway('north', why, heardBefore);
        // A node with another name may ask the witness how things stand, and not more.
        if (name === 'forged') await turnedAway('witness', /the handshake failed/, since);
        const modes = cluster.modeChanges.filter(({ nodeId }) => nodeId === name).map(({ to }) => to);
        for (const mode of ['mirrored', 'standalone', 'syncSource', 'syncTarget'])
          expect(modes, name).not.toContain(mode);
        await cluster.kill(name);
      }
    });
  });

  itNeeding({ programs }, 'turns away strangers at every port, and says so', async () => {
    const doors = [
      ...nodeIds.flatMap((node) =>
        (['control', 'paths', 'nbd'] as const).map((door) => [node, layout.port(node, door)] as const),
      ),
      ['north', layout.linkPort] as const,
      ['initiator', layout.hostPort] as const,
    ];
    await unmoved(async () => {
      const since = cluster.said.length;
      const greeting = Buffer.from('{"kind":"hello","clusterId":"acceptance"}\r\n\r\n'.padStart(64));
      await Promise.all(
        doors.map(async ([source, port]) => {
          // NBD greets everybody; the other doors say no more than that this is no TLS.
          expect(await sayPlainly(port, greeting)).toBeLessThan(32);
          await turnedAway(source, new RegExp(`turned away .+ at tcp:127\\.0\\.0\\.1:${port}: `), since);
        }),
      );
      await sayPlainly(layout.witnessPort, Buffer.from('GET / HTTP/1.1\r\nhost: witness\r\n\r\n'));
      await turnedAway('witness', /handshake failed/, since);

      const stranger = socketTransport({ security: await layout.securityOf('client') });
      await using controller = cluster.controllerFor(clusterId, stranger);
      // The right authority, and none of those who may give orders.
      await expect(controller.command('north', { kind: 'pause' })).rejects.toThrow();
      await turnedAway('north', new RegExp(`:${layout.port('north', 'control')}: the peer is none`), since);
      const address = `tcp:127.0.0.1:${layout.port('south', 'paths')}`;
      const stream = await stranger.connect(address, { deadlineMs: 10_000 });
      await new Promise<void>((gone) => {
        const ignore = (): void => undefined;
        stream.attach({ data: ignore, drain: ignore, end: () => stream.end(), close: () => gone() });
      });
      await turnedAway('south', new RegExp(`:${layout.port('south', 'paths')}: the peer is none`), since);
    });
  });

  itNeeding({ programs }, 'loses a node, and QEMU at the initiator notices nothing', async () => {
    await cluster.mirrored();
    const victim = await cluster.sequencer();
    const other = victim === 'north' ? 'south' : 'north';
    await cluster.kill(victim);
    await cluster.servesAlone(other);
    await goesOn(10);
    await cluster.run(victim);
    await cluster.mirrored();
    await host.stopLoad();
    expect(cluster.pathsLost).toContain(victim);
    console.log(
      `${host.writes} writes over TLS, the slowest answered after ${host.longestAnswerMs.toFixed(0)} ms (bound of the policy: ${pauseBounds(cluster.timing).worstMs.toFixed(0)} ms)`,
    );
    await host.readBack();
    await using direct = QemuIo.open(layout.port(victim, 'nbd'), qemuCertificates(layout.folderOf('client')));
    await host.readBack(direct);
    await direct.close();
    expect(await host.close()).not.toMatch(/failed|error/i);
    const digest = await cluster.stopAndDigest();
    expect(digest.north).toBe(digest.south);
  });
});

describe('a cluster over TCP with pre-shared keys on the link, the paths and NBD', () => {
  itNeeding({ programs }, 'mirrors, and serves who knows the key, and nobody else', async () => {
    const layout = await TlsLayout.create('pre-shared keys');
    await using cluster = await Cluster.startIn(layout);
    const credentials = (folder: string): string =>
      `tls-creds-psk,id=tls0,dir=${folder},username=client,endpoint=client`;
    const client = layout.folderOf('client');
    await using host = QemuIo.open(layout.hostPort, credentials(client));
    for (let region = 0; region < 8; region += 1) await host.write(region, 100 + region);
    await using direct = QemuIo.open(layout.port('south', 'nbd'), credentials(client));
    await host.readBack(direct);
    await direct.close();
    await host.close();

    const back = join(layout.folder, 'back.raw');
    const uri = `nbds://client@127.0.0.1:${layout.hostPort}/${volumeId}?tls-psk-file=`;
    await run('nbdcopy', [`${uri}${join(client, 'keys.psk')}`, back]);
    const guessed = join(layout.folder, 'guessed.psk');
    await writeFile(guessed, `client:${randomBytes(32).toString('hex')}\n`);
    await failing('nbdcopy', [`${uri}${guessed}`, join(layout.folder, 'nothing.raw')]);
    await cluster.until('the initiator says so', () =>
      cluster.said.some(
        ({ source, kind, text }) => source === 'initiator' && kind === 'refused' && /TLS: /.test(text),
      ),
    );
    const digest = await cluster.stopAndDigest();
    expect(digest.north).toBe(digest.south);
    expect(await sha256OfFile(back)).toBe(digest.north);
  });
});
