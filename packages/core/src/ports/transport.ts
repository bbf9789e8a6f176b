import type { CallOptions } from './abort.js';

/** What a stream tells its owner. No call of these may throw. */
export interface ByteStreamHandler {
  /** Bytes in the order they were sent. The chunk belongs to the handler. */
  data(chunk: Uint8Array): void;
  /**
   * Memory into which the very next bytes are to be read, if that is known already: not more than belongs there. A stream that
   * can do so asks before each read, and then calls `landed` instead of `data`. Whatever was named stays untouched by others until
   * then, also when it is no longer wanted. Optional.
   */
  landing?(): Uint8Array | undefined;
  /** So many bytes lie at the beginning of what `landing` named. */
  landed?(lengthBytes: number): void;
  /** `write` may be called again without limit. */
  drain(): void;
  /** The other side has said that it sends no more. */
  end(): void;
  /** Nothing comes any more. Called once, also after `destroy`. */
  close(error: Error | undefined): void;
}

/** Who is at the other end, as far as the stream itself has proved it (TLS). */
export interface StreamIdentity {
  readonly how: 'certificate' | 'pre-shared-key';
  /** The names in the certificate, or the identity that goes with the key. */
  readonly names: readonly string[];
}

/** An ordered, reliable stream of bytes in both directions, that may stop being one at any moment without a word. */
export interface ByteStream {
  /** For people: the address of the other side. */
  readonly remote: string;
  readonly identity?: StreamIdentity;
  /** Sets who is told. May be called again to hand the stream on. What came before the first call is kept. */
  attach(handler: ByteStreamHandler): void;
  /**
   * Sends all chunks in order. They belong to the stream until `flushed` is called (the system has taken them) or `close` is.
   * False: stop, and wait for `drain`.
   */
  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean;
  /** What was written so far leaves now, also where a stream gathers writes for a moment. Optional. */
  flush?(): void;
  /**
   * Memory to put received pieces together in, with whatever it held before. Optional: a platform that can do so saves the
   * clearing of memory that is written over at once.
   */
  allocate?(lengthBytes: number): Uint8Array;
  /**
   * Gives back a chunk that the handler got and has read, and of which nobody kept a part: its memory goes at once, and not
   * when the garbage collector comes for it. Optional for both sides.
   */
  giveBack?(chunk: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** Says that no more comes, after all that was written. */
  end(): void;
  /** Drops everything, now; the other side should see a reset. */
  destroy(): void;
}

/** `unix:/path/to/socket` or `tcp:host:port` (an IPv6 host in brackets). */
export type Address = string;

export interface Listener {
  /** Where it listens; a port of 0 has become the real one. */
  readonly address: Address;
  /** Streams that were accepted live on. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Guarantee: none about time. `connect` fails with UNREACHABLE, NOT_AUTHORIZED, DEADLINE_EXCEEDED or ABORTED. */
export interface Transport {
  /** An abort or deadline leaves no stream behind. */
  connect(address: Address, options?: CallOptions): Promise<ByteStream>;
  listen(address: Address, accepted: (stream: ByteStream) => void): Promise<Listener>;
}
