import { ByteQueue } from '../../src/codec/byte-queue.js';
import { Command, OptionCode, OptionReplyCode } from '../../src/codec/constants.js';
import { readU32, readU64 } from '../../src/codec/integers.js';
import {
  encodeClientFlags,
  encodeGoRequest,
  encodeMetaContextRequest,
  encodeOption,
} from '../../src/codec/option.js';
import { type NbdOptionReply, OptionReplyDecoder } from '../../src/codec/option-reply.js';
import { ReplyDecoder } from '../../src/codec/reply.js';
import { encodeRequest } from '../../src/codec/request.js';
import type { ByteStream, ByteStreamHandler } from '../../src/stream.js';
import { settle } from './clock.js';

/** A reply as it came. */
export interface RawReply {
  readonly structured: boolean;
  readonly cookie: number;
  readonly error: number;
  readonly type: number;
  readonly done: boolean;
  readonly body: Uint8Array;
}

/** Speaks the protocol by hand, so that tests can say what an honest client never would. */
export class RawClient implements ByteStreamHandler {
  readonly queue = new ByteQueue();
  stream: ByteStream;
  ended = false;
  closed = false;
  #nextCookie = 1;
  readonly #options = new OptionReplyDecoder();
  readonly #replies = new ReplyDecoder();

  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.attach(this);
  }

  data(chunk: Uint8Array): void {
    this.queue.push(chunk);
  }
  drain(): void {
    return;
  }
  end(): void {
    this.ended = true;
  }
  close(): void {
    this.closed = true;
  }

  send(...pieces: Uint8Array[]): void {
    this.stream.write(pieces);
  }

  async until<T>(take: () => T | undefined): Promise<T> {
    for (let turn = 0; turn < 3000; turn += 1) {
      const taken = take();
      if (taken !== undefined) return taken;
      if (this.closed && turn > 20) throw new Error('the server closed the connection');
      await patience(turn);
    }
    throw new Error('the server did not answer');
  }

  /** Greeting and client flags. */
  async greet(flags = 3): Promise<number> {
    const serverFlags = await this.until(() => this.#options.greeting(this.queue));
    this.send(encodeClientFlags(flags));
    return serverFlags;
  }

  /** Sends an option; all replies up to ACK or an error. */
  async option(code: number, data?: Uint8Array): Promise<NbdOptionReply[]> {
    this.send(encodeOption(code, data));
    return this.optionReplies();
  }

  async optionReplies(): Promise<NbdOptionReply[]> {
    const replies: NbdOptionReply[] = [];
    for (;;) {
      const reply = await this.until(() => this.#options.next(this.queue));
      replies.push(reply);
      if (reply.code === OptionReplyCode.ack || reply.code >= 0x8000_0000) return replies;
    }
  }

  async lastCode(code: number, data?: Uint8Array): Promise<number> {
    return (await this.option(code, data)).at(-1)?.code ?? 0;
  }

  /** All the way to the request phase. */
  async open(name = 'disk', options: { structured?: boolean; allocation?: boolean } = {}): Promise<void> {
    await this.greet();
    if (options.structured === true || options.allocation === true)
      await this.option(OptionCode.structuredReply);
    if (options.allocation === true) {
      await this.option(
        OptionCode.setMetaContext,
        encodeMetaContextRequest({ name, queries: ['base:allocation'] }),
      );
    }
    const code = await this.lastCode(OptionCode.go, encodeGoRequest({ name, infoTypes: [] }));
    if (code !== OptionReplyCode.ack) throw new Error(`GO was answered ${code.toString(16)}`);
  }

  /** Sends a request and returns its cookie. */
  request(
    command: number,
    offsetBytes: number,
    lengthBytes: number,
    payload?: Uint8Array,
    flags = 0,
  ): number {
    const cookieLow = this.#nextCookie;
    this.#nextCookie += 1;
    const header = new Uint8Array(28);
    encodeRequest(header, 0, { flags, command, cookieHigh: 0xabcd, cookieLow, offsetBytes, lengthBytes });
    this.send(header, ...(payload === undefined ? [] : [payload]));
    return cookieLow;
  }

  /** One reply; `readBytes` is how much data follows a successful simple reply. */
  async reply(readBytes = 0): Promise<RawReply> {
    await this.until(() => (this.#replies.next(this.queue) ? true : undefined));
    const { structured, cookieLow, error, type, flags, lengthBytes } = this.#replies;
    const bodyBytes = structured ? lengthBytes : error === 0 ? readBytes : 0;
    const body = await this.until(() =>
      this.queue.length < bodyBytes ? undefined : this.queue.take(bodyBytes),
    );
    return { structured, cookie: cookieLow, error, type, done: (flags & 1) !== 0, body };
  }

  /** A request with its simple reply: the error number. */
  async ask(
    command: number,
    offsetBytes: number,
    lengthBytes: number,
    payload?: Uint8Array,
    flags = 0,
  ): Promise<number> {
    this.request(command, offsetBytes, lengthBytes, payload, flags);
    const reply = await this.reply(command === Command.read ? lengthBytes : 0);
    return reply.error;
  }

  async waitClosed(): Promise<void> {
    for (let turn = 0; turn < 3000 && !this.closed; turn += 1) await patience(turn);
    if (!this.closed) throw new Error('the connection is still open');
  }
}

/** In memory a few turns are enough; over sockets it takes a little time. */
async function patience(turn: number): Promise<void> {
  if (turn < 500) await settle(1);
  else await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Error number of a structured error chunk. */
export function chunkError(reply: RawReply): number {
  return readU32(reply.body, 0);
}

/** Offset of a chunk of data. */
export function chunkOffset(reply: RawReply): number {
  return readU64(reply.body, 0);
}
