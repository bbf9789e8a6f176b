import type { CallOptions } from '@holdfast/core';
import { systemClock } from '@holdfast/runtime';
import { type Controller, createController } from '@holdfast/volume';
import { type HoldfastConfig, loadConfig } from '../config/index.js';
import { nodeNamed } from '../run/run-node.js';
import { transportFor } from '../run/transports.js';
import { statusTable } from './status-table.js';
import type { Terminal } from './terminal.js';
import { exitCodes } from './exit-codes.js';
import { nodeSentence } from '../run/sentences.js';

/** A controller over the control sockets that the configuration names. */
export async function controllerOf(config: HoldfastConfig): Promise<Controller> {
  return createController({
    clusterId: config.clusterId,
    addresses: Object.fromEntries(config.nodes.map(({ nodeId, control }) => [nodeId, control.address])),
    transport: await transportFor(config.nodes.map(({ control }) => control)),
    clock: systemClock(),
  });
}

const call: CallOptions = { deadlineMs: 3_000 };

export interface StatusOptions {
  readonly config: string;
  readonly json: boolean;
  readonly watch: boolean;
}

/** `holdfast status`: exits with 3 when no node can be reached. */
export async function status(
  options: StatusOptions,
  terminal: Terminal,
  until: Promise<unknown>,
): Promise<number> {
  const config = await loadConfig(options.config);
  await using controller = await controllerOf(config);
  const answers = await controller.statusAll(call);
  if (options.json) {
    terminal.out(
      JSON.stringify(
        answers.map((answer) =>
          answer.reachable
            ? answer
            : {
                nodeId: answer.nodeId,
                reachable: false,
                code: answer.error.code,
                message: answer.error.message,
              },
        ),
        undefined,
        options.watch ? undefined : 2,
      ),
    );
  } else {
    terminal.out(statusTable(answers));
  }
  if (options.watch) await watch(controller, options.json, terminal, until);
  return answers.some(({ reachable }) => reachable) ? exitCodes.ok : exitCodes.unreachable;
}

async function watch(
  controller: Controller,
  json: boolean,
  terminal: Terminal,
  until: Promise<unknown>,
): Promise<void> {
  const stop = controller.watch((event) => {
    if (json) {
      terminal.out(JSON.stringify({ time: Date.now(), ...event }));
      return;
    }
    const time = new Date().toISOString().slice(11, 23);
    const name = event.nodeId.padEnd(9);
    if (event.kind === 'node-reachable') terminal.out(`${time}  ${name} reachable`);
    else if (event.kind === 'node-unreachable')
      terminal.out(`${time}  ${name} not reachable: ${event.cause}`);
    else if (event.event.kind === 'events-missed')
      terminal.out(`${time}  ${name} ${event.event.count} events were missed`);
    else terminal.out(`${time}  ${name} ${nodeSentence(event.event)}`);
  });
  await until;
  stop();
}

export interface WhyOptions {
  readonly config: string;
  readonly json: boolean;
  readonly limit: number;
}

/** `holdfast why`: the last decisions, each as one sentence with its numbers. Without a node: of all that can be reached. */
export async function why(
  name: string | undefined,
  options: WhyOptions,
  terminal: Terminal,
): Promise<number> {
  const config = await loadConfig(options.config);
  const names =
    name === undefined ? config.nodes.map(({ nodeId }) => nodeId) : [nodeNamed(config, name).nodeId];
  await using controller = await controllerOf(config);
  const asked = await Promise.allSettled(
    names.map(async (nodeId) =>
      (await controller.why(nodeId, options.limit, call)).map((decision) => ({ nodeId, ...decision })),
    ),
  );
  for (const [index, answer] of asked.entries()) {
    if (answer.status === 'rejected') terminal.note(`${names[index] ?? ''}: ${messageOf(answer.reason)}`);
  }
  const decisions = asked
    .flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    .sort((left, right) => left.wallTime - right.wallTime);
  if (options.json) terminal.out(JSON.stringify(decisions, undefined, 2));
  else {
    for (const { nodeId, wallTime, mode, epoch, sentence } of decisions) {
      terminal.out(
        `${new Date(wallTime).toISOString().slice(0, 23).replace('T', ' ')}  ${nodeId.padEnd(9)} ${mode} epoch ${epoch}: ${sentence}`,
      );
    }
  }
  return asked.some((answer) => answer.status === 'fulfilled') ? exitCodes.ok : exitCodes.unreachable;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
