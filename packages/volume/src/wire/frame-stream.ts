import type { ByteStream } from '@holdfast/core';
import { encodeHeader, type Frame, FrameParser, headerBytes } from './frame.js';
import { joinedPayloadBytes, type Sheet, Sheets } from './sheets.js';

export interface FrameStreamHandler {
  frame(frame: Frame): void;
  /** There is room again after `backlogged`. */
  drained?(): void;
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
  private readonly sheets: Sheets;

  constructor(
    private readonly stream: ByteStream,
    private readonly handler: FrameStreamHandler,
  ) {
    this.sheets = new Sheets((lengthBytes) => stream.allocate?.(lengthBytes) ?? new Uint8Array(lengthBytes));
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
      landing: () => (this.open ? this.parser.landing() : undefined),
      landed: (lengthBytes) => {
        if (this.open) this.guarded(() => this.parser.landed(lengthBytes));
      },
      drain: () => {
        this.full = false;
        if (this.open) this.handler.drained?.();
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
    queueMicrotask(this.gather);
  }

  /** What was sent so far leaves now, not at the end of the turn: for a frame that somebody waits for and that travels alone. */
  flush(): void {
    this.gather();
    this.stream.flush?.();
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
    this.gather();
    this.stream.destroy();
    this.closeOnce(cause);
  }

  /** Says goodbye: what was sent leaves, nothing more is heard. The stream stays until the other side ends it too, or `destroy`. */
  end(cause: string): void {
    if (!this.open) return;
    this.gather();
    this.stream.end();
    this.closeOnce(cause);
  }

  /** For a stream that was ended and lingers. */
  destroy(): void {
    this.stream.destroy();
  }

  private readonly gather = (): void => {
    this.scheduled = false;
    const frames = this.outgoing;
    if (frames.length === 0 || !this.open) return;
    this.outgoing = [];
    const sheet = this.sheets.take(frames);
    const chunks: Uint8Array[] = [];
    let from = 0;
    let to = 0;
    for (const next of frames) {
      const { payload } = next;
      encodeHeader(sheet.view, to, next);
      to += headerBytes;
      if (payload.length <= joinedPayloadBytes) {
        sheet.bytes.set(payload, to);
        to += payload.length;
        continue;
      }
      chunks.push(sheet.bytes.subarray(from, to), payload);
      from = to;
    }
    if (from < to) chunks.push(sheet.bytes.subarray(from, to));
    this.full = !this.write(chunks, sheet);
  };

  private write(chunks: readonly Uint8Array[], sheet: Sheet): boolean {
    const { lent } = this;
    if (lent.length > 0) {
      this.lent = [];
      this.leaving.add(lent);
    }
    return this.stream.write(chunks, () => {
      this.sheets.give(sheet);
      if (lent.length === 0 || !this.leaving.delete(lent)) return;
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
    if (this.open) this.guarded(() => this.parser.push(chunk));
  }

  private guarded(parse: () => void): void {
    try {
      parse();
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
