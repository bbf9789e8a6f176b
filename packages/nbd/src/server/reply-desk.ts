import { CommandFlag } from '../codec/constants.js';
import { wireErrorNumber } from '../errors.js';
import type { LargeRead } from './large-read.js';
import type { ReplyWriter } from './replies.js';
import type { NbdExtent, NbdReadBuffer } from './types.js';
import type { Work } from './work.js';

/** A reply that waits while a large read has the output for itself. */
type HeldReply =
  | { readonly kind: 'finish'; readonly work: Work }
  | { readonly kind: 'read'; readonly work: Work; readonly buffer: NbdReadBuffer }
  | { readonly kind: 'extents'; readonly work: Work; readonly extents: readonly NbdExtent[] }
  | { readonly kind: 'large-read'; readonly read: LargeRead };

/** Lets replies out one after the other, and holds them back while one that must not be interrupted is under way. */
export class ReplyDesk {
  readonly #writer: ReplyWriter;
  readonly #retire: (work: Work) => void;
  readonly #held: HeldReply[] = [];
  #owner: LargeRead | undefined;

  /** @param retire - called when the whole reply of a request is gathered. */
  constructor(writer: ReplyWriter, retire: (work: Work) => void) {
    this.#writer = writer;
    this.#retire = retire;
  }

  /** Success without data, or the request's error. */
  finish(work: Work): void {
    if (this.#owner !== undefined) {
      this.#held.push({ kind: 'finish', work });
      return;
    }
    this.#writer.finish(work);
    this.#retire(work);
  }

  /** A READ's data; the charge for its length goes out with it. */
  read(work: Work, buffer: NbdReadBuffer): void {
    if (this.#owner !== undefined) {
      this.#held.push({ kind: 'read', work, buffer });
      return;
    }
    this.#writer.read(work, buffer, work.lengthBytes);
    this.#retire(work);
  }

  extents(work: Work, extents: readonly NbdExtent[]): void {
    if (this.#owner !== undefined) {
      this.#held.push({ kind: 'extents', work, extents });
      return;
    }
    const onlyFirst = (work.flags & CommandFlag.requestOne) !== 0;
    if (!this.#writer.blockStatus(work, extents, onlyFirst)) {
      work.error = wireErrorNumber(undefined);
      this.#writer.finish(work);
    }
    this.#retire(work);
  }

  /** Asks for the output alone. False: `outputGranted` follows. */
  claim(read: LargeRead): boolean {
    if (this.#owner !== undefined) {
      this.#held.push({ kind: 'large-read', read });
      return false;
    }
    this.#owner = read;
    return true;
  }

  /** Lets out what was held, up to the next large read. */
  release(read: LargeRead): void {
    if (this.#owner !== read) return;
    this.#owner = undefined;
    while (!this.#taken()) {
      const held = this.#held.shift();
      if (held === undefined) return;
      this.#letOut(held);
    }
  }

  /** The connection is gone. */
  abandon(giveBack: (lengthBytes: number) => void): void {
    for (const held of this.#held.splice(0)) {
      if (held.kind !== 'read') continue;
      held.buffer.release();
      giveBack(held.work.lengthBytes);
    }
    this.#owner = undefined;
  }

  #taken(): boolean {
    return this.#owner !== undefined;
  }

  #letOut(held: HeldReply): void {
    switch (held.kind) {
      case 'finish':
        this.finish(held.work);
        return;
      case 'read':
        this.read(held.work, held.buffer);
        return;
      case 'extents':
        this.extents(held.work, held.extents);
        return;
      case 'large-read':
        this.#owner = held.read;
        held.read.outputGranted();
    }
  }
}
