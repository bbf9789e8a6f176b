import { ByteQueue } from '../codec/byte-queue.js';
import {
  ALLOCATION_CONTEXT,
  HandshakeFlag,
  InfoType,
  OptionCode,
  OptionReplyCode,
} from '../codec/constants.js';
import { decodeText, encodeText } from '../codec/integers.js';
import {
  decodeGoRequest,
  decodeMetaContextRequest,
  encodeGreeting,
  type NbdGoRequest,
  type NbdOption,
  OptionDecoder,
} from '../codec/option.js';
import {
  encodeExportNameReply,
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeInfoText,
  encodeListEntry,
  encodeMetaContext,
  encodeOptionReply,
} from '../codec/option-reply.js';
import { NbdError } from '../errors.js';
import { transmissionFlags } from './exports.js';
import type { NbdServerLimits } from './limits.js';
import { ALLOCATION_CONTEXT_ID } from './replies.js';
import type { NbdExport } from './types.js';

/** What was agreed when the handshake ends. */
export interface Agreement {
  readonly structured: boolean;
  readonly allocationContext: boolean;
}

/** How an attempt to open ended: `dropped` means that the connection is no more. */
export type OpenOutcome = 'opened' | 'dropped' | { readonly refusal: number; readonly message: string };

/** What the handshake asks of its connection. */
export interface HandshakeHost {
  readonly limits: NbdServerLimits;
  readonly offersStructured: boolean;
  readonly tls: 'none' | 'offered' | 'required';
  send(bytes: Uint8Array): void;
  /** The export, when it exists and this client may use it. */
  find(name: string): Promise<NbdExport | undefined>;
  list(): Promise<readonly NbdExport[]>;
  /** Replaces the stream by an encrypted one. False: the connection is no more. */
  startTls(): Promise<boolean>;
  open(served: NbdExport, agreement: Agreement): Promise<OpenOutcome>;
  /** The reply to GO or EXPORT_NAME was sent: requests follow. */
  opened(rest: ByteQueue): void;
  goodbye(): void;
  fail(because: string): void;
  /** The client has not proved who it is, and was told so. */
  unproven(because: string): void;
}

/** The option phase of one connection: one option at a time, whatever the client sends ahead waits. */
export class Handshake {
  readonly #host: HandshakeHost;
  readonly #decoder: OptionDecoder;
  readonly #queue = new ByteQueue();
  #clientFlags: number | undefined;
  #options = 0;
  #busy = false;
  #over = false;
  #secure = false;
  #structured = false;
  /** The export for which `base:allocation` was chosen. */
  #contextFor: string | undefined;

  constructor(host: HandshakeHost) {
    this.#host = host;
    this.#decoder = new OptionDecoder(host.limits.maxOptionBytes);
  }

  start(): void {
    this.#host.send(encodeGreeting(HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes));
  }

  data(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#queue.push(chunk);
    if (!this.#busy) {
      void this.#run();
      return;
    }
    // An honest client waits for the answer. The socket is not paused, so that one that leaves is noticed.
    if (this.#queue.length > this.#host.limits.maxOptionBytes)
      this.#fail('sent too much while an option was being answered');
  }

  /** The connection is gone. */
  stop(): void {
    this.#over = true;
    this.#queue.clear();
  }

  #fail(because: string): void {
    if (this.#over) return;
    this.stop();
    this.#host.fail(because);
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      while (!this.#over) {
        if (this.#clientFlags === undefined) {
          if (!this.#takeFlags()) break;
          continue;
        }
        const option = this.#decoder.next(this.#queue);
        if (option === undefined) break;
        this.#options += 1;
        if (this.#options > this.#host.limits.maxOptions) {
          throw new NbdError('LIMIT', `more than ${this.#host.limits.maxOptions} options`);
        }
        await this.#answer(option);
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    } finally {
      this.#busy = false;
    }
  }

  #takeFlags(): boolean {
    const flags = this.#decoder.flags(this.#queue);
    if (flags === undefined) return false;
    if ((flags & ~(HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes)) !== 0) {
      throw new NbdError('PROTOCOL', `unknown client flags 0x${flags.toString(16)}`);
    }
    this.#clientFlags = flags;
    return true;
  }

  async #answer(option: NbdOption): Promise<void> {
    const { code } = option;
    if (
      this.#host.tls === 'required' &&
      !this.#secure &&
      code !== OptionCode.startTls &&
      code !== OptionCode.abort
    ) {
      this.#host.unproven('asked in plain text, and TLS is required');
      if (code === OptionCode.exportName) throw new NbdError('TLS_REQUIRED', 'EXPORT_NAME before TLS');
      this.#reply(option, OptionReplyCode.tlsRequired, 'this server requires TLS');
      return;
    }
    switch (code) {
      case OptionCode.exportName:
        await this.#exportName(option);
        return;
      case OptionCode.abort:
        this.#reply(option, OptionReplyCode.ack);
        this.stop();
        this.#host.goodbye();
        return;
      case OptionCode.list:
        await this.#list(option);
        return;
      case OptionCode.startTls:
        await this.#startTls(option);
        return;
      case OptionCode.info:
      case OptionCode.go:
        await this.#go(option);
        return;
      case OptionCode.structuredReply:
        this.#structuredReply(option);
        return;
      case OptionCode.listMetaContext:
      case OptionCode.setMetaContext:
        await this.#metaContext(option);
        return;
      default:
        this.#reply(option, OptionReplyCode.unsupported);
    }
  }

