import type { LocalProcess, ProcessHost } from '@holdfast/adapter-loopback';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Contender, nbdUri } from './contender.js';

const volume = 'vol0';
const builtProgram = fileURLToPath(new URL('../../packages/cli/dist/holdfast.js', import.meta.url));

/**
 * Holdfast as `holdfast init` would set it up: a witness, two nodes and an initiator, each a process of its own, over Unix sockets.
 * Three ways lead to one volume: the NBD socket of the node that orders the writes (two processes in the path, as with quorum), that
 * of the other one (a write goes there and back for its order), and the initiator (three, for the price of surviving either node).
 */
export function holdfast(program = builtProgram) {
  return async (host: ProcessHost, folder: string, sizeBytes: number): Promise<readonly Contender[]> => {
    await access(program).catch(() => {
      throw new Error(`missing: ${program}; build it first with npm run build`);
    });
    const config = join(folder, 'holdfast.yaml');
    await writeFile(config, configuration(sizeBytes));
    const start = (...words: readonly string[]): Promise<LocalProcess> =>
      host.start({
        nodeId: words.at(-1) ?? '',
        command: process.execPath,
        args: [program, ...words, '--config', config],
        workingDirectory: folder,
      });
    const patience = { deadlineMs: 30_000 };
    const ready = (line: string): boolean => line.includes('ready');
    await (await start('witness')).waitForLine(ready, patience);
    const [north, south] = [await start('node', 'north'), await start('node', 'south')];
    await Promise.all([north, south].map((node) => node.waitForLine(ready, patience)));
    await Promise.all(
      [north, south].map((node) => node.waitForLine((line) => line.includes('-> mirrored'), patience)),
    );
    const initiator = await start('initiator');
    await initiator.waitForLine(ready, patience);
    const nodes = { 'holdfast north': north.processId, 'holdfast south': south.processId };
    return [
      {
        name: 'holdfast sequencer',
        judged: true,
        uri: nbdUri(volume, join(folder, 'north.nbd.sock')),
        processes: nodes,
      },
      { name: 'holdfast other node', uri: nbdUri(volume, join(folder, 'south.nbd.sock')), processes: nodes },
      {
        name: 'holdfast initiator',
        uri: nbdUri(volume, join(folder, 'volume.nbd.sock')),
        processes: { ...nodes, 'holdfast initiator': initiator.processId },
      },
    ];
  };
}

/** The leases are the long ones: a busy machine must not fail over in the middle of a measurement. */
function configuration(sizeBytes: number): string {
  const leg = (node: string): string =>
    `${volume}: { data: ./${node}.data, metadata: ./${node}.metadata, content: zeros }`;
  return `cluster: bench
group: main
timing: metro
faultModel: mediator
volumes:
  ${volume}: { size: ${sizeBytes} }
witness:
  listen: unix:./witness.sock
  store: ./witness
nodes:
  north:
    role: preferred
    store: ./north.store
    control: unix:./north.control.sock
    peerLink: { listen: "unix:./north.link.sock" }
    paths: unix:./north.paths.sock
    nbd: unix:./north.nbd.sock
    legs:
      ${leg('north')}
  south:
    role: nonPreferred
    store: ./south.store
    control: unix:./south.control.sock
    paths: unix:./south.paths.sock
    nbd: unix:./south.nbd.sock
    legs:
      ${leg('south')}
initiator:
  nbd: unix:./volume.nbd.sock
`;
}
