import { ByteQueue } from '../codec/byte-queue.js';
import { CHUNK_DONE, ChunkType, Command, StatusFlag } from '../codec/constants.js';
import { decodeText, readU16, readU32, readU64 } from '../codec/integers.js';
import { ReplyDecoder } from '../codec/reply.js';
import { NbdError, wireErrorCode } from '../errors.js';
import type { NbdExtent } from '../server/types.js';
import type { ClientCall } from './call.js';
import { ReadMemory } from './read-memory.js';

/** Whose replies these are. */
export interface ReplySink {
  /** The call a cookie stands for. Throws `PROTOCOL` when there is none. */
  callFor(cookieHigh: number, cookieLow: number): ClientCall;
  /** The server has said its last word about the call. */
  callFinished(call: ClientCall): void;
}

/** No honest chunk without data is longer: 8192 extents, or an error with a text of 4096 bytes. */
const MAX_CHUNK_BYTES = 4 + 8 * 8192;

/** Reads the replies of a server that is not trusted to make sense. */
export class ReplyReceiver {
  readonly #sink: ReplySink;
  readonly #structured: boolean;
  readonly #allocationContextId: number | undefined;
  readonly #memory: ReadMemory;
  readonly #queue = new ByteQueue();
  readonly #reply = new ReplyDecoder();
  /** The read whose data comes next, where it goes, and how much is left. */
  #call: ClientCall | undefined;
  #position = 0;
  #leftBytes = 0;
  #done = false;
  /** A chunk whose body is not complete. */
  #body: ClientCall | undefined;

  constructor(
    sink: ReplySink,
    structured: boolean,
    allocationContextId: number | undefined,
    allocate: (lengthBytes: number) => Uint8Array,
  ) {
    this.#sink = sink;
    this.#structured = structured;
    this.#allocationContextId = allocationContextId;
    this.#memory = new ReadMemory(allocate);
  }

