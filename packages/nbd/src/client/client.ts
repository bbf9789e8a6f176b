import { CommandFlag, Command } from '../codec/constants.js';
import { NbdError } from '../errors.js';
import type { NbdExtent } from '../server/types.js';
import type { ByteStream } from '../stream.js';
import type { CallResult } from './call.js';
import { ClientConnection } from './connection.js';
import { negotiate } from './negotiate.js';
import type { NbdClientOptions } from './options.js';
import { resolveClientLimits } from './options.js';
import type {
  NbdCallOptions,
  NbdClientBlockStatusOptions,
  NbdClientWriteOptions,
  NbdClientZeroOptions,
  NbdExportInfo,
} from './types.js';

/** TRIM, WRITE_ZEROES and CACHE carry no payload; a longer range is sent as several requests of this length. */
const MAX_RANGE_BYTES = 1024 * 1024 * 1024;

/**
 * One connection to one export. Calls may be made without waiting for each other: they are pipelined up to
 * `maxRequestsInFlight`, and those of one turn leave as one write. All offsets and lengths are safe integers.
 *
 * Every call rejects with an `NbdError`: the server's error as its wire code, `DISCONNECTED` when the connection was
 * lost (whether the server did the work is then unknown), `ABORTED` or `DEADLINE` by the caller's wish, `PROTOCOL`
 * when the server broke the protocol.
 */
export class NbdClient implements AsyncDisposable {
  readonly info: NbdExportInfo;
  readonly #connection: ClientConnection;
  readonly #maxRequestBytes: number;

  private constructor(connection: ClientConnection, info: NbdExportInfo, maxRequestBytes: number) {
    this.#connection = connection;
    this.info = info;
    this.#maxRequestBytes = maxRequestBytes;
  }

  /** Negotiates on a stream that has just been connected, and owns it from now on. */
  static connect(stream: ByteStream, options: NbdClientOptions): Promise<NbdClient> {
    const limits = resolveClientLimits(options.limits);
    return negotiate(stream, options, (negotiated) => {
      const connection = new ClientConnection(negotiated, options, limits);
      const most = Math.min(limits.maxRequestBytes, negotiated.info.maximumRequestBytes);
      const { minimumBlockBytes } = negotiated.info;
      return new NbdClient(connection, negotiated.info, most - (most % minimumBlockBytes));
    });
  }

  /** Requests sent and not yet answered. */
  get requestsInFlight(): number {
    return this.#connection.requestsInFlight;
  }

