import { type LocalProcess, openProcessHost, type ProcessHost } from '@holdfast/adapter-loopback';
import type { FencingEvidence, Mode, PolarizationTiming, Transport } from '@holdfast/core';
import { connectNbd, type NbdClient } from '@holdfast/nbd';
import { systemClock } from '@holdfast/runtime';
import { type Controller, createController, type NodeStatus } from '@holdfast/volume';
import { createWriteStream, type WriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  clusterId,
  type ClusterOptions,
  Layout,
  nbdUri,
  nodeIds,
  type NodeName,
  type ProcessName,
  timingForThisMachine,
  volumeId,
} from './layout.js';
import { sha256OfFile } from './files.js';
import { type SaidLine, readLine } from './said.js';

export * from './layout.js';

const builtProgram = fileURLToPath(new URL('../../../packages/cli/dist/holdfast.js', import.meta.url));
const startPatienceMs = 60_000;
/** Everything that is waited for comes within this, on a busy machine too. */
const patienceMs = 60_000;

/** A change of mode that a node told, with the time at which it was heard. */
export interface ModeChange {
  readonly nodeId: string;
  readonly from: Mode;
  readonly to: Mode;
  readonly atMs: number;
}

/** A witness, two nodes and an initiator: the built program, in processes of its own, in a folder of its own. */
export class Cluster {
  readonly controller: Controller;
  /** Everything the processes said, in the order in which it was heard. */
  readonly said: SaidLine[] = [];
  readonly modeChanges: ModeChange[] = [];
  private readonly living = new Map<string, LocalProcess>();
  private readonly logs = new Map<string, WriteStream>();
  private readonly evidence = new Map<string, FencingEvidence>();
  private readonly clients: NbdClient[] = [];

  private constructor(
    readonly layout: Layout,
    readonly timing: PolarizationTiming,
    private readonly host: ProcessHost,
    private readonly controlTransport: Transport,
  ) {
    this.controller = this.controllerFor(clusterId);
    host.fencer.watch((evidence) => void this.evidence.set(evidence.bootId, evidence));
  }

