import {
  type ByteStream,
  type ByteStreamHandler,
  type Clock,
  HoldfastError,
  type OperatorCommand,
  type Transport,
} from '@holdfast/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { Decision, NodeEvent, NodeStatus, VolumeNode } from '../api.js';
import { encodeJson, frame, frameTypes, FrameStream } from '../wire/index.js';
import { type Controller, type ControllerEvent, createController, serveControl } from './index.js';

const clusterId = 'harbour';

/** One end of a pair of streams in memory; bytes arrive in a later turn, as from a socket. */
class MemoryStream implements ByteStream {
  readonly remote = 'memory';
  other: MemoryStream | undefined;
  full = false;
  private handler: ByteStreamHandler | undefined;
  private readonly early: Uint8Array[] = [];
  private isOpen = true;

  attach(handler: ByteStreamHandler): void {
    this.handler = handler;
    for (const chunk of this.early.splice(0)) handler.data(chunk);
  }

  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean {
    const copies = chunks.map((chunk) => chunk.slice());
    queueMicrotask(() => {
      for (const chunk of copies) this.other?.receive(chunk);
      flushed?.();
    });
    return !this.full;
  }

  drain(): void {
    this.full = false;
    this.handler?.drain();
  }

  pause(): void {
    return;
  }

  resume(): void {
    return;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    queueMicrotask(() => {
      this.handler?.close(undefined);
      this.other?.destroy();
    });
  }

  private receive(chunk: Uint8Array): void {
    if (!this.isOpen) return;
    if (this.handler === undefined) this.early.push(chunk);
    else this.handler.data(chunk);
  }
}

/** Timers that fire when the test says so. */
class ManualClock implements Clock {
  private at = 0;
  private timers: { readonly dueAt: number; readonly callback: () => void }[] = [];

  now(): number {
    return this.at;
  }

  bootTime(): number {
    return this.at;
  }

  wallTime(): number {
    return this.at;
  }

  setTimer(afterMs: number, callback: () => void): { cancel(): void } {
    const timer = { dueAt: this.at + afterMs, callback };
    this.timers.push(timer);
    return { cancel: () => void (this.timers = this.timers.filter((entry) => entry !== timer)) };
  }

  advance(byMs: number): void {
    this.at += byMs;
    const due = this.timers.filter(({ dueAt }) => dueAt <= this.at);
    this.timers = this.timers.filter(({ dueAt }) => dueAt > this.at);
    for (const { callback } of due) callback();
  }
}

class FakeNode {
  readonly commands: OperatorCommand[] = [];
  readonly evidence: unknown[] = [];
  readonly listeners = new Set<(event: NodeEvent) => void>();
  silent = false;
  cluster = clusterId;

  asNode(): VolumeNode {
    const node: Partial<VolumeNode> = {
      status: () =>
        ({
          clusterId: this.cluster,
          nodeId: 'north',
          mode: 'mirrored',
          volumes: [],
        }) as unknown as NodeStatus,
      recentDecisions: (limit) =>
        Array.from({ length: limit }, (_, index) => ({ sentence: `number ${index}` }) as unknown as Decision),
      command: (command) => {
        this.commands.push(command);
        if (this.silent) return new Promise(() => undefined);
        if (command.kind === 'handover')
          return Promise.reject(new HoldfastError('REFUSED', 'The peer is not up to date.'));
        return Promise.resolve(`${command.kind} done`);
      },
      giveEvidence: (evidence) => void this.evidence.push(evidence),
      subscribe: (listener) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
    };
    return node as VolumeNode;
  }
}

/** A node behind `unix:north`; nobody at any other address. */
class Harbour implements Transport {
  readonly node = new FakeNode();
  readonly clock = new ManualClock();
  readonly refusals: string[] = [];
  readonly nodeEnds: MemoryStream[] = [];
  down = false;

  async connect(address: string): Promise<ByteStream> {
    if (this.down || address !== 'unix:north')
      throw new HoldfastError('UNREACHABLE', `Nobody listens at ${address}.`);
    const near = new MemoryStream();
    const far = new MemoryStream();
    near.other = far;
    far.other = near;
    this.nodeEnds.push(far);
    serveControl({
      node: this.node.asNode(),
      stream: far,
      refused: ({ reason }) => this.refusals.push(reason),
    });
    return near;
  }

  listen(): Promise<never> {
    return Promise.reject(new HoldfastError('NOT_SUPPORTED', 'Nobody listens here.'));
  }

