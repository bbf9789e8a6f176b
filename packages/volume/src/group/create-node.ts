import {
  type CallOptions,
  explainWayOut,
  freshRecord,
  HoldfastError,
  type Listener,
  type NodeRecord,
  type PolarizationOptions,
  readableUntil,
  validateOptions,
  wayOut,
  whoWouldWinNow,
} from '@holdfast/core';
import { NbdByteBudget } from '@holdfast/nbd';
import { nextIncarnation } from '@holdfast/runtime';
import type { NodeStatus, VolumeNode } from '../api.js';
import { nodeExport } from '../export/nbd-export.js';
import { readLabel } from '../metadata/label.js';
import { Leg } from '../metadata/leg.js';
import { defaultTuning, type NodeOptions, type NodeTuning } from '../options.js';
import { PathServer } from '../path/index.js';
import { GroupNode } from './group-node.js';
import { loadNotes, loadRecord, recordKey } from './record.js';

/**
 * Starts one site of a consistency group: opens its legs, reads its record, and joins the other node.
 *
 * Serves nothing before the peer or the witness has said where things stand. What is given (devices, store, transport) stays
 * the caller's to close, after the node.
 *
 * @throws HoldfastError OPTIONS_INVALID, FOREIGN_LEG, SIZE_MISMATCH, CORRUPT, NOT_SUPPORTED; nothing is overwritten then.
 */
export async function createNode(options: NodeOptions): Promise<VolumeNode> {
  const tuning: NodeTuning = { ...defaultTuning, ...options.tuning };
  checkOptions(options);
  checkTuning(options.nodeId, tuning);
  const { groupId, nodeId, store } = options;
  const found = await loadRecord(store, groupId, nodeId);
  const notes = await loadNotes(store, groupId, options.machineBootId);
  await refuseReplacedLegs(options, found);
  const cell: { group?: GroupNode } = {};
  const legs: Leg[] = [];
  for (const [index, leg] of options.legs.entries()) {
    legs.push(
      await Leg.open(leg, index, options, tuning, options.clock, (full) => cell.group?.makeRoom(full)),
    );
  }
  const incarnation = await nextIncarnation(store, `incarnation.${groupId}`);
  const policyOptions: PolarizationOptions = {
    groupId,
    nodeId,
    peerId: options.peerId,
    role: options.role,
    incarnation,
    bootId: options.bootId ?? options.random.id(),
    machineBootId: options.machineBootId,
    lineageSeed: options.random.id(),
    faultModel: options.faultModel,
    timing: options.timing,
    record: found ?? freshRecord(options),
    pristine: found === undefined && legs.every((leg) => leg.isNew && leg.label.content === 'zeros'),
    bootAlone: options.bootAlone ?? false,
  };
  validateOptions(policyOptions);
  cell.group = new GroupNode(options, legs, policyOptions, tuning, notes);
  const node = new RunningNode(options, cell.group, policyOptions.bootId, tuning);
  await node.open();
  return node;
}

function checkOptions(options: NodeOptions): void {
  if (options.legs.length === 0) {
    throw new HoldfastError(
      'OPTIONS_INVALID',
      `Node ${options.nodeId} has no leg. A group holds one volume or more.`,
    );
  }
  const names = new Set(options.legs.map((leg) => leg.volumeId));
  if (names.size !== options.legs.length) {
    throw new HoldfastError(
      'OPTIONS_INVALID',
      `Two legs of node ${options.nodeId} have the same volumeId. Each volume of a group needs its own name.`,
    );
  }
  if (options.nodeId === options.peerId) {
    throw new HoldfastError(
      'OPTIONS_INVALID',
      `nodeId and peerId are both "${options.nodeId}". The two nodes of a group need two names.`,
    );
  }
}

/** A record without the leg that it speaks of would let an empty copy pass for a whole one. */
async function refuseReplacedLegs(options: NodeOptions, record: NodeRecord | undefined): Promise<void> {
  if (record === undefined || record.mode === 'fresh') return;
  for (const { metadata } of options.legs) {
    if ((await readLabel(metadata)) !== undefined) continue;
    throw new HoldfastError(
      'FOREIGN_LEG',
      `${metadata.name} has never been a leg's metadata, but by the record in ${options.store.name} node ${options.nodeId} has held group ${options.groupId} since epoch ${String(record.epoch)}. Nothing was changed. ` +
        `Give the node its own metadata. If the leg was replaced or wiped, move the record "${recordKey(options.groupId)}" away as well: the node is then new, and everything is copied to it.`,
    );
  }
}

/** A copy of the resync touches this many extents at once; a log without room for them would never let it begin. */
function checkTuning(nodeId: string, tuning: NodeTuning): void {
  const { activityLogExtentBytes, activityLogExtents, resyncChunkBytes } = tuning;
  const wanted = Math.ceil(resyncChunkBytes / activityLogExtentBytes) + 1;
  if (activityLogExtents >= wanted) return;
  throw new HoldfastError(
    'OPTIONS_INVALID',
    `Node ${nodeId}: activityLogExtents >= resyncChunkBytes / activityLogExtentBytes + 1 does not hold: ` +
      `${String(activityLogExtents)} < ${String(resyncChunkBytes)} / ${String(activityLogExtentBytes)} + 1. ` +
      `Give the log ${String(wanted)} extents or more, or larger ones.`,
  );
}