  /** False once the connection is over, by whose wish ever. */
  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** The bytes are the caller's alone. Small reads may share their memory's buffer with others: mind `byteOffset`. */
  async read(offsetBytes: number, lengthBytes: number, options?: NbdCallOptions): Promise<Uint8Array> {
    this.#check(offsetBytes, lengthBytes);
    if (lengthBytes === 0) return new Uint8Array(0);
    if (lengthBytes > this.#maxRequestBytes) {
      const whole = this.#connection.allocate(lengthBytes);
      await this.#readPieces(offsetBytes, whole, options);
      return whole;
    }
    const bytes = await this.#connection.submit(
      { command: Command.read, flags: 0, offsetBytes, lengthBytes },
      options,
    );
    return bytes as Uint8Array;
  }

  /** Reads into the caller's memory, which is not touched any more once the promise has settled. */
  async readInto(offsetBytes: number, target: Uint8Array, options?: NbdCallOptions): Promise<void> {
    this.#check(offsetBytes, target.byteLength);
    await this.#readPieces(offsetBytes, target, options);
  }

  /** `data` must stay unchanged until the promise settles, and after an abort until the connection is closed. */
  async write(offsetBytes: number, data: Uint8Array, options?: NbdClientWriteOptions): Promise<void> {
    this.#checkWritable();
    this.#check(offsetBytes, data.byteLength);
    const flags = this.#fua(options);
    await this.#pieces(data.byteLength, this.#maxRequestBytes, (at, lengthBytes) =>
      this.#connection.submit(
        {
          command: Command.write,
          flags,
          offsetBytes: offsetBytes + at,
          lengthBytes,
          data: lengthBytes === data.byteLength ? data : data.subarray(at, at + lengthBytes),
        },
        options,
      ),
    );
  }

  /** Every write answered before this call is on stable storage when it resolves. */
  async flush(options?: NbdCallOptions): Promise<void> {
    this.#need(this.info.canFlush, 'flush');
    await this.#connection.submit(
      { command: Command.flush, flags: 0, offsetBytes: 0, lengthBytes: 0 },
      options,
    );
  }

  /** The range's contents are undefined afterwards. */
  async trim(offsetBytes: number, lengthBytes: number, options?: NbdClientWriteOptions): Promise<void> {
    this.#need(this.info.canTrim, 'trim');
    await this.#range(Command.trim, this.#fua(options), offsetBytes, lengthBytes, options);
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options?: NbdClientZeroOptions): Promise<void> {
    this.#checkWritable();
    this.#need(this.info.canWriteZeroes, 'write zeroes');
    if (options?.fastOnly === true) this.#need(this.info.canFastZero, 'fast zero');
    const flags =
      this.#fua(options) |
      (options?.mayPunchHole === false ? CommandFlag.noHole : 0) |
      (options?.fastOnly === true ? CommandFlag.fastZero : 0);
    await this.#range(Command.writeZeroes, flags, offsetBytes, lengthBytes, options);
  }

  /** Asks the server to have the range at hand. */
  async cache(offsetBytes: number, lengthBytes: number, options?: NbdCallOptions): Promise<void> {
    this.#need(this.info.canCache, 'cache');
    await this.#range(Command.cache, 0, offsetBytes, lengthBytes, options);
  }

  /** Allocation from `offsetBytes` on: at least one extent, possibly less than was asked for and never more. */
  async blockStatus(
    offsetBytes: number,
    lengthBytes: number,
    options?: NbdClientBlockStatusOptions,
  ): Promise<readonly NbdExtent[]> {
    this.#need(this.info.canBlockStatus, 'block status');
    this.#check(offsetBytes, lengthBytes);
    if (lengthBytes === 0) return [];
    const flags = options?.onlyFirst === true ? CommandFlag.requestOne : 0;
    const request = {
      command: Command.blockStatus,
      flags,
      offsetBytes,
      lengthBytes: Math.min(lengthBytes, MAX_RANGE_BYTES),
    };
    return (await this.#connection.submit(request, options)) as readonly NbdExtent[];
  }

  /** Waits for the calls in progress, says goodbye and closes. New calls are refused from now on. */
  close(): Promise<void> {
    return this.#connection.shutdown();
  }

  /** Drops the connection now; calls in progress reject with `DISCONNECTED`. */
  destroy(): void {
    this.#connection.destroy(new NbdError('DISCONNECTED', 'the connection was dropped by its owner'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #readPieces(
    offsetBytes: number,
    target: Uint8Array,
    options: NbdCallOptions | undefined,
  ): Promise<void> {
    await this.#pieces(target.byteLength, this.#maxRequestBytes, (at, lengthBytes) =>
      this.#connection.submit(
        {
          command: Command.read,
          flags: 0,
          offsetBytes: offsetBytes + at,
          lengthBytes,
          target: target.subarray(at, at + lengthBytes),
        },
        options,
      ),
    );
  }

  async #range(
    command: number,
    flags: number,
    offsetBytes: number,
    lengthBytes: number,
    options: NbdCallOptions | undefined,
  ): Promise<void> {
    this.#check(offsetBytes, lengthBytes);
    await this.#pieces(lengthBytes, MAX_RANGE_BYTES, (at, length) =>
      this.#connection.submit(
        { command, flags, offsetBytes: offsetBytes + at, lengthBytes: length },
        options,
      ),
    );
  }

  /** Most calls are one piece, and take the short way. */
  #pieces(
    totalBytes: number,
    mostBytes: number,
    send: (at: number, lengthBytes: number) => Promise<CallResult>,
  ): Promise<unknown> {
    if (totalBytes === 0) return Promise.resolve();
    if (totalBytes <= mostBytes) return send(0, totalBytes);
    const sent: Promise<CallResult>[] = [];
    for (let at = 0; at < totalBytes; at += mostBytes)
      sent.push(send(at, Math.min(mostBytes, totalBytes - at)));
    return Promise.all(sent);
  }

  #check(offsetBytes: number, lengthBytes: number): void {
    const { sizeBytes, minimumBlockBytes } = this.info;
    if (
      !Number.isSafeInteger(offsetBytes) ||
      !Number.isSafeInteger(lengthBytes) ||
      offsetBytes < 0 ||
      lengthBytes < 0
    ) {
      throw new NbdError('EINVAL', `offset ${offsetBytes} and length ${lengthBytes} must be safe integers`);
    }
    if (lengthBytes > sizeBytes - offsetBytes) {
      throw new NbdError(
        'EINVAL',
        `${lengthBytes} bytes at ${offsetBytes} do not fit into an export of ${sizeBytes} bytes`,
      );
    }
    if (offsetBytes % minimumBlockBytes !== 0 || lengthBytes % minimumBlockBytes !== 0) {
      throw new NbdError(
        'EINVAL',
        `${lengthBytes} bytes at ${offsetBytes}: the server serves multiples of ${minimumBlockBytes} only`,
      );
    }
  }

  #checkWritable(): void {
    if (this.info.readOnly) throw new NbdError('EPERM', 'the export is read-only');
  }

  #need(offered: boolean, what: string): void {
    if (!offered) throw new NbdError('UNSUPPORTED', `the server does not offer ${what} for this export`);
  }

  #fua(options: NbdClientWriteOptions | undefined): number {
    if (options?.fua !== true) return 0;
    this.#need(this.info.canFua, 'FUA');
    return CommandFlag.fua;
  }
}