  #reply(option: NbdOption, code: number, message?: string | Uint8Array): void {
    const data = typeof message === 'string' ? encodeText(message) : message;
    this.#host.send(encodeOptionReply(option.code, code, data));
  }

  async #exportName(option: NbdOption): Promise<void> {
    // This option has no error reply: whatever is wrong ends the connection.
    const name = option.data.byteLength <= 4096 ? decodeText(option.data) : undefined;
    const served = name === undefined ? undefined : await this.#host.find(name);
    if (served === undefined)
      throw new NbdError('UNKNOWN_EXPORT', 'EXPORT_NAME for an export that is not served');
    const agreement = this.#agreement(served);
    const outcome = await this.#host.open(served, agreement);
    if (outcome === 'dropped' || this.#over) return;
    if (outcome !== 'opened') throw new NbdError('REFUSED', outcome.message);
    const flags = transmissionFlags(served, this.#structured);
    const noZeroes = ((this.#clientFlags ?? 0) & HandshakeFlag.noZeroes) !== 0;
    this.#host.send(encodeExportNameReply(served.sizeBytes, flags, !noZeroes));
    this.#finish();
  }

  async #go(option: NbdOption): Promise<void> {
    const request = decodeGoRequest(option.data);
    if (request === undefined) {
      this.#reply(option, OptionReplyCode.invalid, 'malformed option');
      return;
    }
    const served = await this.#host.find(request.name);
    if (served === undefined) {
      this.#reply(option, OptionReplyCode.unknown, 'no such export');
      return;
    }
    if (option.code === OptionCode.go) {
      const outcome = await this.#host.open(served, this.#agreement(served));
      if (outcome === 'dropped' || this.#over) return;
      if (outcome !== 'opened') {
        this.#reply(option, outcome.refusal, outcome.message);
        return;
      }
    }
    this.#infos(option, request, served);
    this.#reply(option, OptionReplyCode.ack);
    if (option.code === OptionCode.go) this.#finish();
  }

  #infos(option: NbdOption, request: NbdGoRequest, served: NbdExport): void {
    const minimum = served.minimumBlockBytes ?? 1;
    const preferred = served.preferredBlockBytes ?? Math.max(4096, minimum);
    const info = (data: Uint8Array): void => {
      this.#reply(option, OptionReplyCode.info, data);
    };
    info(encodeInfoExport(served.sizeBytes, transmissionFlags(served, this.#structured)));
    if (request.infoTypes.includes(InfoType.name)) info(encodeInfoText(InfoType.name, served.name));
    if (request.infoTypes.includes(InfoType.description) && served.description !== undefined) {
      info(encodeInfoText(InfoType.description, served.description));
    }
    if (request.infoTypes.includes(InfoType.blockSize) || minimum > 1) {
      info(encodeInfoBlockSize(minimum, preferred, this.#host.limits.advertisedMaximumBytes));
    }
  }

  #finish(): void {
    this.#over = true;
    this.#host.opened(this.#queue);
  }

  #agreement(served: NbdExport): Agreement {
    return { structured: this.#structured, allocationContext: this.#contextFor === served.name };
  }

  async #list(option: NbdOption): Promise<void> {
    if (option.data.byteLength > 0) {
      this.#reply(option, OptionReplyCode.invalid, 'LIST takes no data');
      return;
    }
    for (const served of await this.#host.list()) {
      this.#reply(option, OptionReplyCode.server, encodeListEntry(served.name, served.description ?? ''));
    }
    this.#reply(option, OptionReplyCode.ack);
  }

  async #startTls(option: NbdOption): Promise<void> {
    if (this.#host.tls === 'none') {
      this.#reply(option, OptionReplyCode.unsupported);
      return;
    }
    if (this.#secure || option.data.byteLength > 0) {
      this.#reply(
        option,
        OptionReplyCode.invalid,
        this.#secure ? 'TLS is on already' : 'STARTTLS takes no data',
      );
      return;
    }
    this.#reply(option, OptionReplyCode.ack);
    // Whatever came in plain text, or was agreed in it, may come from someone in between: none of it counts.
    this.#queue.clear();
    this.#structured = false;
    this.#contextFor = undefined;
    const secured = await this.#host.startTls();
    if (secured) this.#secure = true;
    else this.stop();
  }

  #structuredReply(option: NbdOption): void {
    if (option.data.byteLength > 0) {
      this.#reply(option, OptionReplyCode.invalid, 'STRUCTURED_REPLY takes no data');
    } else if (!this.#host.offersStructured) {
      this.#reply(option, OptionReplyCode.unsupported);
    } else {
      this.#structured = true;
      this.#reply(option, OptionReplyCode.ack);
    }
  }

  async #metaContext(option: NbdOption): Promise<void> {
    const setting = option.code === OptionCode.setMetaContext;
    const request = decodeMetaContextRequest(option.data);
    if (setting) this.#contextFor = undefined;
    if (request === undefined || !this.#structured) {
      this.#reply(
        option,
        OptionReplyCode.invalid,
        request === undefined ? 'malformed option' : 'needs structured replies',
      );
      return;
    }
    const served = await this.#host.find(request.name);
    if (served === undefined) {
      this.#reply(option, OptionReplyCode.unknown, 'no such export');
      return;
    }
    const wanted = setting
      ? request.queries.includes(ALLOCATION_CONTEXT)
      : request.queries.length === 0 ||
        request.queries.some((query) => query === 'base:' || query === ALLOCATION_CONTEXT);
    if (wanted && served.features.blockStatus) {
      if (setting) this.#contextFor = served.name;
      this.#reply(
        option,
        OptionReplyCode.metaContext,
        encodeMetaContext(setting ? ALLOCATION_CONTEXT_ID : 0, ALLOCATION_CONTEXT),
      );
    }
    this.#reply(option, OptionReplyCode.ack);
  }
}
