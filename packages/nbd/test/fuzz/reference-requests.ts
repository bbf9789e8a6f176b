import { type OpenSession, viewOf } from './reference-handshake.js';
import { type StageExport, stageLimits } from './stage.js';

/** An answer that is due. */
interface Due {
  readonly cookie: bigint;
  readonly command: number;
  readonly error: number;
  readonly from: number;
  readonly lengthBytes: number;
  /** What a READ must give, when that is certain. */
  readonly data: Uint8Array | undefined;
  /** What of it has come, in structured replies that come in parts. */
  given: number;
}

const invalid = 22;

/** The request phase, read a second time: each request is carried out on an image, then the answers are held against it. */
export class ReferenceRequests {
  problem: string | undefined;
  requests = 0;
  /** The last write had no end; its parts may stand on the disk or not. */
  halfWritten: { readonly from: number; readonly to: number } | undefined;
  readonly #due: Due[] = [];
  readonly #cookies = new Set<bigint>();
  #ambiguous = false;
  #isViolated = false;

  constructor(
    private readonly input: Uint8Array,
    private readonly output: Uint8Array,
    private readonly session: OpenSession,
    private readonly image: Uint8Array,
    private readonly maxSliceBytes: number,
  ) {}

  run(): void {
    this.#carryOut();
    // Slices of two reads with one cookie cannot be told apart.
    if (!this.#ambiguous) this.#compare();
  }

  #carryOut(): void {
    const view = viewOf(this.input);
    let at = this.session.inputAt;
    while (view.byteLength - at >= 28) {
      if (view.getUint32(at) !== 0x25609513) {
        this.#isViolated = true;
        return;
      }
      const flags = view.getUint16(at + 4);
      const command = view.getUint16(at + 6);
      const cookie = view.getBigUint64(at + 8);
      const offset = view.getBigUint64(at + 16);
      const lengthBytes = view.getUint32(at + 24);
      at += 28;
      this.requests += 1;
      if (command === 2) return;
      const error = errorOf(this.session, flags, command, offset, lengthBytes);
      const from = Number(offset);
      if (command === 1) {
        if (lengthBytes > 2 * stageLimits.maxRequestBytes) {
          this.#isViolated = true;
          return;
        }
        if (view.byteLength - at < lengthBytes) {
          if (error === 0) this.halfWritten = { from, to: from + lengthBytes };
          return;
        }
        if (error === 0) this.image.set(this.input.subarray(at, at + lengthBytes), from);
        at += lengthBytes;
      } else if (error === 0 && (command === 4 || command === 6)) {
        this.image.fill(0, from, from + lengthBytes);
      }
      this.#expect(cookie, command, error, from, lengthBytes);
    }
  }

  #expect(cookie: bigint, command: number, error: number, from: number, lengthBytes: number): void {
    const isRead = command === 0 && error === 0 && lengthBytes > 0;
    const isSliced = isRead && lengthBytes > this.maxSliceBytes;
    if (this.#cookies.has(cookie) && this.maxSliceBytes < stageLimits.maxRequestBytes) this.#ambiguous = true;
    this.#cookies.add(cookie);
    // A read in slices runs beside what comes after it: which version it sees is not said.
    const data = isRead && !isSliced ? this.image.slice(from, from + lengthBytes) : undefined;
    this.#due.push({ cookie, command, error, from, lengthBytes, data, given: 0 });
  }

