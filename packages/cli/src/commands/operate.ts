import { explainLoss, HoldfastError, type OperatorCommand } from '@holdfast/core';
import type { NodeStatus } from '@holdfast/volume';
import { loadConfig } from '../config/index.js';
import { nodeNamed } from '../run/run-node.js';
import { exitCodes } from './exit-codes.js';
import { controllerOf } from './questions.js';
import type { Terminal } from './terminal.js';

const deadlineMs = 15_000;

export interface OperateOptions {
  readonly config: string;
  readonly dryRun: boolean;
}

/** Pause, resume, handover, shut-down: the node's policy follows or says why not. */
export async function operate(
  name: string,
  kind: 'handover' | 'pause' | 'resume' | 'shut-down',
  options: OperateOptions,
  terminal: Terminal,
): Promise<number> {
  return act(name, options, terminal, () => ({
    command: { kind },
    plan: plans[kind],
    acknowledgement: undefined,
  }));
}

const plans = {
  handover: [
    'it offers the peer to go on alone',
    'once the peer has agreed, this node stops serving, and then becomes the target of a resync',
  ],
  pause: ['resync stops, and does not begin again by itself; hosts are served as before'],
  resume: ['resync may begin again'],
  'shut-down': [
    'it finishes what is in flight, flushes, and marks its record clean',
    'the peer goes on alone, if it may',
  ],
} as const;

export interface ForceOptions extends OperateOptions {
  /** What was typed after --acknowledge, for scripts. */
  readonly acknowledge?: string;
}

/** Serve although nobody else agreed. Shows first what it would do, and wants the loss acknowledged in so many words. */
export async function forceSurvivor(
  name: string,
  options: ForceOptions,
  terminal: Terminal,
): Promise<number> {
  return act(name, options, terminal, (status) => ({
    command: { kind: 'force-survivor', expectedEpoch: status.record.epoch, acknowledgeDataLoss: true },
    plan: [
      `epoch ${status.record.epoch} ends; ${status.nodeId} serves alone from its own copy (${status.record.dataState}), by your word`,
      `whatever only the other node holds is lost to hosts from then on, and overwritten when it comes back`,
      ...(status.wayOut === undefined ? [] : [`that may be: ${explainLoss(status.wayOut.forceMayLose)}`]),
      ...(status.wayOut?.kind === 'reattach' ? [`less is lost otherwise: ${status.wayOut.sentence}`] : []),
      `if the other node serves hosts at this moment, the two diverge: make sure that it is off`,
    ],
    acknowledgement: `lose what only ${status.peer.nodeId} holds`,
  }));
}

/** The newest copy serves again, after its leg had failed; the node refuses for any other copy. */
export async function reattach(name: string, options: ForceOptions, terminal: Terminal): Promise<number> {
  return act(name, options, terminal, (status) => ({
    command: { kind: 'reattach', expectedEpoch: status.record.epoch, acknowledgeUnflushedLoss: true },
    plan: [
      `${status.nodeId} serves its own copy (${status.record.dataState}) alone again, if it is the newest there is; else it refuses`,
      `what may be missing: ${explainLoss({ kind: 'unflushed', node: status.nodeId })}`,
      `${status.peer.nodeId} is copied to, and both mirror again`,
    ],
    acknowledgement: `lose what was not flushed on ${status.nodeId}`,
  }));
}

/** Both went on alone: one copy gives way. */
export async function resolveSplitBrain(
  name: string,
  victim: string,
  options: ForceOptions,
  terminal: Terminal,
): Promise<number> {
  return act(name, options, terminal, (status) => ({
    command: { kind: 'resolve-split-brain', victim },
    plan: [
      `the copy of ${victim} gives way: what hosts wrote there alone since epoch ${status.record.history[0]?.epoch ?? status.record.epoch} is lost`,
      `${victim} becomes the target of a resync from the other node`,
    ],
    acknowledgement: `lose what only ${victim} holds`,
  }));
}

interface Intent {
  readonly command: OperatorCommand;
  readonly plan: readonly string[];
  /** What must be typed word by word before anything is done. */
  readonly acknowledgement: string | undefined;
}

async function act(
  name: string,
  options: ForceOptions,
  terminal: Terminal,
  intentOf: (status: NodeStatus) => Intent,
): Promise<number> {
  const config = await loadConfig(options.config);
  const { nodeId } = nodeNamed(config, name);
  await using controller = await controllerOf(config);
  const status = await controller.status(nodeId, { deadlineMs });
  const { command, plan, acknowledgement } = intentOf(status);
  terminal.note(
    `${nodeId} is ${status.mode} at epoch ${status.record.epoch}, hosts ${status.host}. With ${command.kind}:`,
  );
  for (const line of plan) terminal.note(`  - ${line}`);
  if (options.dryRun) return exitCodes.ok;
  if (acknowledgement !== undefined) await acknowledge(acknowledgement, options.acknowledge, terminal);
  terminal.out(await controller.command(nodeId, command, { deadlineMs }));
  return exitCodes.ok;
}

/** @throws HoldfastError REFUSED unless the very words were given. */
async function acknowledge(words: string, given: string | undefined, terminal: Terminal): Promise<void> {
  const typed = given ?? (await terminal.ask(`Type "${words}" to go on: `));
  if (typed?.trim() === words) return;
  const how =
    typed === undefined ? `Nobody is there to type it: add --acknowledge "${words}".` : 'The words differ.';
  throw new HoldfastError('REFUSED', `Nothing was done. ${how}`);
}
