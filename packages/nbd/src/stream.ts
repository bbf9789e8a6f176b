/** What a byte stream tells its owner. All calls come from the stream's own turn, never from inside a call of the owner. */
export interface ByteStreamHandler {
  /** True: `data` keeps nothing of a chunk, so that a stream may use the same memory for the next one. */
  readonly copiesData?: boolean;
  /** Bytes in order. Unless `copiesData` says otherwise the chunk belongs to the handler and is not written to again. */
  data(chunk: Uint8Array): void;
  /**
   * Memory into which the very next bytes are to be read, if that is known already: not more than belongs there. A stream that
   * can do so asks before each read, and then calls `landed` instead of `data`. Whatever was named stays untouched by others until
   * then, also when it is no longer wanted. Optional.
   */
  landing?(): Uint8Array | undefined;
  /** So many bytes lie at the beginning of what `landing` named. */
  landed?(lengthBytes: number): void;
  /** There is room again after `write` returned false. */
  drain(): void;
  /** The other side will send nothing more. Writing is still possible. */
  end(): void;
  /** The stream is gone, called exactly once; `error` says why when it was not an orderly end. */
  close(error: Error | undefined): void;
}

/**
 * The only thing server and client know about a connection. Sockets, TLS and simulated networks implement it.
 */
export interface ByteStream {
  /** Who is at the other end, for people: an address, a socket path, a name in a simulation. */
  readonly remote: string;
  /** Sets or replaces the handler. Bytes that came before the first `attach` are kept and given to it. */
  attach(handler: ByteStreamHandler): void;
  /**
   * Sends the chunks in order, as one write where the carrier can. They must stay unchanged until `flushed` is called.
   * `flushed` is called exactly once: when the bytes have left for the carrier, or when the stream is gone.
   * Returns false when the caller should wait for `drain` before it produces more; the chunks were taken nevertheless.
   */
  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean;
  /** Takes a chunk of `data` back that was read and that nobody kept a part of: its memory goes at once. Optional. */
  giveBack?(chunk: Uint8Array): void;
  /** Stops `data` soon: what was already read from the carrier may still come. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then says that nothing more will come. */
  end(): void;
  /** Immediate: drops what was not sent; the other side should see a reset. `close` follows. */
  destroy(): void;
}
