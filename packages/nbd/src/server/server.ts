import { NbdError } from '../errors.js';
import type { ByteStream } from '../stream.js';
import { BudgetAccount, NbdByteBudget } from './budget.js';
import { Connection } from './connection.js';
import { exportDirectory } from './exports.js';
import { type NbdServerLimits, resolveServerLimits } from './limits.js';
import { DEFAULT_BUDGET_BYTES, type NbdServerNotice, type NbdServerOptions } from './options.js';
import type { ServerCore } from './server-core.js';
import { BufferPool, SlabPool } from '../output/slabs.js';
import type { TransmissionTools } from './transmission-ports.js';
import type { NbdCloseReason, NbdExportDirectory } from './types.js';

/**
 * The protocol side of an NBD server: give it streams, it serves exports. It opens no socket and reads no clock of
 * its own; `createNbdServer` adds both for Node.js.
 */
export class NbdServer implements AsyncDisposable {
  readonly budget: NbdByteBudget;
  readonly limits: NbdServerLimits;
  readonly #core: ServerCore;
  readonly #connections = new Set<Connection>();
  #nextId = 1;
  #reservedBytes = 0;
  #heldOpens = 0;
  #closed = false;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: NbdServerOptions) {
    this.limits = resolveServerLimits(options.limits);
    this.budget = options.budget ?? new NbdByteBudget(DEFAULT_BUDGET_BYTES);
    this.#reserve();
    const allocate = options.allocate ?? ((lengthBytes: number) => new Uint8Array(lengthBytes));
    const tools: TransmissionTools = {
      limits: this.limits,
      slabs: new SlabPool(this.budget, allocate),
      buffers: new BufferPool(allocate),
      defer: options.defer ?? queueMicrotask,
    };
    this.#core = this.#makeCore(options, exportDirectory(options.exports), tools);
  }

  /** Connections that are open, or whose last requests have not settled yet. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Connections whose `open` has not resolved. */
  get heldOpens(): number {
    return this.#heldOpens;
  }

  /** Serves the stream. False when it was refused (and destroyed), because of a limit or because the server is closed. */
  accept(stream: ByteStream): boolean {
    const because = this.#refusal();
    if (because !== undefined) {
      this.#core.notice({ kind: 'connection-refused', remote: stream.remote, because });
      stream.destroy();
      return false;
    }
    const account = new BudgetAccount(this.budget, this.limits.connectionAllowanceBytes);
    const connection = new Connection(this.#core, this.#nextId, stream, account);
    this.#nextId += 1;
    this.#connections.add(connection);
    this.#core.notice({ kind: 'connection-accepted', connection: connection.id, remote: stream.remote });
    connection.start();
    return true;
  }

  /** Takes no more requests, lets those in progress finish (`drainDeadlineMs` at most), closes every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections) connection.finish();
    await this.#empty();
    this.budget.give(this.#reservedBytes);
    this.#reservedBytes = 0;
  }

  /** Resets every connection now and leaves their requests unanswered. The server goes on accepting. */
  resetConnections(because: string): void {
    for (const connection of this.#connections) connection.destroy('aborted', because);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What connections may always use is set aside now: later it could be in the hands of others. */
  #reserve(): void {
    const { maxConnections, connectionAllowanceBytes } = this.limits;
    const wanted = maxConnections * connectionAllowanceBytes;
    if (!this.budget.tryTake(wanted)) {
      const free = this.budget.totalBytes - this.budget.usedBytes;
      throw new NbdError(
        'CONFIG',
        `${maxConnections} connections (maxConnections) of ${connectionAllowanceBytes} bytes (connectionAllowanceBytes) ` +
          `need ${wanted} bytes of the budget, which has ${free} of ${this.budget.totalBytes} left`,
      );
    }
    this.#reservedBytes = wanted;
  }

  #refusal(): string | undefined {
    if (this.#closed) return 'the server is closed';
    if (this.#connections.size >= this.limits.maxConnections) {
      return `there are ${this.limits.maxConnections} connections already`;
    }
    return undefined;
  }

  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }

  #settled(connection: Connection, reason: NbdCloseReason, because: string | undefined): void {
    this.#connections.delete(connection);
    this.#core.notice({
      kind: 'connection-closed',
      connection: connection.id,
      remote: connection.remote,
      reason,
      because,
    });
    if (this.#connections.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #makeCore(options: NbdServerOptions, directory: NbdExportDirectory, tools: TransmissionTools): ServerCore {
    return {
      options,
      limits: this.limits,
      budget: this.budget,
      directory,
      tools,
      notice: (notice: NbdServerNotice) => options.observe?.(notice),
      holdOpen: () => {
        if (this.#heldOpens >= this.limits.maxHeldOpens) return false;
        this.#heldOpens += 1;
        return true;
      },
      releaseOpen: () => {
        this.#heldOpens -= 1;
      },
      connectionSettled: (connection, reason, because) => {
        this.#settled(connection, reason, because);
      },
    };
  }
}
