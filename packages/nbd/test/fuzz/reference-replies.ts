import { viewOf } from './reference-handshake.js';

/** A request that the client has sent. */
export interface AskedRequest {
  readonly cookie: bigint;
  readonly command: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** What the server's bytes say, read a second time. */
export interface ReplyVerdict {
  /** Requests with a whole answer, up to the first broken rule. */
  readonly replies: ReadonlyMap<bigint, { readonly error: number; readonly data: Uint8Array }>;
  readonly isViolated: boolean;
}

interface Open {
  readonly asked: AskedRequest;
  readonly data: Uint8Array;
  readonly covered: Uint8Array;
  error: number;
  extents: boolean;
}

const longestChunkBytes = 4 + 8 * 8192;

/** Walks through the replies of a server that may lie. It keeps a mark for every byte of a read: dumb, and right. */
export function judgeReplies(
  bytes: Uint8Array,
  asked: readonly AskedRequest[],
  structured: boolean,
  hasContext: boolean,
): ReplyVerdict {
  const open = new Map<bigint, Open>(asked.map((one) => [one.cookie, opened(one)]));
  const replies = new Map<bigint, { error: number; data: Uint8Array }>();
  const finish = (one: Open): boolean => {
    if (one.error === 0 && one.asked.command === 0 && one.covered.includes(0)) return false;
    if (one.error === 0 && one.asked.command === 7 && !one.extents) return false;
    open.delete(one.asked.cookie);
    replies.set(one.asked.cookie, { error: one.error, data: one.data });
    return true;
  };
  const view = viewOf(bytes);
  const violated = { replies, isViolated: true };
  const incomplete = { replies, isViolated: false };
  let at = 0;
  while (bytes.length - at >= 16) {
    const magic = view.getUint32(at);
    if (magic !== 0x67446698 && magic !== 0x668e33ef) return violated;
    if (magic === 0x668e33ef && bytes.length - at < 20) return incomplete;
    const one = open.get(view.getBigUint64(at + 8));
    if (one === undefined) return violated;
    const isRead = one.asked.command === 0;
    if (magic === 0x67446698) {
      one.error = view.getUint32(at + 4);
      at += 16;
      if (one.error === 0 && isRead) {
        if (structured) return violated;
        const last = one.asked.lengthBytes;
        if (bytes.length - at < last) return incomplete;
        one.data.set(bytes.subarray(at, at + last));
        one.covered.fill(1);
        at += last;
      } else if (one.error === 0 && one.asked.command === 7) return violated;
      if (!finish(one)) return violated;
      continue;
    }
    if (!structured) return violated;
    const isDone = (view.getUint16(at + 4) & 1) !== 0;
    const type = view.getUint16(at + 6);
    const lengthBytes = view.getUint32(at + 16);
    if (lengthBytes > (type === 1 ? one.asked.lengthBytes + 8 : longestChunkBytes)) return violated;
    const body = bytes.subarray(at + 20, at + 20 + lengthBytes);
    if (type === 1) {
      const verdict = dataChunk(one, body, lengthBytes);
      if (verdict !== 'whole') return verdict === 'wrong' ? violated : incomplete;
    } else {
      if (body.length < lengthBytes) return incomplete;
      if (!otherChunk(one, type, body, isDone, hasContext)) return violated;
    }
    at += 20 + lengthBytes;
    if (isDone && !finish(one)) return violated;
  }
  return incomplete;
}

function opened(asked: AskedRequest): Open {
  const lengthBytes = asked.command === 0 ? asked.lengthBytes : 0;
  return {
    asked,
    data: new Uint8Array(lengthBytes),
    covered: new Uint8Array(lengthBytes),
    error: 0,
    extents: false,
  };
}

/** Marks a part of a read; false: outside of it, or a second time. */
function cover(one: Open, offset: bigint, lengthBytes: number): number | undefined {
  const start = Number(offset - BigInt(one.asked.offset));
  if (one.asked.command !== 0 || lengthBytes < 1 || start < 0 || start + lengthBytes > one.data.length)
    return undefined;
  if (one.covered.subarray(start, start + lengthBytes).includes(1)) return undefined;
  one.covered.fill(1, start, start + lengthBytes);
  return start;
}

function dataChunk(one: Open, body: Uint8Array, lengthBytes: number): 'whole' | 'wrong' | 'incomplete' {
  if (lengthBytes < 9) return 'wrong';
  if (body.length < 8) return 'incomplete';
  const start = cover(one, viewOf(body).getBigUint64(0), lengthBytes - 8);
  if (start === undefined) return 'wrong';
  if (body.length < lengthBytes) return 'incomplete';
  one.data.set(body.subarray(8), start);
  return 'whole';
}

function otherChunk(
  one: Open,
  type: number,
  body: Uint8Array,
  isDone: boolean,
  hasContext: boolean,
): boolean {
  const view = viewOf(body);
  if (type === 0) return body.length === 0 && isDone;
  if (type === 2) {
    if (body.length !== 12) return false;
    const start = cover(one, view.getBigUint64(0), view.getUint32(8));
    if (start !== undefined) one.data.fill(0, start, start + view.getUint32(8));
    return start !== undefined;
  }
  if (type === 5) {
    const count = (body.length - 4) / 8;
    if (one.asked.command !== 7 || one.extents || !hasContext || !Number.isInteger(count) || count < 1)
      return false;
    if (view.getUint32(0) !== 77) return false;
    let left = one.asked.lengthBytes;
    for (let index = 0; index < count && left > 0; index += 1) {
      if (view.getUint32(4 + 8 * index) === 0) return false;
      left -= view.getUint32(4 + 8 * index);
    }
    one.extents = true;
    return true;
  }
  if (type < 0x8001) return false;
  if (body.length < 6 || view.getUint32(0) === 0 || 6 + view.getUint16(4) > body.length) return false;
  one.error = view.getUint32(0);
  return true;
}
