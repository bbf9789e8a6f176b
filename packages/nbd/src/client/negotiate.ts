import {
  ALLOCATION_CONTEXT,
  HandshakeFlag,
  InfoType,
  isErrorReply,
  OptionCode,
  OptionReplyCode,
  TransmissionFlag,
} from '../codec/constants.js';
import { decodeText, encodeText, readU16, readU32, readU64 } from '../codec/integers.js';
import {
  encodeClientFlags,
  encodeGoRequest,
  encodeMetaContextRequest,
  encodeOption,
} from '../codec/option.js';
import { type NbdOptionReply, OptionReplyDecoder } from '../codec/option-reply.js';
import { NbdError, type NbdErrorCode } from '../errors.js';
import type { ByteStream } from '../stream.js';
import { NegotiationChannel } from './negotiation-channel.js';
import type { NbdClientOptions } from './options.js';
import { resolveClientLimits } from './options.js';
import type { NbdExportInfo, NbdListedExport } from './types.js';

/** What a successful negotiation hands over. */
export interface NegotiatedConnection {
  readonly stream: ByteStream;
  readonly info: NbdExportInfo;
  /** The id the server gave `base:allocation`. */
  readonly allocationContextId: number | undefined;
}

const MAX_REPLIES_PER_OPTION = 4096;

/**
 * Chooses an export on the stream. Destroys the stream when that fails. `make` is called in the very turn in which the
 * negotiation ends, so that it can take the stream over before anything else happens on it.
 */
export function negotiate<T>(
  stream: ByteStream,
  options: NbdClientOptions,
  make: (connection: NegotiatedConnection) => T,
): Promise<T> {
  return guarded(stream, options, async (negotiation) => make(await negotiation.chooseExport(options)));
}

/** Asks for the list of exports and ends the connection. */
export function listExports(
  stream: ByteStream,
  options: NbdClientOptions,
): Promise<readonly NbdListedExport[]> {
  return guarded(stream, options, async (negotiation, channel) => {
    const exports = await negotiation.list(resolveClientLimits(options.limits).maxListedExports);
    channel.send(encodeOption(OptionCode.abort));
    channel.stream.end();
    return exports;
  });
}

async function guarded<T>(
  stream: ByteStream,
  options: NbdClientOptions,
  run: (negotiation: Negotiation, channel: NegotiationChannel) => Promise<T>,
): Promise<T> {
  const limits = resolveClientLimits(options.limits);
  const channel = new NegotiationChannel(stream);
  const timer = options.clock.setTimer(limits.handshakeDeadlineMs, () => {
    channel.fail(new NbdError('DEADLINE', `the handshake took more than ${limits.handshakeDeadlineMs} ms`));
  });
  const onAbort = (): void => {
    channel.fail(new NbdError('ABORTED', 'the negotiation was aborted', { cause: options.signal?.reason }));
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted === true) onAbort();
  try {
    const negotiation = new Negotiation(channel);
    await negotiation.greet();
    if (options.tls !== undefined) await negotiation.startTls(options.tls);
    return await run(negotiation, channel);
  } catch (error) {
    channel.stream.destroy();
    throw error;
  } finally {
    timer.cancel();
    options.signal?.removeEventListener('abort', onAbort);
  }
}

interface ExportWords {
  sizeBytes: number | undefined;
  transmissionFlags: number;
  description: string | undefined;
  minimumBlockBytes: number;
  preferredBlockBytes: number;
  maximumRequestBytes: number;
}

class Negotiation {
  readonly #channel: NegotiationChannel;
  readonly #decoder = new OptionReplyDecoder();
  #fixed = false;
  #noZeroes = false;
  #tls = false;

  constructor(channel: NegotiationChannel) {
    this.#channel = channel;
  }

  async greet(): Promise<void> {
    const flags = await this.#channel.receive((queue) => this.#decoder.greeting(queue));
    this.#fixed = (flags & HandshakeFlag.fixedNewstyle) !== 0;
    this.#noZeroes = (flags & HandshakeFlag.noZeroes) !== 0;
    this.#channel.send(encodeClientFlags(flags & (HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes)));
  }

  async startTls(tls: NonNullable<NbdClientOptions['tls']>): Promise<void> {
    const reply = await this.#ask(OptionCode.startTls);
    if (reply.code !== OptionReplyCode.ack)
      throw new NbdError('TLS_FAILED', `the server refuses TLS${textOf(reply)}`);
    await this.#channel.replace((stream) => tls.upgrade(stream));
    this.#tls = true;
  }

