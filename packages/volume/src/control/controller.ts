import {
  type Address,
  type CallOptions,
  type Clock,
  type FencingEvidence,
  HoldfastError,
  type OperatorCommand,
  type Timer,
  type Transport,
} from '@holdfast/core';
import type { Decision, NodeStatus } from '../api.js';
import { ControlConnection, type ConnectionOptions } from './connection.js';
import { type ControlEvent, type ControlQuestion, isDecisions, isStatus, maxDecisions } from './messages.js';

export interface ControllerOptions {
  readonly clusterId: string;
  /** Control socket of each node. */
  readonly addresses: Readonly<Record<string, Address>>;
  readonly transport: Transport;
  readonly clock: Clock;
  /** For calls without a deadline of their own, in milliseconds. Default 5 000. */
  readonly defaultDeadlineMs?: number;
  /** Pause between two attempts of `watch` to reach a node again, in milliseconds. Default 200. */
  readonly redialIntervalMs?: number;
}

/** What `watch` tells. */
export type ControllerEvent =
  | { readonly kind: 'node-reachable'; readonly nodeId: string }
  | { readonly kind: 'node-unreachable'; readonly nodeId: string; readonly cause: string }
  | { readonly kind: 'node-event'; readonly nodeId: string; readonly event: ControlEvent };

export type StatusAnswer =
  | { readonly nodeId: string; readonly reachable: true; readonly status: NodeStatus }
  | { readonly nodeId: string; readonly reachable: false; readonly error: HoldfastError };

/**
 * Asks nodes and tells them what an operator wants. Decides nothing: it holds no state but open connections.
 * Every call fails with NOT_FOUND (no address for that node), UNREACHABLE, DEADLINE_EXCEEDED, ABORTED, NOT_AUTHORIZED (the node
 * is of another cluster) or CLOSED. An abort or a deadline ends the waiting, not what the node already does.
 */
export interface Controller {
  readonly nodeIds: readonly string[];
  status(nodeId: string, options?: CallOptions): Promise<NodeStatus>;
  /** Never fails for a node that cannot be reached: that is an answer too. */
  statusAll(options?: CallOptions): Promise<readonly StatusAnswer[]>;
  /** The last `limit` decisions of a node (1 to 1000). */
  why(nodeId: string, limit: number, options?: CallOptions): Promise<readonly Decision[]>;
  /** What the node says to it. Fails with REFUSED and the reason when the policy does not follow. */
  command(nodeId: string, command: OperatorCommand, options?: CallOptions): Promise<string>;
  /** Hands a node the proof that a life of its peer has ended. */
  giveEvidence(nodeId: string, evidence: FencingEvidence, options?: CallOptions): Promise<void>;
  /** Every event of every node, and when a node comes and goes; reaches for lost nodes until the returned function is called. */
  watch(listener: (event: ControllerEvent) => void): () => void;
  [Symbol.asyncDispose](): Promise<void>;
}

export function createController(options: ControllerOptions): Controller {
  return new NodeController(options);
}

class NodeController implements Controller {
  readonly nodeIds: readonly string[];
  private readonly open = new Map<string, Promise<ControlConnection>>();
  private readonly watches = new Set<NodeWatch>();
  private readonly deadlineMs: number;
  private disposed = false;

  constructor(private readonly options: ControllerOptions) {
    this.nodeIds = Object.keys(options.addresses);
    this.deadlineMs = options.defaultDeadlineMs ?? 5_000;
  }

  async status(nodeId: string, options: CallOptions = {}): Promise<NodeStatus> {
    const value = await this.ask(nodeId, { verb: 'status' }, options);
    if (!isStatus(value)) throw strange(nodeId, 'status');
    return value;
  }

  statusAll(options: CallOptions = {}): Promise<readonly StatusAnswer[]> {
    return Promise.all(
      this.nodeIds.map(async (nodeId): Promise<StatusAnswer> => {
        try {
          return { nodeId, reachable: true, status: await this.status(nodeId, options) };
        } catch (error) {
          if (!HoldfastError.is(error) || error.code === 'ABORTED' || error.code === 'CLOSED') throw error;
          return { nodeId, reachable: false, error };
        }
      }),
    );
  }