  controller(cluster = clusterId): Controller {
    return createController({
      clusterId: cluster,
      addresses: { north: 'unix:north', south: 'unix:south' },
      transport: this,
      clock: this.clock,
    });
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

describe('control of nodes', () => {
  const opened: Controller[] = [];
  const control = (harbour: Harbour, cluster?: string): Controller => {
    const controller = harbour.controller(cluster);
    opened.push(controller);
    return controller;
  };
  afterEach(async () => {
    for (const controller of opened.splice(0)) await controller[Symbol.asyncDispose]();
  });

  it('asks for status and decisions over one connection', async () => {
    const harbour = new Harbour();
    const controller = control(harbour);
    const [status, decisions] = await Promise.all([controller.status('north'), controller.why('north', 3)]);
    expect(status.mode).toBe('mirrored');
    expect(decisions.map(({ sentence }) => sentence)).toEqual(['number 0', 'number 1', 'number 2']);
    expect(harbour.nodeEnds).toHaveLength(1);
  });

  it('hands on every command of an operator as it was given', async () => {
    const harbour = new Harbour();
    const controller = control(harbour);
    const commands: OperatorCommand[] = [
      { kind: 'pause' },
      { kind: 'resume' },
      { kind: 'shut-down' },
      { kind: 'resolve-split-brain', victim: 'south' },
      { kind: 'force-survivor', expectedEpoch: 7, acknowledgeDataLoss: true },
      { kind: 'reattach', expectedEpoch: 7, acknowledgeUnflushedLoss: true },
    ];
    for (const command of commands)
      expect(await controller.command('north', command)).toBe(`${command.kind} done`);
    expect(harbour.node.commands).toEqual(commands);
  });

  it('throws what the node threw, with its code', async () => {
    const controller = control(new Harbour());
    await expect(controller.command('north', { kind: 'handover' })).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'The peer is not up to date.',
    });
  });

  it('hands on fencing evidence', async () => {
    const harbour = new Harbour();
    const proof = { nodeId: 'south', bootId: 'b1', strength: 'io', how: 'process 7 exited' } as const;
    await control(harbour).giveEvidence('north', proof);
    expect(harbour.node.evidence).toEqual([proof]);
  });

  it('answers status for all, also for those that cannot be reached', async () => {
    const answers = await control(new Harbour()).statusAll();
    expect(answers.map(({ nodeId, reachable }) => [nodeId, reachable])).toEqual([
      ['north', true],
      ['south', false],
    ]);
  });

  it('refuses a controller of another cluster, does nothing, and reports it', async () => {
    const harbour = new Harbour();
    const controller = control(harbour, 'elsewhere');
    const attempt = controller.command('north', { kind: 'pause' });
    await expect(attempt).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
    expect(harbour.node.commands).toEqual([]);
    expect(harbour.refusals).toHaveLength(1);
    expect(harbour.refusals[0]).toContain("'elsewhere'");
  });

  it('refuses a command that it does not know, and a dangerous one without the acknowledgement', async () => {
    const harbour = new Harbour();
    const stream = await harbour.connect('unix:north');
    const replies: number[] = [];
    const frames = new FrameStream(stream, {
      frame: (next) => replies.push(next.status),
      closed: () => undefined,
    });
    for (const command of [
      { kind: 'reboot' },
      { kind: 'force-survivor', expectedEpoch: 1 },
      { kind: 'reattach', expectedEpoch: 1 },
    ]) {
      const payload = encodeJson({ version: 1, clusterId, verb: 'command', command });
      frames.send(frame(frameTypes.controlRequest, { id: 1, payload }));
    }
    await settle();
    expect(replies).toEqual([1, 1, 1]);
    expect(harbour.node.commands).toEqual([]);
    expect(harbour.refusals).toHaveLength(3);
  });

  it('ends the waiting at the deadline', async () => {
    const harbour = new Harbour();
    harbour.node.silent = true;
    const attempt = control(harbour).command('north', { kind: 'pause' }, { deadlineMs: 100 });
    const outcome = expect(attempt).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await settle();
    harbour.clock.advance(100);
    await outcome;
  });

  it('ends the waiting when the caller gives up', async () => {
    const harbour = new Harbour();
    harbour.node.silent = true;
    const abort = new AbortController();
    const attempt = control(harbour).command('north', { kind: 'pause' }, { signal: abort.signal });
    const outcome = expect(attempt).rejects.toMatchObject({ code: 'ABORTED' });
    await settle();
    abort.abort();
    await outcome;
  });

  it('says that the outcome is unknown when the connection ends, and connects anew for the next question', async () => {
    const harbour = new Harbour();
    harbour.node.silent = true;
    const controller = control(harbour);
    const attempt = controller.command('north', { kind: 'pause' });
    const outcome = expect(attempt).rejects.toMatchObject({ code: 'UNREACHABLE', retryable: true });
    await settle();
    harbour.nodeEnds[0]!.destroy();
    await outcome;
    expect((await controller.status('north')).nodeId).toBe('north');
    expect(harbour.nodeEnds).toHaveLength(2);
  });

  it('watches: every event, the loss of a node, and its return', async () => {
    const harbour = new Harbour();
    const heard: ControllerEvent[] = [];
    const stop = control(harbour).watch((event) => {
      if (event.nodeId === 'north') heard.push(event);
    });
    await settle();
    for (const listener of harbour.node.listeners) listener({ kind: 'stalled', at: 1, stalledMs: 2 });
    await settle();
    harbour.down = true;
    harbour.nodeEnds[0]!.destroy();
    await settle();
    harbour.clock.advance(200);
    await settle();
    harbour.down = false;
    harbour.clock.advance(200);
    await settle();
    expect(heard.map(({ kind }) => kind)).toEqual([
      'node-reachable',
      'node-event',
      'node-unreachable',
      'node-reachable',
    ]);
    stop();
    await settle();
    expect(harbour.node.listeners.size).toBe(0);
  });

  it('counts events for a reader that takes nothing, instead of keeping them', async () => {
    const harbour = new Harbour();
    const heard: ControllerEvent[] = [];
    control(harbour).watch((event) => void heard.push(event));
    await settle();
    const end = harbour.nodeEnds[0]!;
    const say = async (stalledMs: number): Promise<void> => {
      for (const listener of harbour.node.listeners) listener({ kind: 'stalled', at: 0, stalledMs });
      await settle();
    };
    end.full = true;
    await say(1);
    await say(2);
    await say(3);
    end.drain();
    await say(4);
    const events = heard.flatMap((event) => (event.kind === 'node-event' ? [event.event] : []));
    expect(events).toEqual([
      { kind: 'stalled', at: 0, stalledMs: 1 },
      { kind: 'events-missed', count: 2 },
      { kind: 'stalled', at: 0, stalledMs: 4 },
    ]);
  });
});
