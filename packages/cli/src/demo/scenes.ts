import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Cluster } from './cluster.js';
import { nodeIds, type NodeName, other, preferred } from './layout.js';
import type { DemoPlan } from './options.js';
import type { Workload } from './workload/workload.js';

/** What a scene works with. */
export interface Stage {
  readonly cluster: Cluster;
  readonly load: Workload;
  readonly plan: DemoPlan;
  readonly check: (name: string, passed: boolean, detail: string) => void;
}

export interface Scene {
  readonly id: string;
  readonly title: string;
  /** False for a scene that goes on where the one before has left things. */
  readonly beginsMirrored: boolean;
  /** Greatest pause that the scene allows, without the standstill of the machine; undefined: it promises none. */
  readonly boundMs: (plan: DemoPlan) => number | undefined;
  /** @returns who serves at its end. */
  run(stage: Stage): Promise<string>;
}

/** Both serve, as they do when nothing is wrong: where every fault begins. */
export function mirrored(cluster: Cluster): boolean {
  return nodeIds.every((nodeId) => {
    const { mode, host } = cluster.observer.view(nodeId);
    return mode === 'mirrored' && host === 'open';
  });
}

function servesAlone(cluster: Cluster, nodeId: NodeName): boolean {
  const { mode, host } = cluster.observer.view(nodeId);
  return (mode === 'standalone' || mode === 'syncSource') && host === 'open';
}

/** Both mirror again; the resync moved something, and less than the whole volume. */
async function comeBack({ cluster, plan, check }: Stage, nodeId: NodeName, id: string): Promise<void> {
  const before = cluster.observer.finishedResyncs.length;
  if (!cluster.isAlive(nodeId)) await cluster.start(nodeId);
  await cluster.until('both nodes mirror again', plan.patienceMs, () => mirrored(cluster));
  await cluster.until('the end of the resync is told', plan.patienceMs, () =>
    cluster.observer.finishedResyncs
      .slice(before)
      .some(({ completed, progress }) => completed && progress.side === 'source'),
  );
  check(`${id}: both nodes serve again after the resync`, mirrored(cluster), cluster.standing());
  await cluster.rest(plan.settleMs);
}

async function loseNode(stage: Stage, nodeId: NodeName, how: string): Promise<void> {
  stage.cluster.observer.faulted(nodeId, how);
  await stage.cluster.kill(nodeId);
}

async function survives({ cluster, plan, check }: Stage, nodeId: NodeName, id: string): Promise<string> {
  await cluster.until(`${nodeId} serves alone`, plan.patienceMs, () => servesAlone(cluster, nodeId));
  const { epoch, mode } = cluster.observer.view(nodeId);
  check(`${id}: ${nodeId} goes on alone under a new epoch`, epoch > 0, `${mode}, epoch ${epoch}`);
  await cluster.rest(plan.afterFaultMs);
  return `${nodeId} alone`;
}