/** How long an orderly stop waits for a record that is being written, unless the caller says otherwise. */
const recordPatienceMs = 10_000;

class RunningNode implements VolumeNode {
  private pathListener: Listener | undefined;
  readonly budget: NbdByteBudget;
  private readonly paths: PathServer;
  private stopFencer: (() => void) | undefined;

  constructor(
    private readonly options: NodeOptions,
    private readonly group: GroupNode,
    readonly bootId: string,
    tuning: NodeTuning,
  ) {
    const { clusterId, groupId, nodeId, clock } = options;
    this.budget = new NbdByteBudget(tuning.memoryBudgetBytes);
    this.paths = new PathServer({
      clusterId,
      groupId,
      nodeId,
      clock,
      hostSide: group.dataPath,
      budget: this.budget,
      observe: (notice) => {
        if (notice.kind === 'path-refused')
          group.emit({ kind: 'refused', at: clock.now(), remote: notice.remote, reason: notice.reason });
      },
    });
  }

  async open(): Promise<void> {
    const { fencer, pathListen, transport } = this.options;
    this.stopFencer = fencer?.watch((evidence) => {
      this.giveEvidence(evidence);
    });
    await this.group.open();
    if (pathListen === undefined) return;
    this.pathListener = await transport.listen(pathListen, (stream) => {
      this.paths.accept(stream);
    });
  }

  get addresses(): VolumeNode['addresses'] {
    const peerLink = this.group.link.address;
    const path = this.pathListener?.address;
    return { ...(peerLink === undefined ? {} : { peerLink }), ...(path === undefined ? {} : { path }) };
  }

  get hostSide(): VolumeNode['hostSide'] {
    return this.group.dataPath;
  }

  status(): NodeStatus {
    const { group, options } = this;
    const { state, dataPath, peerSession } = group;
    const lease = readableUntil(state);
    const introduction = state.peer?.introduction;
    const { resyncProgress, isWitnessReachable } = group;
    const way = wayOut(state);
    return {
      clusterId: options.clusterId,
      groupId: options.groupId,
      nodeId: options.nodeId,
      bootId: this.bootId,
      mode: dataPath.gate.mode,
      host: dataPath.gate.host,
      record: state.record,
      sequencer: dataPath.gate.sequencer,
      health: state.legFailure === undefined ? state.health.level : 'unhealthyHard',
      initiators: state.initiators,
      ...(Number.isFinite(lease) ? { leaseRemainingMs: Math.max(0, lease - options.clock.now()) } : {}),
      peer: {
        nodeId: options.peerId,
        connected: peerSession !== undefined,
        ...(introduction === undefined ? {} : { bootId: introduction.bootId, mode: introduction.mode }),
      },
      witness: {
        configured: options.witness !== undefined,
        ...(isWitnessReachable === undefined ? {} : { reachable: isWitnessReachable }),
      },
      volumes: group.legs.map((leg) => ({
        volumeId: leg.volumeId,
        sizeBytes: leg.sizeBytes,
        dirtyBytes: leg.map.dirtyBytes,
        activityLogExtents: leg.log.size,
        activityLogBytes: leg.log.size * leg.label.activityLogExtentBytes,
      })),
      ...(resyncProgress === undefined ? {} : { resync: resyncProgress }),
      whoWouldWinNow: whoWouldWinNow(state),
      ...(way === undefined ? {} : { wayOut: { ...way, sentence: explainWayOut(way) } }),
    };
  }

  recentDecisions(limit: number): ReturnType<VolumeNode['recentDecisions']> {
    return this.group.decisions.recent(limit);
  }

  command(command: Parameters<VolumeNode['command']>[0]): Promise<string> {
    return this.group.command(command);
  }

  giveEvidence(evidence: Parameters<VolumeNode['giveEvidence']>[0]): void {
    this.group.giveEvidence(evidence);
  }

  exportOf(volumeId: string): ReturnType<VolumeNode['exportOf']> {
    const index = this.group.legs.findIndex((leg) => leg.volumeId === volumeId);
    if (index < 0) {
      const known = this.group.legs.map((leg) => leg.volumeId).join(', ');
      throw new HoldfastError(
        'NOT_FOUND',
        `Group ${this.options.groupId} has no volume "${volumeId}"; it has ${known}.`,
      );
    }
    return nodeExport(this.group.dataPath, index, `${volumeId} at node ${this.options.nodeId}`);
  }

  subscribe(listener: Parameters<VolumeNode['subscribe']>[0]): () => void {
    return this.group.subscribe(listener);
  }

  async shutDown(options: CallOptions = {}): Promise<void> {
    const { clock } = this.options;
    const until = clock.now() + (options.deadlineMs ?? recordPatienceMs);
    // A node that has just started or changed its role is writing its record down: the order to stop would be refused.
    while (this.group.state.saving !== undefined && clock.now() < until) {
      await new Promise<void>((resume) => clock.setTimer(10, resume));
    }
    await this.group.command({ kind: 'shut-down' });
    await this.group.dataPath.repeats.noteAll();
    for (const leg of this.group.legs) await leg.rest();
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopFencer?.();
    await this.pathListener?.[Symbol.asyncDispose]();
    await this.paths[Symbol.asyncDispose]();
    await this.group[Symbol.asyncDispose]();
  }
}
