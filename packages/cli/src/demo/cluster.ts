import { type LocalProcess, openProcessHost, type ProcessHost } from '@holdfast/adapter-loopback';
import type { FencingEvidence, PolarizationTiming } from '@holdfast/core';
import { systemClock } from '@holdfast/runtime';
import { type Controller, createController } from '@holdfast/volume';
import { createWriteStream, type WriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parseConfig } from '../config/index.js';
import { transportFor } from '../run/transports.js';
import { clusterId, configText, type DemoLayout, nodeIds, type NodeName, preferred } from './layout.js';
import { type Observer } from './observer.js';
import type { DemoOptions } from './options.js';
import type { Direction, Passage } from './relay/relay.js';
import { commandRelay } from './relay/remote.js';

export type ProcessName = NodeName | 'witness' | 'initiator' | 'relay';

/** How often the nodes are asked, beside what they tell by themselves. */
const askEveryMs = 250;

/** The processes of the demonstration, and what is known of them. */
export class Cluster {
  readonly controller: Controller;
  private readonly living = new Map<ProcessName, LocalProcess>();
  private readonly logs = new Map<ProcessName, WriteStream>();
  private readonly evidence = new Map<string, FencingEvidence>();
  private readonly stopWatching: () => void;
  private asking = true;
  private readonly asked: Promise<void>;

  private constructor(
    private readonly options: DemoOptions,
    readonly layout: DemoLayout,
    readonly observer: Observer,
    private readonly host: ProcessHost,
    controller: Controller,
    /** Aborts when the run is to end early. */
    private readonly signal: AbortSignal,
  ) {
    this.controller = controller;
    host.fencer.watch((evidence) => void this.evidence.set(evidence.bootId, evidence));
    this.stopWatching = controller.watch((event) => observer.heard(event));
    this.asked = this.keepAsking();
  }

  static async prepare(
    options: DemoOptions,
    timing: PolarizationTiming,
    layout: DemoLayout,
    observer: Observer,
    signal: AbortSignal,
  ): Promise<Cluster> {
    const text = configText(layout, options.legBytes, timing);
    await writeFile(layout.configFile, text);
    const config = parseConfig(text, layout.configFile);
    const controller = createController({
      clusterId,
      addresses: Object.fromEntries(config.nodes.map(({ nodeId, control }) => [nodeId, control.address])),
      transport: await transportFor([]),
      clock: systemClock(),
      redialIntervalMs: 50,
    });
    return new Cluster(options, layout, observer, openProcessHost({ graceMs: 3_000 }), controller, signal);
  }

  /** Starts a program and waits for its word that it is ready. */
  async start(name: ProcessName): Promise<void> {
    const { layout, options } = this;
    const { holdfast, relay } = options.programs;
    const config = ['--config', layout.configFile, '--json'];
    const isNode = nodeIds.some((nodeId) => nodeId === name);
    const args =
      name === 'relay'
        ? [relay, layout.relaySocket, layout.linkSocket, layout.relayCommands]
        : isNode
          ? [holdfast, 'node', name, ...config]
          : [holdfast, name, ...config];
    const log = this.logs.get(name) ?? createWriteStream(layout.logFile(name), { flags: 'a' });
    this.logs.set(name, log);
    const life = await this.host.start({
      nodeId: name,
      command: process.execPath,
      args,
      output: (line, source) => {
        log.write(`${line}\n`);
        if (source === 'stdout') this.lineFrom(name, line);
      },
    });
    this.living.set(name, life);
    void life.exited.then(() => {
      if (this.living.get(name) === life) this.living.delete(name);
      if (isNode) this.observer.died(name, Date.now());
    });
    const ready = (line: string): boolean => line === 'relaying' || line.includes('"kind":"ready"');
    await life.waitForLine(ready, { deadlineMs: 60_000, signal: this.signal });
  }

  /** Ends a process at once, as a crash would, and gives back the proof of it. */
  async kill(name: ProcessName): Promise<FencingEvidence | undefined> {
    const life = this.living.get(name);
    if (life === undefined) throw new Error(`${name} does not run`);
    life.signal('SIGKILL');
    await life.exited;
    return this.evidence.get(life.bootId);
  }

  isAlive(name: ProcessName): boolean {
    return this.living.has(name);
  }

  /** Stops a process in order. @returns how it ended. */
  async stop(name: ProcessName): Promise<{ readonly inOrder: boolean; readonly how: string }> {
    const life = this.living.get(name);
    if (life === undefined) return { inOrder: false, how: `${name} did not run` };
    life.signal('SIGTERM');
    const exit = await life.exited;
    return { inOrder: exit.code === 0, how: exit.how };
  }

  /** From the preferred node's listener outwards: `forward` carries what the other node says. */
  async cut(direction: Direction, passage: Passage): Promise<void> {
    await commandRelay(this.layout.relayCommands, { direction, passage });
  }

  /** Waits until `holds`, looking every 10 ms. @throws Error saying what was waited for, and how things stood. */
  async until(what: string, patienceMs: number, holds: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + patienceMs;
    while (!holds()) {
      this.signal.throwIfAborted();
      if (performance.now() > giveUpAt)
        throw new Error(`waited ${patienceMs} ms for this: ${what}. ${this.standing()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** The same for something that has begun. What it waits for goes on behind a failure. */
  async within<Value>(what: string, patienceMs: number, begun: Promise<Value>): Promise<Value> {
    let over = false;
    begun.then(
      () => (over = true),
      () => (over = true),
    );
    await this.until(what, patienceMs, () => over);
    return begun;
  }

  async rest(forMs: number): Promise<void> {
    const until = performance.now() + forMs;
    while (performance.now() < until) {
      this.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, Math.min(50, until - performance.now())));
    }
  }

  /** How things stand, in one sentence. */
  standing(): string {
    return nodeIds
      .map((nodeId) => {
        const { mode, host, epoch } = this.observer.view(nodeId);
        return `${nodeId} is ${mode} (hosts ${host}, epoch ${epoch})`;
      })
      .join(', ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.asking = false;
    this.stopWatching();
    await this.host[Symbol.asyncDispose]();
    await this.controller[Symbol.asyncDispose]();
    await this.asked;
    for (const log of this.logs.values()) log.end();
  }

  private lineFrom(name: ProcessName, line: string): void {
    if (!line.startsWith('{')) return;
    const said: unknown = JSON.parse(line);
    if (typeof said !== 'object' || said === null || !('kind' in said)) return;
    if (said.kind === 'standstill' && 'untilMs' in said && 'lengthMs' in said) {
      this.observer.stoodStill(name, { untilMs: Number(said.untilMs), lengthMs: Number(said.lengthMs) });
    }
    const tellsOfPath = said.kind === 'failover' || said.kind === 'path-lost' || said.kind === 'no-survivor';
    if (name === 'initiator' && tellsOfPath && 'text' in said) this.observer.initiatorSaid(String(said.text));
  }

  private async keepAsking(): Promise<void> {
    while (this.asking) {
      for (const answer of await this.controller.statusAll({ deadlineMs: 1_000 }).catch(() => [])) {
        if (answer.reachable && this.living.has(answer.nodeId === preferred ? preferred : 'south'))
          this.observer.asked(answer.status, Date.now());
      }
      await new Promise((resolve) => setTimeout(resolve, askEveryMs));
    }
  }
}