export const scenes: readonly Scene[] = [
  {
    id: 'a',
    title: 'the preferred node is killed',
    beginsMirrored: true,
    boundMs: ({ bounds }) => bounds.preferredLostMs,
    run: async (stage) => {
      await loseNode(stage, preferred, 'SIGKILL, no evidence given: its lease must be waited for');
      return survives(stage, other, 'a');
    },
  },
  {
    id: 'b',
    title: 'it returns',
    beginsMirrored: false,
    boundMs: () => undefined,
    run: async (stage) => {
      await comeBack(stage, preferred, 'b');
      return 'both';
    },
  },
  {
    id: 'a2',
    title: 'killed again, with evidence',
    beginsMirrored: true,
    boundMs: ({ bounds }) => bounds.preferredLostWithEvidenceMs,
    run: async (stage) => {
      const { cluster } = stage;
      cluster.observer.faulted(
        preferred,
        'SIGKILL, and the supervisor tells the other node that it has seen the exit',
      );
      const evidence = await cluster.kill(preferred);
      if (evidence === undefined) throw new Error('the supervisor has no evidence of the exit that it saw');
      await cluster.controller.giveEvidence(other, evidence, { deadlineMs: 1_000 });
      const serves = await survives(stage, other, 'a2');
      await comeBack(stage, preferred, 'a2');
      return `${serves}, then both`;
    },
  },
  {
    id: 'c',
    title: 'the link goes silent, both live',
    beginsMirrored: true,
    boundMs: ({ bounds }) => bounds.worstMs,
    run: async (stage) => silence(stage, 'c', ['forward', 'backward']),
  },
  {
    id: 'c2',
    title: 'the link goes silent one way',
    beginsMirrored: true,
    boundMs: ({ bounds }) => bounds.worstMs,
    run: async (stage) => silence(stage, 'c2', ['forward']),
  },
  {
    id: 'd',
    title: 'the witness dies and returns',
    beginsMirrored: true,
    boundMs: (plan) => plan.unnoticedMs,
    run: async (stage) => {
      const { cluster, plan, check } = stage;
      cluster.observer.faulted('witness', 'SIGKILL');
      await cluster.kill('witness');
      const before = stage.load.ledger.acknowledgedWrites;
      await cluster.rest(plan.afterFaultMs);
      const written = stage.load.ledger.acknowledgedWrites - before;
      check(
        'd: writes are acknowledged while there is no witness',
        written > 0,
        `${written} writes, ${cluster.standing()}`,
      );
      await cluster.start('witness');
      await cluster.rest(plan.settleMs);
      return 'both';
    },
  },
  {
    id: 'e',
    title: 'a node loses power',
    beginsMirrored: true,
    boundMs: ({ bounds }) => bounds.nonPreferredLostMs,
    run: async (stage) => {
      await loseNode(stage, other, 'power cut: whatever its disk had not flushed is gone');
      const serves = await survives(stage, preferred, 'e');
      await comeBack(stage, other, 'e');
      return `${serves}, then both`;
    },
  },
];

async function silence(
  stage: Stage,
  id: string,
  directions: readonly ('forward' | 'backward')[],
): Promise<string> {
  const { cluster, plan, check } = stage;
  const ways = directions.length === 2 ? 'both ways' : 'towards the preferred node only';
  cluster.observer.faulted('relay', `the link between the nodes swallows everything, ${ways}`);
  for (const direction of directions) await cluster.cut(direction, 'swallow');
  const alone = (): readonly NodeName[] => nodeIds.filter((nodeId) => servesAlone(cluster, nodeId));
  const stopped = (): readonly NodeName[] =>
    nodeIds.filter((nodeId) => cluster.observer.view(nodeId).host === 'closed');
  await cluster.until(
    'one node serves alone and the other has stopped',
    plan.patienceMs,
    () => alone().length === 1 && stopped().length === 1,
  );
  await cluster.rest(plan.afterFaultMs);
  const [survivor] = alone();
  check(
    `${id}: one side goes on and the other stops`,
    alone().length === 1 && stopped().length === 1,
    cluster.standing(),
  );
  cluster.observer.faulted('relay', 'the link carries again');
  for (const direction of directions) await cluster.cut(direction, 'pass');
  const back = survivor === preferred ? other : preferred;
  await comeBack(stage, back, id);
  return `${survivor ?? 'nobody'} alone, then both`;
}

/** The end: no load, everything read back, both nodes stopped in order, the two files compared. */
export async function lastScene(
  stage: Stage,
): Promise<readonly { readonly nodeId: string; readonly sha256: string }[]> {
  const { cluster, load, plan, check } = stage;
  await cluster.within('the last requests are answered', plan.patienceMs, load.stop());
  const { bytes, faults } = await cluster.within(
    'every block is read back',
    3 * plan.patienceMs,
    load.readAllBack(),
  );
  const { acknowledgedWrites, blocksWritten } = load.ledger;
  check(
    'f: every acknowledged write is there',
    faults === 0,
    `${acknowledgedWrites} acknowledged writes in ${blocksWritten} blocks, ${bytes} bytes read back, ${faults} wrong blocks`,
  );
  for (const name of ['initiator', ...nodeIds] as const) {
    const { inOrder, how } = await cluster.within(`${name} stops`, plan.patienceMs, cluster.stop(name));
    check(`f: ${name} stops in order`, inOrder, how);
  }
  const legs = await Promise.all(
    nodeIds.map(async (nodeId) => ({ nodeId, sha256: await sha256Of(cluster.layout.dataFile(nodeId)) })),
  );
  check(
    'f: both legs are identical',
    legs[0]?.sha256 === legs[1]?.sha256,
    legs.map(({ nodeId, sha256 }) => `${nodeId} ${sha256}`).join(', '),
  );
  return legs;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