  #compare(): void {
    const { output } = this;
    const view = viewOf(output);
    let at = this.session.outputAt;
    while (at < output.length) {
      if (output.length - at < 16) {
        this.#fail(at, 'a reply that is not whole');
        return;
      }
      const magic = view.getUint32(at);
      const due = this.#due.findIndex((one) => one.cookie === view.getBigUint64(at + 8));
      const expected = this.#due[due];
      if (expected === undefined) {
        this.#fail(at, 'a reply with a cookie that nobody waits for');
        return;
      }
      const to = magic === 0x67446698 ? this.#simple(at, expected) : this.#chunk(at, expected);
      if (to === undefined) return;
      if (to.isDone) this.#due.splice(due, 1);
      at = to.at;
    }
    // Whoever breaks the protocol is cut off at once, whatever was still due.
    if (this.#due.length > 0 && !this.#isViolated)
      this.#fail(
        at,
        `${String(this.#due.length)} requests without an answer, the first is command ${String(this.#due[0]?.command)}`,
      );
  }

  #simple(at: number, due: Due): { readonly at: number; readonly isDone: boolean } | undefined {
    const error = viewOf(this.output).getUint32(at + 4);
    if (this.session.structured && (due.command === 0 || due.command === 7)) {
      this.#fail(at, 'a simple reply, and structured ones were agreed on');
      return;
    }
    if (error !== due.error) {
      this.#fail(at, `error ${String(error)} where ${String(due.error)} is right`);
      return;
    }
    const dataBytes = due.command === 0 && error === 0 ? due.lengthBytes : 0;
    const to = at + 16 + dataBytes;
    if (to > this.output.length) {
      if (this.#isViolated) return { at: this.output.length, isDone: true };
      this.#fail(at, 'the data of a reply is not whole');
      return;
    }
    if (due.data !== undefined && Buffer.compare(due.data, this.output.subarray(at + 16, to)) !== 0) {
      this.#fail(at, 'a read gave other bytes');
      return;
    }
    return { at: to, isDone: true };
  }

  #chunk(at: number, due: Due): { readonly at: number; readonly isDone: boolean } | undefined {
    const view = viewOf(this.output);
    if (view.getUint32(at) !== 0x668e33ef || this.output.length - at < 20) {
      this.#fail(at, 'no reply');
      return;
    }
    if (!this.session.structured) {
      this.#fail(at, 'a structured reply that nobody agreed on');
      return;
    }
    const isDone = view.getUint16(at + 4) === 1;
    const type = view.getUint16(at + 6);
    const lengthBytes = view.getUint32(at + 16);
    const from = at + 20;
    const to = from + lengthBytes;
    if (to > this.output.length) {
      if (this.#isViolated) return { at: this.output.length, isDone: true };
      this.#fail(at, 'a chunk is not whole');
      return;
    }
    const isError = (type & 0x8000) !== 0;
    if (isError !== (due.error !== 0)) {
      this.#fail(at, `chunk type ${String(type)} for error ${String(due.error)}`);
      return;
    }
    if (isError) {
      const error = view.getUint32(from);
      if (error !== due.error || !isDone) {
        this.#fail(at, `error ${String(error)}, ${String(due.error)} is right`);
        return;
      }
    } else if (type === 1) {
      if (this.#dataChunk(at, due, from, to, isDone)) return undefined;
    } else if (type === 5) {
      if (due.command !== 7 || !isDone || !this.#areExtents(due, from, to)) {
        this.#fail(at, 'wrong extents');
        return;
      }
    } else if (type !== 0 || lengthBytes > 0 || !isDone || due.lengthBytes > 0) {
      this.#fail(at, `a chunk of type ${String(type)} that makes no sense`);
      return;
    }
    return { at: to, isDone };
  }

  /** True when it is wrong. */
  #dataChunk(at: number, due: Due, from: number, to: number, isDone: boolean): boolean {
    const offset = Number(viewOf(this.output).getBigUint64(from));
    const dataBytes = to - from - 8;
    const isNext = offset === due.from + due.given && dataBytes > 0;
    due.given += dataBytes;
    const isWhole = due.given === due.lengthBytes;
    if (due.command !== 0 || !isNext || isWhole !== isDone || due.given > due.lengthBytes) {
      this.#fail(at, 'data that does not fit its request');
      return true;
    }
    if (due.data === undefined) return false;
    if (Buffer.compare(due.data, this.output.subarray(from + 8, to)) === 0) return false;
    this.#fail(at, 'a read gave other bytes');
    return true;
  }

  #areExtents(due: Due, from: number, to: number): boolean {
    const view = viewOf(this.output);
    const count = (to - from - 4) / 8;
    if (!Number.isInteger(count) || count < 1 || count > 512 || view.getUint32(from) !== 1) return false;
    let sum = 0;
    for (let index = 0; index < count; index += 1) {
      const lengthBytes = view.getUint32(from + 4 + 8 * index);
      if (lengthBytes === 0 || view.getUint32(from + 8 + 8 * index) > 3) return false;
      sum += lengthBytes;
    }
    return sum <= due.lengthBytes;
  }

  #fail(at: number, problem: string): undefined {
    this.problem ??= `at byte ${String(at)} of the answers: ${problem}`;
    return undefined;
  }
}

/** What the document of the protocol, and the practice of the large servers, say to a request. */
function errorOf(
  { served, structured, context }: OpenSession,
  flags: number,
  command: number,
  offset: bigint,
  lengthBytes: number,
): number {
  const has = (bit: number): boolean => (served.flags & bit) !== 0;
  const isReadOnly = has(2);
  const fua = served.name === 'blocks' ? 0 : 1;
  const isOutside = offset + BigInt(lengthBytes) > BigInt(served.sizeBytes);
  const isCrooked = offset % BigInt(served.minimumBytes) !== 0n || lengthBytes % served.minimumBytes !== 0;
  const ranged = (outside: number): number => (isOutside ? outside : isCrooked ? invalid : 0);
  const tooLong = lengthBytes > stageLimits.maxRequestBytes;
  switch (command) {
    case 0:
      return (flags & ~(fua | (structured ? 4 : 0))) !== 0 || tooLong ? invalid : ranged(invalid);
    case 1:
      if ((flags & ~fua) !== 0) return invalid;
      if (isReadOnly) return 1;
      return tooLong ? invalid : ranged(28);
    case 3:
      return (flags & ~fua) !== 0 || offset !== 0n || lengthBytes !== 0 ? invalid : 0;
    case 4:
      if ((flags & ~fua) !== 0) return invalid;
      return isReadOnly ? 1 : ranged(invalid);
    case 5:
      return !hasCache(served) || (flags & ~fua) !== 0 ? invalid : ranged(invalid);
    case 6:
      return zeroesError(served, flags, lengthBytes, ranged);
    case 7:
      if (!context || (flags & ~(fua | 8)) !== 0 || lengthBytes === 0) return invalid;
      return ranged(invalid);
    default:
      return invalid;
  }
}

function hasCache(served: StageExport): boolean {
  return (served.flags & 0x400) !== 0;
}

function zeroesError(
  served: StageExport,
  flags: number,
  lengthBytes: number,
  ranged: (outside: number) => number,
): number {
  if (served.name === 'blocks' || (flags & ~(1 | 2 | 16)) !== 0) return invalid;
  if ((served.flags & 2) !== 0) return 1;
  const error = ranged(28);
  // The memory behind it is not quicker with zeroes than with anything else, and says so.
  return error === 0 && (flags & 16) !== 0 && lengthBytes > 0 ? 95 : error;
}