  async why(nodeId: string, limit: number, options: CallOptions = {}): Promise<readonly Decision[]> {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > maxDecisions) {
      throw new TypeError(`limit must be a whole number from 1 to ${maxDecisions}, not ${limit}`);
    }
    const value = await this.ask(nodeId, { verb: 'why', limit }, options);
    if (!isDecisions(value)) throw strange(nodeId, 'why');
    return value;
  }

  async command(nodeId: string, command: OperatorCommand, options: CallOptions = {}): Promise<string> {
    const value = await this.ask(nodeId, { verb: 'command', command }, options);
    if (typeof value !== 'string') throw strange(nodeId, 'command');
    return value;
  }

  async giveEvidence(nodeId: string, evidence: FencingEvidence, options: CallOptions = {}): Promise<void> {
    await this.ask(nodeId, { verb: 'evidence', evidence }, options);
  }

  watch(listener: (event: ControllerEvent) => void): () => void {
    this.checkOpen();
    const started = this.nodeIds.map(
      (nodeId) =>
        new NodeWatch(
          this.connectionTo(nodeId),
          this.deadlineMs,
          this.options.redialIntervalMs ?? 200,
          listener,
        ),
    );
    for (const watch of started) this.watches.add(watch);
    return () => {
      for (const watch of started) {
        watch.stop();
        this.watches.delete(watch);
      }
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    for (const watch of this.watches) watch.stop();
    const opened = await Promise.allSettled(this.open.values());
    for (const entry of opened)
      if (entry.status === 'fulfilled') entry.value.close('the controller was closed');
  }

  private async ask(nodeId: string, question: ControlQuestion, options: CallOptions): Promise<unknown> {
    this.checkOpen();
    const deadlineMs = options.deadlineMs ?? this.deadlineMs;
    const startedAt = this.options.clock.now();
    const connection = await this.connect(nodeId, deadlineMs);
    const leftMs = Math.max(0, deadlineMs - (this.options.clock.now() - startedAt));
    return connection.ask(question, { ...options, deadlineMs: leftMs });
  }

  /** The open connection, or a new one. Callers that come while it opens share it, with the deadline of the first. */
  private connect(nodeId: string, deadlineMs: number): Promise<ControlConnection> {
    const known = this.open.get(nodeId);
    if (known !== undefined) return known;
    const opening = ControlConnection.open(
      this.connectionTo(nodeId),
      // Without the signal of the first caller: its abort must not take the connection from the others.
      { deadlineMs },
      () => undefined,
      () => this.forget(nodeId, opening),
    );
    this.open.set(nodeId, opening);
    opening.then(
      (connection) => {
        if (this.disposed) connection.close('the controller was closed');
      },
      () => this.forget(nodeId, opening),
    );
    return opening;
  }

  private forget(nodeId: string, connection: Promise<ControlConnection>): void {
    if (this.open.get(nodeId) === connection) this.open.delete(nodeId);
  }

  private connectionTo(nodeId: string): ConnectionOptions {
    const { addresses, clusterId, transport, clock } = this.options;
    const address = addresses[nodeId];
    if (address === undefined || !Object.hasOwn(addresses, nodeId)) {
      throw new HoldfastError(
        'NOT_FOUND',
        `No control address is known for node '${nodeId}'; known are: ${this.nodeIds.join(', ')}.`,
      );
    }
    return { nodeId, address, clusterId, transport, clock };
  }

  private checkOpen(): void {
    if (this.disposed) throw new HoldfastError('CLOSED', 'This controller was closed.');
  }
}

/** Keeps one subscription to one node alive. */
class NodeWatch {
  private connection: ControlConnection | undefined;
  private redial: Timer | undefined;
  private stopped = false;
  /** Undefined until the first answer, so that a node that is down from the start is said once. */
  private reachable: boolean | undefined;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly deadlineMs: number,
    private readonly redialIntervalMs: number,
    private readonly listener: (event: ControllerEvent) => void,
  ) {
    void this.dial();
  }

  stop(): void {
    this.stopped = true;
    this.redial?.cancel();
    this.connection?.close('the watch was stopped');
  }

  private async dial(): Promise<void> {
    const { nodeId } = this.options;
    try {
      const connection = await ControlConnection.open(
        this.options,
        { deadlineMs: this.deadlineMs },
        (event) => {
          if (!this.stopped) this.listener({ kind: 'node-event', nodeId, event });
        },
        (cause) => this.lost(cause),
      );
      this.connection = connection;
      if (this.stopped) {
        connection.close('the watch was stopped');
        return;
      }
      await connection.ask({ verb: 'subscribe' }, { deadlineMs: this.deadlineMs });
      this.say(true, '');
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      if (this.connection?.isOpen === true) this.connection.close(cause);
      else this.lost(cause);
    }
  }

  private lost(cause: string): void {
    if (this.stopped) return;
    this.say(false, cause);
    this.redial?.cancel();
    this.redial = this.options.clock.setTimer(this.redialIntervalMs, () => void this.dial());
  }

  private say(reachable: boolean, cause: string): void {
    if (this.stopped || this.reachable === reachable) return;
    this.reachable = reachable;
    const { nodeId } = this.options;
    this.listener(
      reachable ? { kind: 'node-reachable', nodeId } : { kind: 'node-unreachable', nodeId, cause },
    );
  }
}

function strange(nodeId: string, verb: string): HoldfastError {
  return new HoldfastError(
    'PROTOCOL',
    `Node '${nodeId}' answered '${verb}' with something else: is it of the same release?`,
  );
}
