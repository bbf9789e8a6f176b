import { ByteQueue } from '../../src/codec/byte-queue.js';
import { Command, OptionCode, OptionReplyCode } from '../../src/codec/constants.js';
import { encodeGreeting, OptionDecoder } from '../../src/codec/option.js';
import { encodeInfoExport, encodeMetaContext, encodeOptionReply } from '../../src/codec/option-reply.js';
import { encodeChunkHeader, encodeSimpleReply } from '../../src/codec/reply.js';
import { RequestDecoder } from '../../src/codec/request.js';
import type { ByteStreamHandler } from '../../src/stream.js';
import { type PairStream, streamPair } from './pair.js';

/** What a fake server says to a request. */
export type Answer = (request: RequestDecoder, server: FakeServer) => void;

/** Options of a fake server. */
export interface FakeServerOptions {
  readonly sizeBytes?: number;
  readonly flags?: number;
  readonly structured?: boolean;
  /** Replies to an option with these bytes instead of the usual ones. */
  readonly option?: (code: number) => readonly Uint8Array[] | undefined;
  readonly greeting?: Uint8Array;
  readonly answer?: Answer;
}

/** A server that says whatever a test wants, true or not. */
export class FakeServer implements ByteStreamHandler {
  readonly clientStream: PairStream;
  readonly stream: PairStream;
  readonly seen: number[] = [];
  ended = false;
  readonly #options: FakeServerOptions;
  readonly #queue = new ByteQueue();
  readonly #decoder = new OptionDecoder(16_384);
  readonly #request = new RequestDecoder();
  #flagsSeen = false;
  #open = false;
  #payloadBytes = 0;

  constructor(options: FakeServerOptions = {}) {
    const { near, far } = streamPair();
    this.#options = options;
    this.clientStream = near;
    this.stream = far;
    far.attach(this);
    far.write([options.greeting ?? encodeGreeting(3)]);
  }

  data(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    if (!this.#flagsSeen) {
      if (this.#decoder.flags(this.#queue) === undefined) return;
      this.#flagsSeen = true;
    }
    while (!this.#open) {
      const option = this.#decoder.next(this.#queue);
      if (option === undefined) return;
      this.#reply(option.code);
    }
    for (;;) {
      this.#payloadBytes -= this.#queue.skip(this.#payloadBytes);
      if (this.#payloadBytes > 0 || !this.#request.next(this.#queue)) return;
      this.seen.push(this.#request.command);
      if (this.#request.command === Command.write) this.#payloadBytes = this.#request.lengthBytes;
      this.#options.answer?.(this.#request, this);
    }
  }

  drain(): void {
    return;
  }
  end(): void {
    this.ended = true;
    this.stream.end();
  }
  close(): void {
    this.ended = true;
  }

  simple(request: RequestDecoder, error: number, data = new Uint8Array(0)): void {
    const bytes = new Uint8Array(16);
    encodeSimpleReply(bytes, 0, error, request.cookieHigh, request.cookieLow);
    this.stream.write([bytes, data]);
  }

  chunk(request: RequestDecoder, flags: number, type: number, data: Uint8Array): void {
    const bytes = new Uint8Array(20);
    encodeChunkHeader(bytes, 0, flags, type, request.cookieHigh, request.cookieLow, data.byteLength);
    this.stream.write([bytes, data]);
  }

  #reply(code: number): void {
    const special = this.#options.option?.(code);
    if (special !== undefined) {
      this.stream.write(special);
      return;
    }
    const reply = (replyCode: number, data?: Uint8Array): void => {
      this.stream.write([encodeOptionReply(code, replyCode, data)]);
    };
    if (code === OptionCode.go) {
      this.#open = true;
      reply(
        OptionReplyCode.info,
        encodeInfoExport(this.#options.sizeBytes ?? 1024 * 1024, this.#options.flags ?? 0x5fd),
      );
      reply(OptionReplyCode.ack);
    } else if (code === OptionCode.structuredReply && this.#options.structured === true) {
      reply(OptionReplyCode.ack);
    } else if (code === OptionCode.setMetaContext) {
      reply(OptionReplyCode.metaContext, encodeMetaContext(77, 'base:allocation'));
      reply(OptionReplyCode.ack);
    } else {
      reply(OptionReplyCode.unsupported);
    }
  }
}