  async list(most: number): Promise<readonly NbdListedExport[]> {
    const found: NbdListedExport[] = [];
    this.#channel.send(encodeOption(OptionCode.list));
    for (;;) {
      const reply = await this.#reply(OptionCode.list);
      if (reply.code === OptionReplyCode.ack) return found;
      if (reply.code !== OptionReplyCode.server) throw refusal(reply, 'the list of exports');
      if (found.length >= most) throw new NbdError('LIMIT', `the server lists more than ${most} exports`);
      found.push(decodeListEntry(reply.data));
    }
  }

  async chooseExport(options: NbdClientOptions): Promise<NegotiatedConnection> {
    const name = options.exportName ?? '';
    let structured = false;
    let allocationContextId: number | undefined;
    if (this.#fixed && options.structuredReplies !== false) {
      structured = (await this.#ask(OptionCode.structuredReply)).code === OptionReplyCode.ack;
      if (structured) allocationContextId = await this.#allocationContext(name);
    }
    const words = (this.#fixed ? await this.#go(name) : undefined) ?? (await this.#exportName(name));
    if (this.#channel.queue.length > 0)
      throw new NbdError('PROTOCOL', 'the server sent replies before any request');
    return {
      stream: this.#channel.stream,
      info: describe(name, words, structured, allocationContextId !== undefined, this.#tls),
      allocationContextId,
    };
  }

  async #go(name: string): Promise<ExportWords | undefined> {
    const infoTypes = [InfoType.description, InfoType.blockSize];
    this.#channel.send(encodeOption(OptionCode.go, encodeGoRequest({ name, infoTypes })));
    const words = emptyWords();
    for (let count = 0; count < MAX_REPLIES_PER_OPTION; count += 1) {
      const reply = await this.#reply(OptionCode.go);
      if (reply.code === OptionReplyCode.ack) {
        if (words.sizeBytes === undefined)
          throw new NbdError('PROTOCOL', 'the server opened an export without saying its size');
        return words;
      }
      if (reply.code === OptionReplyCode.unsupported) return undefined;
      if (reply.code !== OptionReplyCode.info) throw refusal(reply, `export ${JSON.stringify(name)}`);
      takeInfo(words, reply.data);
    }
    throw new NbdError('PROTOCOL', 'the server never finishes answering');
  }

  async #exportName(name: string): Promise<ExportWords> {
    this.#channel.send(encodeOption(OptionCode.exportName, encodeText(name)));
    const reply = await this.#channel.receive((queue) => this.#decoder.exportName(queue, !this.#noZeroes));
    return { ...emptyWords(), ...reply };
  }

  async #allocationContext(name: string): Promise<number | undefined> {
    const request = encodeMetaContextRequest({ name, queries: [ALLOCATION_CONTEXT] });
    this.#channel.send(encodeOption(OptionCode.setMetaContext, request));
    let id: number | undefined;
    for (let count = 0; count < MAX_REPLIES_PER_OPTION; count += 1) {
      const reply = await this.#reply(OptionCode.setMetaContext);
      // A refusal here only means that there is no block status; whether the export exists, GO will tell.
      if (reply.code === OptionReplyCode.ack || isErrorReply(reply.code)) return id;
      if (reply.code !== OptionReplyCode.metaContext || reply.data.byteLength < 4) {
        throw new NbdError('PROTOCOL', `unexpected reply ${reply.code} to SET_META_CONTEXT`);
      }
      if (decodeText(reply.data.subarray(4)) === ALLOCATION_CONTEXT) id = readU32(reply.data, 0);
    }
    throw new NbdError('PROTOCOL', 'the server never finishes answering');
  }

  #ask(option: number): Promise<NbdOptionReply> {
    this.#channel.send(encodeOption(option));
    return this.#reply(option);
  }

  async #reply(option: number): Promise<NbdOptionReply> {
    const reply = await this.#channel.receive((queue) => this.#decoder.next(queue));
    if (reply.option !== option) {
      throw new NbdError('PROTOCOL', `the server answers option ${reply.option}, ${option} was asked`);
    }
    return reply;
  }
}

function emptyWords(): ExportWords {
  return {
    sizeBytes: undefined,
    transmissionFlags: 0,
    description: undefined,
    minimumBlockBytes: 1,
    preferredBlockBytes: 4096,
    maximumRequestBytes: 32 * 1024 * 1024,
  };
}