  /** Starts everything and waits until both nodes mirror and the initiator is ready. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    return Cluster.startIn(new Layout(await mkdtemp(join(tmpdir(), 'hf-')), options));
  }

  /** The same where things lie in another way. The folder of the layout belongs to the cluster, and goes with it. */
  static async startIn(layout: Layout): Promise<Cluster> {
    const timing = timingForThisMachine();
    await layout.prepare(timing);
    const transport = await layout.controlTransport();
    const cluster = new Cluster(layout, timing, openProcessHost({ graceMs: 5_000 }), transport);
    try {
      await cluster.run('witness');
      await Promise.all(nodeIds.map((node) => cluster.run(node)));
      await cluster.mirrored();
      await cluster.run('initiator');
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get hostUri(): string {
    return nbdUri(this.layout.hostSocket);
  }

  /** The node that orders the writes; the initiator sends its requests there, as long as it serves. */
  async sequencer(): Promise<NodeName> {
    return (await this.status('north')).sequencer === 'north' ? 'north' : 'south';
  }

  /** The paths that the initiator has lost, by node. */
  get pathsLost(): readonly string[] {
    return this.said.flatMap(({ source, kind, event }) =>
      source === 'initiator' && kind === 'path-lost' && event !== undefined && 'nodeId' in event
        ? [String(event.nodeId)]
        : [],
    );
  }

  /** Starts one program and waits for its word that it is ready. */
  async run(name: ProcessName): Promise<void> {
    const isNode = nodeIds.some((node) => node === name);
    await this.runAs(name, isNode ? ['node', name] : [name], this.layout.configFileOf(name));
  }

  /** Starts the program with arguments and a configuration of one's own, under a name that is used in this test only. */
  async runAs(name: string, args: readonly string[], configFile: string): Promise<void> {
    const log = this.logs.get(name) ?? createWriteStream(this.layout.logFile(name), { flags: 'a' });
    this.logs.set(name, log);
    const life = await this.host.start({
      nodeId: name,
      command: process.execPath,
      args: [builtProgram, ...args, '--config', configFile, '--json'],
      output: (text, source) => {
        log.write(`${text}\n`);
        this.heard(name, text, source);
      },
    });
    this.living.set(name, life);
    void life.exited.then(() => {
      if (this.living.get(name) === life) this.living.delete(name);
    });
    await life.waitForLine((line) => line.includes('"kind":"ready"'), { deadlineMs: startPatienceMs });
  }

  isAlive(name: string): boolean {
    return this.living.has(name);
  }

  processId(name: ProcessName): number {
    return this.life(name).processId;
  }

  /** Settles when the process has ended, by whose wish ever. */
  exitOf(name: ProcessName): LocalProcess['exited'] {
    return this.life(name).exited;
  }

  /** Ends a process as a crash would. @returns the proof of it. */
  async kill(name: string): Promise<FencingEvidence> {
    const life = this.life(name);
    life.signal('SIGKILL');
    await life.exited;
    const evidence = this.evidence.get(life.bootId);
    if (evidence === undefined) throw new Error(`there is no evidence of the end of ${name}`);
    return evidence;
  }

  /** Freezes a process where it stands, or lets it go on. */
  signal(name: ProcessName, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.life(name).signal(signal);
  }

  /** Ends a process in order. @throws Error when it did not end with exit code 0. */
  async stop(name: ProcessName): Promise<void> {
    const life = this.life(name);
    life.signal('SIGTERM');
    const { code, how } = await life.exited;
    if (code !== 0) throw new Error(`${name} did not stop in order: ${how}`);
  }

  /** Stops everything in order and compares the bytes of the two legs. @returns their digests, by node. */
  async stopAndDigest(): Promise<Readonly<Record<NodeName, string>>> {
    await Promise.all(this.clients.splice(0).map((client) => client.close().catch(() => undefined)));
    if (this.isAlive('initiator')) await this.stop('initiator');
    await Promise.all(nodeIds.map((node) => this.stop(node)));
    const [north, south] = await Promise.all(nodeIds.map((node) => sha256OfFile(this.layout.dataFile(node))));
    return { north: north ?? '', south: south ?? '' };
  }

  status(node: NodeName): Promise<NodeStatus> {
    return this.controller.status(node, { deadlineMs: 2_000 });
  }

  async servesAlone(node: NodeName): Promise<void> {
    await this.until(`${node} serves alone`, async () => {
      const { mode, host } = await this.status(node);
      return (mode === 'standalone' || mode === 'syncSource') && host === 'open';
    });
  }

  async mirrored(): Promise<void> {
    await this.until('both nodes mirror', async () => {
      const answers = await this.controller.statusAll({ deadlineMs: 2_000 });
      return answers.every(
        (answer) => answer.reachable && answer.status.mode === 'mirrored' && answer.status.host === 'open',
      );
    });
  }

  /** Looks every 25 ms. @throws Error saying what was waited for and how things stood. */
  async until(what: string, holds: () => boolean | Promise<boolean>, waitMs = patienceMs): Promise<void> {
    const giveUpAt = performance.now() + waitMs;
    for (;;) {
      // A node that cannot be reached just now is no reason to give up.
      if (await Promise.resolve(holds()).catch(() => false)) return;
      if (performance.now() > giveUpAt)
        throw new Error(`waited ${waitMs} ms for this: ${what}. ${await this.standing()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** An NBD client of our own; it is closed with the cluster. */
  async client(socketPath: string): Promise<NbdClient> {
    const client = await connectNbd({ socketPath }, { exportName: volumeId });
    this.clients.push(client);
    return client;
  }

  /** A controller that says it belongs to this cluster, or to another one. */
  controllerFor(name: string, transport = this.controlTransport): Controller {
    return createController({
      clusterId: name,
      addresses: Object.fromEntries(nodeIds.map((node) => [node, this.layout.controlAddress(node)])),
      transport,
      clock: systemClock(),
    });
  }

  /** How things stand, in one sentence. */
  async standing(): Promise<string> {
    const answers = await this.controller.statusAll({ deadlineMs: 1_000 }).catch(() => []);
    return answers
      .map((answer) =>
        answer.reachable
          ? `${answer.nodeId} is ${answer.status.mode} (hosts ${answer.status.host}, epoch ${answer.status.record.epoch})`
          : `${answer.nodeId} cannot be reached`,
      )
      .join(', ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients.splice(0)) client.destroy();
    await this.host[Symbol.asyncDispose]();
    await this.controller[Symbol.asyncDispose]();
    await Promise.all([...this.logs.values()].map((log) => new Promise((ended) => log.end(ended))));
    await this.keepLogs();
    await rm(this.layout.folder, { recursive: true, force: true });
  }

  /** For who looks for the reason of a failure: HOLDFAST_KEEP_LOGS names a folder, and what was said stays there. */
  private async keepLogs(): Promise<void> {
    const kept = process.env['HOLDFAST_KEEP_LOGS'];
    if (kept === undefined) return;
    const into = join(kept, this.layout.folder.split('/').at(-1) ?? '');
    await mkdir(into, { recursive: true });
    for (const name of this.logs.keys()) await copyFile(this.layout.logFile(name), join(into, `${name}.log`));
  }

  private life(name: string): LocalProcess {
    const life = this.living.get(name);
    if (life === undefined) throw new Error(`${name} does not run`);
    return life;
  }

  private heard(name: string, text: string, source: 'stdout' | 'stderr'): void {
    const line = readLine(name, text, source);
    this.said.push(line);
    const { event } = line;
    if (event === undefined) return;
    if (line.kind === 'mode-changed' && 'from' in event && 'to' in event) {
      this.modeChanges.push({
        nodeId: name,
        from: event.from as Mode,
        to: event.to as Mode,
        atMs: line.atMs,
      });
    }
  }
}
