import {
  machineBootId,
  openDirectoryStore,
  openFileDevice,
  powerLossDevice,
} from '@holdfast/adapter-loopback';
import { type BlockDevice, HoldfastError, type WitnessPort } from '@holdfast/core';
import { createNbdServer } from '@holdfast/nbd';
import { systemClock, systemRandom } from '@holdfast/runtime';
import {
  createNode,
  defaultTuning,
  type LegOptions,
  metadataSizeBytes,
  serveControl,
  type VolumeNode,
} from '@holdfast/volume';
import { createWitnessClient } from '@holdfast/witness';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HoldfastConfig, LegConfig, NodeConfig } from '../config/index.js';
import { Closing } from './closing.js';
import type { Life } from './life.js';
import type { SayLine } from './lines.js';
import { type Refused, refusalLines } from './refusals.js';
import { nodeSentence } from './sentences.js';
import { watchStandstill } from './standstill.js';
import { nbdSecurity } from './nbd-security.js';
import { transportFor, witnessTls } from './transports.js';

/** Standstills shorter than this are everyday life of a busy machine. */
const reportedStandstillMs = 25;

/** The node of this name in the configuration. @throws HoldfastError NOT_FOUND naming those there are. */
export function nodeNamed(config: HoldfastConfig, name: string): NodeConfig {
  const found = config.nodes.find(({ nodeId }) => nodeId === name);
  if (found !== undefined) return found;
  const known = config.nodes.map(({ nodeId }) => nodeId).join(' and ');
  throw new HoldfastError('NOT_FOUND', `${config.file} has no node '${name}'; it has ${known}.`);
}

/** Runs one node until its life ends, then stops it in order. */
export async function runNode(config: HoldfastConfig, name: string, life: Life, say: SayLine): Promise<void> {
  const settings = nodeNamed(config, name);
  await using closing = new Closing();
  const source = settings.nodeId;
  const refused = refusalLines(source, say);
  const node = await startNode(config, settings, { bootId: life.bootId, refused }, closing);
  closing.defer(
    node.subscribe((event) => say({ source, kind: event.kind, text: nodeSentence(event), data: { event } })),
  );
  closing.defer(
    watchStandstill(reportedStandstillMs, ({ untilMs, lengthMs }) =>
      say({
        source,
        kind: 'standstill',
        text: `this process stood still for ${Math.round(lengthMs)} ms`,
        data: { untilMs, lengthMs },
      }),
    ),
  );
  await serveNbd(settings, node, refused, closing);
  await listenForControl(settings, node, refused, closing);
  say({ source, kind: 'ready', text: `ready (boot ${node.bootId})`, data: { bootId: node.bootId } });
  const reason = await life.ended;
  say({ source, kind: 'stopping', text: `stopping in order: ${reason}` });
  await node.shutDown({ deadlineMs: 10_000 });
  say({ source, kind: 'stopped', text: 'stopped' });
}

async function startNode(
  config: HoldfastConfig,
  settings: NodeConfig,
  { bootId, refused }: { readonly bootId: string | undefined; readonly refused: Refused },
  closing: Closing,
): Promise<VolumeNode> {
  await makeFolders(settings);
  const store = closing.use(await openDirectoryStore(settings.storeFolder));
  const legs: LegOptions[] = [];
  for (const leg of settings.legs) legs.push(await openLeg(leg, settings, closing));
  const witness = await witnessOf(config, closing);
  const { peerLink, paths } = settings;
  const random = systemRandom();
  const node = await createNode({
    clusterId: config.clusterId,
    groupId: config.groupId,
    nodeId: settings.nodeId,
    peerId: settings.peerId,
    role: settings.role,
    legs,
    store,
    // A drill in which the power goes with the process: every start is then a start of the machine.
    machineBootId: settings.legs.some((leg) => leg.simulatePowerLoss) ? random.id() : machineBootId(),
    timing: config.timing,
    faultModel: config.faultModel,
    peerLink: peerLink.side === 'listen' ? { listen: peerLink.address } : { dial: peerLink.address },
    pathListen: paths.address,
    clock: systemClock(),
    random,
    transport: await transportFor([peerLink, paths], refused),
    tuning: settings.tuning,
    digest: (block) => createHash('sha256').update(block).digest(),
    ...(bootId === undefined ? {} : { bootId }),
    ...(witness === undefined ? {} : { witness }),
    ...(settings.readMode === undefined ? {} : { readMode: settings.readMode }),
  });
  return closing.use(node);
}

async function makeFolders(settings: NodeConfig): Promise<void> {
  const sockets = [
    settings.control,
    settings.peerLink,
    settings.paths,
    ...(settings.nbd === undefined ? [] : [settings.nbd]),
  ];
  const files = [
    ...settings.legs.flatMap(({ dataFile, metadataFile }) => [dataFile, metadataFile]),
    ...sockets.flatMap(({ address }) => (address.startsWith('unix:') ? [address.slice('unix:'.length)] : [])),
  ];
  for (const folder of new Set(files.map((file) => dirname(file)))) await mkdir(folder, { recursive: true });
}

async function openLeg(leg: LegConfig, settings: NodeConfig, closing: Closing): Promise<LegOptions> {
  const extents = settings.tuning.activityLogExtents ?? defaultTuning.activityLogExtents;
  const openOne = async (path: string, sizeBytes: number): Promise<BlockDevice> => {
    const file = await openFileDevice(path, { create: 'if-missing', sizeBytes });
    return closing.use(leg.simulatePowerLoss ? powerLossDevice(file) : file);
  };
  return {
    volumeId: leg.volumeId,
    data: await openOne(leg.dataFile, leg.sizeBytes),
    metadata: await openOne(leg.metadataFile, metadataSizeBytes(leg.sizeBytes, extents)),
    ...(leg.content === undefined ? {} : { content: leg.content }),
  };
}

async function witnessOf(config: HoldfastConfig, closing: Closing): Promise<WitnessPort | undefined> {
  const { witness } = config;
  if (witness === undefined) return undefined;
  const tls = await witnessTls(witness);
  const client = createWitnessClient({
    address: witness.address,
    clusterId: config.clusterId,
    insecureLoopback: tls === undefined,
    witnessCallTimeoutMs: config.timing.witnessCallTimeoutMs,
    ...(tls === undefined ? {} : { tls }),
  });
  return closing.use(client);
}

async function serveNbd(
  settings: NodeConfig,
  node: VolumeNode,
  refused: Refused,
  closing: Closing,
): Promise<void> {
  const { nbd } = settings;
  if (nbd === undefined) return;
  const { listen, ...security } = await nbdSecurity(nbd, refused);
  const exports = settings.legs.map(({ volumeId }) => node.exportOf(volumeId));
  const { budget } = node;
  await closing.use(createNbdServer({ exports, budget, ...security })).listen(listen);
}

async function listenForControl(
  settings: NodeConfig,
  node: VolumeNode,
  refused: Refused,
  closing: Closing,
): Promise<void> {
  const { address } = settings.control;
  const transport = await transportFor([settings.control], refused);
  const sessions = new Set<AsyncDisposable>();
  closing.defer(async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });
  const listener = await transport.listen(address, (stream) => {
    const session = serveControl({
      node,
      stream,
      refused: (refusal) => refused({ at: address, ...refusal }),
    });
    sessions.add(session);
  });
  closing.use(listener);
}
