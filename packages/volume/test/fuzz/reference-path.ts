import { joined } from '@holdfast/testkit';
import { echoed, framesOf, type RawFrame } from './reference-frames.js';

export const pathVolumeBytes = 65_536;
export const pathHello = { pathVersion: 1, clusterId: 'c1', groupId: 'g1', initiatorId: 'fuzz' };

const requestBytes = 1024 * 1024;
const zeroesBytes = 32 * 1024 * 1024;
const window = 262_144;

/** What a path may come to, read a second time from all that was sent; then held against what was answered and written. */
export function judgePath(
  chunks: readonly Uint8Array[],
  answered: Uint8Array,
  isClosed: boolean,
  disk: Uint8Array,
): { readonly frames: number; readonly problem: string | undefined } {
  const reader = new PathReader(chunks);
  reader.run();
  const answers = framesOf(answered);
  const problem =
    (answers.isBroken ? 'the node sends what is no frame' : undefined) ??
    reader.compare(answers.frames, isClosed) ??
    (Buffer.compare(disk, reader.image) === 0
      ? undefined
      : 'the volume holds what no accepted request wrote');
  return { frames: reader.seen, problem };
}

interface Due {
  readonly type: number;
  readonly id?: number;
  readonly status?: number;
  readonly payload?: Uint8Array;
}

class PathReader {
  readonly image = new Uint8Array(pathVolumeBytes);
  readonly due: Due[] = [];
  seen = 0;
  #isClosed = false;
  #isGreeted = false;
  #asked = 0;
  #generation: number | undefined;
  /** Raised in the chunk that is being read: it counts from the next one on. */
  #raised: number | undefined;

  constructor(private readonly chunks: readonly Uint8Array[]) {}

  run(): void {
    const stream = joined(...this.chunks);
    const whole = framesOf(stream);
    const ends: number[] = [];
    for (const chunk of this.chunks) ends.push((ends.at(-1) ?? 0) + chunk.length);
    let chunk = 0;
    for (const next of whole.frames) {
      const before = chunk;
      while ((ends[chunk] ?? Infinity) < next.end) chunk += 1;
      if (chunk !== before && this.#raised !== undefined) {
        this.#generation = this.#raised;
        this.#raised = undefined;
      }
      this.seen += 1;
      this.#take(next);
      if (this.#isClosed) return;
    }
    this.#isClosed = whole.isBroken;
  }

  #take(next: RawFrame): void {
    switch (next.type) {
      case 64:
      case 65:
      case 66:
      case 67:
        this.#request(next);
        return;
      case 4:
        this.due.push({ type: 5, id: echoed(next.id) });
        return;
      case 5:
        return;
      case 1:
        this.#hello(next);
        return;
      case 26:
        this.#raise(next.generation);
        return;
      default:
        this.#isClosed = true;
    }
  }

  #hello({ payload }: RawFrame): void {
    this.#isClosed = true;
    const hello = parsed(payload);
    if (this.#isGreeted || hello === undefined) return;
    const { pathVersion, clusterId, groupId, initiatorId } = hello;
    const isFormed =
      Number.isSafeInteger(pathVersion) &&
      (pathVersion as number) >= 0 &&
      [clusterId, groupId, initiatorId].every((word) => typeof word === 'string' && word.length <= 4096);
    if (!isFormed) return;
    if (pathVersion !== 1 || clusterId !== pathHello.clusterId || groupId !== pathHello.groupId) {
      this.due.push({ type: 3 });
      return;
    }
    this.#isClosed = false;
    this.#isGreeted = true;
    this.due.push({ type: 2 }, { type: 69 });
  }

  #raise(generation: number): void {
    if (!this.#isGreeted || generation <= this.#asked) {
      this.#isClosed = true;
      return;
    }
    this.#asked = generation;
    this.#generation = undefined;
    this.#raised = generation;
  }

  #request(next: RawFrame): void {
    const { type, lengthBytes, offsetBytes, payload } = next;
    const id = echoed(next.id);
    const isWrong =
      this.#generation === undefined ||
      next.generation !== this.#generation ||
      next.volume !== 0 ||
      lengthBytes > (type === 66 ? zeroesBytes : requestBytes) ||
      payload.length !== (type === 65 ? lengthBytes : 0) ||
      (lengthBytes === 0 && type !== 67) ||
      next.operation - next.extra > window;
    if (isWrong) {
      this.#isClosed = true;
      return;
    }
    const to = offsetBytes + lengthBytes;
    if (to > pathVolumeBytes) {
      this.due.push({ type: 68, id, status: 4 });
      return;
    }
    if (type === 65) this.image.set(payload, offsetBytes);
    if (type === 66) this.image.fill(0, offsetBytes, to);
    this.due.push({
      type: 68,
      id,
      status: 0,
      payload: type === 64 ? this.image.slice(offsetBytes, to) : new Uint8Array(0),
    });
  }

  /** Answers may overtake each other; each is due once. A path that is cut off owes nothing. */
  compare(answers: readonly RawFrame[], isClosed: boolean): string | undefined {
    if (isClosed !== this.#isClosed)
      return `the path is ${isClosed ? 'closed without a reason' : 'open after nonsense'}`;
    const due = [...this.due];
    for (const answer of answers) {
      if (answer.type === 4 || answer.type === 27) continue;
      const at = due.findIndex(
        ({ type, id, status, payload }) =>
          type === answer.type &&
          (id === undefined || id === answer.id) &&
          (status === undefined || status === answer.status) &&
          (payload === undefined || Buffer.compare(payload, answer.payload) === 0),
      );
      if (at < 0) return `an answer of type ${String(answer.type)} to ${String(answer.id)} that was not due`;
      due.splice(at, 1);
    }
    if (due.length > 0 && !isClosed)
      return `${String(due.length)} answers are missing, the first to ${String(due[0]?.id)}`;
    return undefined;
  }
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
