import { openFileDevice, type ProcessHost } from '@holdfast/adapter-loopback';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Contender, nbdUri } from './contender.js';
import { findProgram } from './programs.js';

/**
 * The peer: qemu's quorum over a local raw file and an NBD client whose server is a second daemon with the other raw file. Both
 * files through the page cache, both sockets Unix ones; a write counts when both children have it, a read asks the local one.
 */
export async function startQuorum(
  host: ProcessHost,
  folder: string,
  sizeBytes: number,
): Promise<readonly Contender[]> {
  const program = findProgram('qemu-storage-daemon', 'qemu-system-common');
  const [near, far] = [join(folder, 'near.raw'), join(folder, 'far.raw')];
  for (const file of [near, far]) {
    await (await openFileDevice(file, { create: 'exclusive', sizeBytes }))[Symbol.asyncDispose]();
  }
  const farSocket = join(folder, 'far.sock');
  const nearSocket = join(folder, 'near.sock');
  const mirror = await host.start({
    nodeId: 'qemu far',
    command: program,
    args: [...fileNode('disk', far), ...exported('disk', farSocket)],
  });
  await socketAt(farSocket);
  const quorum = await host.start({
    nodeId: 'qemu quorum',
    command: program,
    args: [
      ...fileNode('near', near),
      '--blockdev',
      `driver=nbd,node-name=far,server.type=unix,server.path=${farSocket},export=disk`,
      '--blockdev',
      'driver=quorum,node-name=disk,children.0=near,children.1=far,vote-threshold=2,read-pattern=fifo',
      ...exported('disk', nearSocket),
    ],
  });
  await socketAt(nearSocket);
  const processes = { quorum: quorum.processId, mirror: mirror.processId };
  return [{ name: 'qemu quorum', uri: nbdUri('disk', nearSocket), processes }];
}

function fileNode(name: string, path: string): string[] {
  const file = `driver=file,node-name=${name}-file,filename=${path},cache.direct=off`;
  return ['--blockdev', file, '--blockdev', `driver=raw,node-name=${name},file=${name}-file`];
}

function exported(node: string, socket: string): string[] {
  return [
    '--nbd-server',
    `addr.type=unix,addr.path=${socket}`,
    '--export',
    `type=nbd,id=export,node-name=${node},name=disk,writable=on`,
  ];
}

/** The daemon says nothing when it is ready; the socket does. */
async function socketAt(path: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      await access(path);
      return;
    } catch {
      await sleep(25);
    }
  }
  throw new Error(`no socket at ${path} within 5 s`);
}
