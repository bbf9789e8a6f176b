import type { ByteStream } from '@holdfast/core';
import { encodeHeader, type Frame, FrameParser, headerBytes } from './frame.js';

export interface FrameStreamHandler {
  frame(frame: Frame): void;
  /** Once; nothing comes after it. `cause` says in words why. */
  closed(cause: string): void;
}

/**
 * Frames over a byte stream. All frames of one turn leave as one write. Nothing here waits: who sends more than the other
 * side takes in sees `backlogged`, and is bounded by its own number of requests.
 */
export class FrameStream {
  private outgoing: Frame[] = [];
  private scheduled = false;
  private open = true;
  private full = false;
  private readonly parser: FrameParser;

  constructor(
    private readonly stream: ByteStream,
    private readonly handler: FrameStreamHandler,
  ) {
    this.parser = new FrameParser((next) => {
      if (this.open) this.handler.frame(next);
    });
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

  /** Payloads belong to the stream until they have left: do not write over them. */
  send(next: Frame): void {
    if (!this.open) return;
    this.outgoing.push(next);
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.flush();
    });
  }

  /** Drops the stream at once. */
  close(cause: string): void {
    if (!this.open) return;
    this.flush();
    this.stream.destroy();
    this.closeOnce(cause);
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
    this.full = !this.stream.write(chunks);
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
