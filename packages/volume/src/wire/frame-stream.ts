import type { ByteStream } from '@holdfast/core';
import { encodeHeader, type Frame, FrameParser, headerBytes } from './frame.js';

export interface FrameStreamHandler {
  frame(frame: Frame): void;
  /** Once; nothing comes after it. `cause` says in words why. */
  closed(cause: string): void;
}

/** Something lent to the stream with a frame, given back when the bytes have left or never will. */
export interface Lent {
  release(): void;
}

/**
 * Frames over a byte stream. All frames of one turn leave as one write. Nothing here waits: who sends more than the other
 * side takes in sees `backlogged`, and is bounded by its own number of requests.
 */
export class FrameStream {
  private outgoing: Frame[] = [];
  private lent: Lent[] = [];
  /** Lent things of writes that the system has not taken yet. */
  private readonly leaving = new Set<readonly Lent[]>();
  private scheduled = false;
  private open = true;
  private full = false;
  private readonly parser: FrameParser;

  constructor(
    private readonly stream: ByteStream,
    private readonly handler: FrameStreamHandler,
  ) {
    this.parser = new FrameParser(
      (next) => {
        if (this.open) this.handler.frame(next);
      },
      (lengthBytes) => stream.allocate?.(lengthBytes) ?? new Uint8Array(lengthBytes),
      (chunk) => stream.giveBack?.(chunk),
    );
    stream.attach({
      data: (chunk) => {
        this.receive(chunk);
      },
      drain: () => {
        this.full = false;
      },
      end: () => {
        this.close('the other side ended the stream');
      },
      close: (error) => {
        this.closeOnce(error === undefined ? 'the stream was closed' : error.message);
        this.releaseAll();
      },
    });
  }

  get remote(): string {
    return this.stream.remote;
  }

  /** True while the system takes no more bytes; what is sent now waits in memory. */
  get backlogged(): boolean {
    return this.full;
  }

  get isOpen(): boolean {
    return this.open;
  }

  /** Payloads belong to the stream until they have left: do not write over them. `lent` is released once, then. */
  send(next: Frame, lent?: Lent): void {
    if (!this.open) {
      lent?.release();
      return;
    }
    this.outgoing.push(next);
    if (lent !== undefined) this.lent.push(lent);
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.flush();
    });
  }

  /** Takes no more bytes from the other side soon; frames of a chunk that has come still arrive. */
  pause(): void {
    if (this.open) this.stream.pause();
  }

  resume(): void {
    if (this.open) this.stream.resume();
  }

  /** Drops the stream at once, after what was sent in this turn was handed to it. */
  close(cause: string): void {
    if (!this.open) return;
    this.flush();
    this.stream.destroy();
    this.closeOnce(cause);
  }

  /** Says goodbye: what was sent leaves, nothing more is heard. The stream stays until the other side ends it too, or `destroy`. */
  end(cause: string): void {
    if (!this.open) return;
    this.flush();
    this.stream.end();
    this.closeOnce(cause);
  }

  /** For a stream that was ended and lingers. */
  destroy(): void {
    this.stream.destroy();
  }

  private flush(): void {
    this.scheduled = false;
    const frames = this.outgoing;
    if (frames.length === 0 || !this.open) return;
    this.outgoing = [];
    const heads = new Uint8Array(frames.length * headerBytes);
    const view = new DataView(heads.buffer);
    const chunks: Uint8Array[] = [];
    let headFrom = 0;
    frames.forEach((next, index) => {
      encodeHeader(view, index * headerBytes, next);
      if (next.payload.length === 0) return;
      chunks.push(heads.subarray(headFrom, (index + 1) * headerBytes), next.payload);
      headFrom = (index + 1) * headerBytes;
    });
    if (headFrom < heads.length) chunks.push(heads.subarray(headFrom));
    this.full = !this.write(chunks);
  }

  private write(chunks: readonly Uint8Array[]): boolean {
    const { lent } = this;
    if (lent.length === 0) return this.stream.write(chunks);
    this.lent = [];
    this.leaving.add(lent);
    return this.stream.write(chunks, () => {
      if (!this.leaving.delete(lent)) return;
      for (const one of lent) one.release();
    });
  }

  /** Only after the stream itself is gone: until then the system may still read from what was lent. */
  private releaseAll(): void {
    for (const one of this.lent) one.release();
    this.lent = [];
    for (const batch of this.leaving) for (const one of batch) one.release();
    this.leaving.clear();
  }

  private receive(chunk: Uint8Array): void {
    if (!this.open) return;
    try {
      this.parser.push(chunk);
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error));
    }
  }

  private closeOnce(cause: string): void {
    if (!this.open) return;
    this.open = false;
    this.outgoing = [];
    this.handler.closed(cause);
  }
}