function takeInfo(words: ExportWords, data: Uint8Array): void {
  const type = data.byteLength < 2 ? -1 : readU16(data, 0);
  if (type === InfoType.export && data.byteLength === 12) {
    words.sizeBytes = readU64(data, 2);
    words.transmissionFlags = readU16(data, 10);
  } else if (type === InfoType.description) {
    words.description = decodeText(data.subarray(2));
  } else if (type === InfoType.blockSize && data.byteLength === 14) {
    takeBlockSizes(words, readU32(data, 2), readU32(data, 6), readU32(data, 10));
  } else if (type === InfoType.export || type === InfoType.blockSize || type === -1) {
    throw new NbdError('PROTOCOL', `an information reply of ${data.byteLength} bytes makes no sense`);
  }
}

function takeBlockSizes(words: ExportWords, minimum: number, preferred: number, maximum: number): void {
  if (minimum < 1 || minimum > 65536 || (minimum & (minimum - 1)) !== 0 || maximum < minimum) {
    throw new NbdError('PROTOCOL', `block sizes ${minimum}, ${preferred}, ${maximum} make no sense`);
  }
  words.minimumBlockBytes = minimum;
  words.preferredBlockBytes = preferred;
  words.maximumRequestBytes = maximum;
}

function describe(
  name: string,
  words: ExportWords,
  structuredReplies: boolean,
  canBlockStatus: boolean,
  tls: boolean,
): NbdExportInfo {
  const sizeBytes = words.sizeBytes ?? 0;
  if (!Number.isSafeInteger(sizeBytes))
    throw new NbdError('PROTOCOL', 'the server claims an export of more than 2^53 bytes');
  const given = (words.transmissionFlags & TransmissionFlag.hasFlags) === 0 ? 0 : words.transmissionFlags;
  const has = (flag: number): boolean => (given & flag) !== 0;
  return {
    name,
    sizeBytes,
    description: words.description,
    readOnly: has(TransmissionFlag.readOnly),
    canFlush: has(TransmissionFlag.sendFlush),
    canFua: has(TransmissionFlag.sendFua),
    canTrim: has(TransmissionFlag.sendTrim),
    canWriteZeroes: has(TransmissionFlag.sendWriteZeroes),
    canFastZero: has(TransmissionFlag.sendFastZero),
    canCache: has(TransmissionFlag.sendCache),
    canMultiConn: has(TransmissionFlag.canMultiConn),
    rotational: has(TransmissionFlag.rotational),
    canBlockStatus,
    structuredReplies,
    tls,
    minimumBlockBytes: words.minimumBlockBytes,
    preferredBlockBytes: words.preferredBlockBytes,
    maximumRequestBytes: words.maximumRequestBytes,
  };
}

function decodeListEntry(data: Uint8Array): NbdListedExport {
  const nameBytes = data.byteLength < 4 ? Infinity : readU32(data, 0);
  const name = nameBytes > data.byteLength - 4 ? undefined : decodeText(data.subarray(4, 4 + nameBytes));
  if (name === undefined) throw new NbdError('PROTOCOL', 'an entry of the list of exports makes no sense');
  return { name, description: decodeText(data.subarray(4 + nameBytes)) ?? '' };
}

const REFUSALS: Readonly<Record<number, NbdErrorCode>> = {
  [OptionReplyCode.unknown]: 'UNKNOWN_EXPORT',
  [OptionReplyCode.tlsRequired]: 'TLS_REQUIRED',
  [OptionReplyCode.shutdown]: 'ESHUTDOWN',
  [OptionReplyCode.unsupported]: 'UNSUPPORTED',
};

function refusal(reply: NbdOptionReply, what: string): NbdError {
  if (!isErrorReply(reply.code))
    return new NbdError('PROTOCOL', `unexpected reply ${reply.code} while asking for ${what}`);
  return new NbdError(REFUSALS[reply.code] ?? 'REFUSED', `the server refuses ${what}${textOf(reply)}`);
}

/** The server's own words, for people; cut, and without control characters. */
function textOf(reply: NbdOptionReply): string {
  const text = decodeText(reply.data.subarray(0, 256))?.replaceAll(/\p{Cc}/gu, ' ') ?? '';
  return text === '' ? '' : `: ${text}`;
}