  /** Keeps nothing of the chunk. Throws `PROTOCOL` when the server breaks the protocol. */
  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    this.#parse();
    this.#queue.own();
  }

  #parse(): void {
    const queue = this.#queue;
    for (;;) {
      if (this.#call !== undefined) {
        if (!this.#fill(this.#call)) return;
      } else if (this.#body !== undefined) {
        if (!this.#takeBody(this.#body)) return;
      } else if (this.#reply.next(queue)) {
        this.#begin(this.#sink.callFor(this.#reply.cookieHigh, this.#reply.cookieLow));
      } else {
        return;
      }
    }
  }

  #begin(call: ClientCall): void {
    const reply = this.#reply;
    if (!reply.structured) {
      this.#simple(call, reply.error);
      return;
    }
    if (!this.#structured) throw new NbdError('PROTOCOL', 'a structured reply, which was not agreed on');
    this.#done = (reply.flags & CHUNK_DONE) !== 0;
    const limit = reply.type === ChunkType.offsetData ? call.lengthBytes + 8 : MAX_CHUNK_BYTES;
    if (reply.lengthBytes > limit)
      throw new NbdError('PROTOCOL', `a chunk of ${reply.lengthBytes} bytes, at most ${limit} make sense`);
    this.#body = call;
  }

  #simple(call: ClientCall, error: number): void {
    if (error !== 0) {
      call.error = wireErrorCode(error);
      this.#sink.callFinished(call);
    } else if (call.command === Command.read) {
      if (this.#structured)
        throw new NbdError('PROTOCOL', 'a simple reply to a read, after structured ones were agreed on');
      this.#expect(call, call.offsetBytes, call.lengthBytes, true);
    } else if (call.command === Command.blockStatus) {
      throw new NbdError('PROTOCOL', 'a simple reply to a block status');
    } else {
      this.#sink.callFinished(call);
    }
  }

  /** False when bytes are missing. */
  #takeBody(call: ClientCall): boolean {
    const reply = this.#reply;
    const queue = this.#queue;
    if (reply.type === ChunkType.offsetData) {
      if (reply.lengthBytes < 9) throw new NbdError('PROTOCOL', 'a chunk of data without data');
      const head = queue.peek(8);
      if (head === undefined) return false;
      const offsetBytes = readU64(head, 0);
      queue.skip(8);
      this.#body = undefined;
      this.#expect(call, offsetBytes, reply.lengthBytes - 8, this.#done);
      return true;
    }
    if (queue.length < reply.lengthBytes) return false;
    const body = queue.take(reply.lengthBytes);
    this.#body = undefined;
    this.#takeChunk(call, reply.type, body);
    if (this.#done) this.#finish(call);
    return true;
  }

  #takeChunk(call: ClientCall, type: number, body: Uint8Array): void {
    if (type === ChunkType.none) {
      if (body.byteLength > 0 || !this.#done)
        throw new NbdError('PROTOCOL', 'an empty chunk that is not empty or not the last');
    } else if (type === ChunkType.offsetHole) {
      this.#takeHole(call, body);
    } else if (type === ChunkType.blockStatus) {
      this.#takeExtents(call, body);
    } else if (type >= ChunkType.error) {
      takeError(call, body);
    } else {
      throw new NbdError('PROTOCOL', `a chunk of unknown type ${type}`);
    }
  }

  #takeHole(call: ClientCall, body: Uint8Array): void {
    if (body.byteLength !== 12) throw new NbdError('PROTOCOL', 'a hole of the wrong form');
    const offsetBytes = readU64(body, 0);
    const lengthBytes = readU32(body, 8);
    this.#checkPart(call, offsetBytes, lengthBytes);
    const start = offsetBytes - call.offsetBytes;
    if (call.wanted) this.#targetOf(call).fill(0, start, start + lengthBytes);
  }

  #takeExtents(call: ClientCall, body: Uint8Array): void {
    if (call.command !== Command.blockStatus || call.extents !== undefined) {
      throw new NbdError('PROTOCOL', 'a block status that was not asked for');
    }
    const count = (body.byteLength - 4) / 8;
    if (!Number.isInteger(count) || count < 1 || readU32(body, 0) !== this.#allocationContextId) {
      throw new NbdError('PROTOCOL', 'a block status of the wrong form');
    }
    const extents: NbdExtent[] = [];
    let left = call.lengthBytes;
    for (let index = 0; index < count && left > 0; index += 1) {
      const lengthBytes = readU32(body, 4 + 8 * index);
      const flags = readU32(body, 8 + 8 * index);
      if (lengthBytes === 0) throw new NbdError('PROTOCOL', 'an extent without a length');
      // Only the last extent may reach beyond what was asked for; callers never see that.
      const used = Math.min(lengthBytes, left);
      extents.push({
        lengthBytes: used,
        hole: (flags & StatusFlag.hole) !== 0,
        zero: (flags & StatusFlag.zero) !== 0,
      });
      left -= used;
    }
    call.extents = extents;
  }

  /** Data for part of a read begins. */
  #expect(call: ClientCall, offsetBytes: number, lengthBytes: number, done: boolean): void {
    this.#checkPart(call, offsetBytes, lengthBytes);
    this.#call = call;
    this.#position = offsetBytes - call.offsetBytes;
    this.#leftBytes = lengthBytes;
    this.#done = done;
  }

  #checkPart(call: ClientCall, offsetBytes: number, lengthBytes: number): void {
    if (call.command !== Command.read)
      throw new NbdError('PROTOCOL', 'data for a request that is not a read');
    const start = offsetBytes - call.offsetBytes;
    if (start < 0 || lengthBytes < 1 || start + lengthBytes > call.lengthBytes) {
      throw new NbdError('PROTOCOL', 'data outside the range that was asked for');
    }
    if (!call.cover(start, start + lengthBytes))
      throw new NbdError('PROTOCOL', 'the same bytes of a read twice');
  }

  /** False when bytes are missing. */
  #fill(call: ClientCall): boolean {
    const queue = this.#queue;
    const left = this.#leftBytes;
    if (!call.wanted) {
      this.#leftBytes -= queue.skip(left);
    } else {
      const copied = queue.copyInto(this.#targetOf(call), this.#position, left);
      this.#position += copied;
      this.#leftBytes -= copied;
    }
    if (this.#leftBytes > 0) return false;
    this.#call = undefined;
    if (this.#done) this.#finish(call);
    return true;
  }

  #targetOf(call: ClientCall): Uint8Array {
    call.target ??= this.#memory.take(call.lengthBytes);
    return call.target;
  }

  #finish(call: ClientCall): void {
    if (call.error === undefined) {
      if (call.command === Command.read && !call.isCovered)
        throw new NbdError('PROTOCOL', 'a read was answered in part');
      if (call.command === Command.blockStatus && call.extents === undefined) {
        throw new NbdError('PROTOCOL', 'a block status without extents');
      }
    }
    this.#sink.callFinished(call);
  }
}

function takeError(call: ClientCall, body: Uint8Array): void {
  if (body.byteLength < 6) throw new NbdError('PROTOCOL', 'an error chunk of the wrong form');
  const error = readU32(body, 0);
  const textBytes = readU16(body, 4);
  if (error === 0 || 6 + textBytes > body.byteLength)
    throw new NbdError('PROTOCOL', 'an error chunk of the wrong form');
  call.error = wireErrorCode(error);
  call.errorText =
    decodeText(body.subarray(6, 6 + Math.min(textBytes, 256)))?.replaceAll(/\p{Cc}/gu, ' ') ?? '';
}
