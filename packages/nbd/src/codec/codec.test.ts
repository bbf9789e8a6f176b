import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NbdError } from '../errors.js';
import { ByteQueue } from './byte-queue.js';
import {
  encodeClientFlags,
  encodeGoRequest,
  encodeGreeting,
  encodeMetaContextRequest,
  encodeOption,
} from './option.js';
import { decodeGoRequest, decodeMetaContextRequest, OptionDecoder } from './option.js';
import { encodeOptionReply, OptionReplyDecoder } from './option-reply.js';
import { encodeChunkHeader, encodeSimpleReply, ReplyDecoder } from './reply.js';
import { encodeRequest, RequestDecoder } from './request.js';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const payload = fc.uint8Array({ maxLength: 100 });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });

const request = fc.record({
  flags: u16,
  command: u16,
  cookieHigh: u32,
  cookieLow: u32,
  offsetBytes: u64,
  lengthBytes: u32,
});
const option = fc.record({ code: u32, data: payload });
const optionReply = fc.record({ option: u32, code: u32, data: payload });
const reply = fc.oneof(
  fc.record({ structured: fc.constant(false), error: u32, cookieHigh: u32, cookieLow: u32, data: payload }),
  fc.record({
    structured: fc.constant(true),
    flags: u16,
    type: u16,
    cookieHigh: u32,
    cookieLow: u32,
    data: payload,
  }),
);

type Reply = typeof reply extends fc.Arbitrary<infer Value> ? Value : never;

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** Cuts bytes at the given places, which may repeat. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = places.map((place) => place % (bytes.byteLength + 1)).sort((left, right) => left - right);
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (const place of [...sorted, bytes.byteLength]) {
    pieces.push(bytes.slice(start, place));
    start = place;
  }
  return pieces;
}

function decodeRequests(pieces: readonly Uint8Array[]): unknown[] {
  const queue = new ByteQueue();
  const decoder = new RequestDecoder();
  const seen: unknown[] = [];
  for (const piece of pieces) {
    queue.push(piece);
    while (decoder.next(queue)) {
      const { flags, command, cookieHigh, cookieLow, offsetBytes, lengthBytes } = decoder;
      seen.push({ flags, command, cookieHigh, cookieLow, offsetBytes, lengthBytes });
    }
  }
  seen.push(queue.length);
  return seen;
}

function decodeOptions(pieces: readonly Uint8Array[]): unknown[] {
  const queue = new ByteQueue();
  const decoder = new OptionDecoder(16_384);
  const seen: unknown[] = [];
  let flags: number | undefined;
  for (const piece of pieces) {
    queue.push(piece);
    flags ??= decoder.flags(queue);
    if (flags === undefined) continue;
    for (let next = decoder.next(queue); next !== undefined; next = decoder.next(queue)) {
      seen.push([next.code, [...next.data], decodeGoRequest(next.data), decodeMetaContextRequest(next.data)]);
    }
  }
  seen.push(flags);
  return seen;
}

function decodeOptionReplies(pieces: readonly Uint8Array[]): unknown[] {
  const queue = new ByteQueue();
  const decoder = new OptionReplyDecoder();
  const seen: unknown[] = [];
  let flags: number | undefined;
  for (const piece of pieces) {
    queue.push(piece);
    flags ??= decoder.greeting(queue);
    if (flags === undefined) continue;
    for (let next = decoder.next(queue); next !== undefined; next = decoder.next(queue)) {
      seen.push([next.option, next.code, [...next.data]]);
    }
  }
  seen.push(flags);
  return seen;
}

/** Reads replies whose simple ones are followed by as many bytes as `lengths` says, in order. */
function decodeReplies(pieces: readonly Uint8Array[], lengths: readonly number[]): unknown[] {
  const queue = new ByteQueue();
  const decoder = new ReplyDecoder();
  const seen: unknown[] = [];
  let wanted: number | undefined;
  let count = 0;
  for (const piece of pieces) {
    queue.push(piece);
    for (;;) {
      if (wanted === undefined) {
        if (!decoder.next(queue)) break;
        wanted = lengths[count] ?? 0;
        count += 1;
        const { structured, error, flags, type, cookieHigh, cookieLow, lengthBytes } = decoder;
        seen.push({ structured, error, flags, type, cookieHigh, cookieLow, lengthBytes });
      }
      if (queue.length < wanted) break;
      seen.push([...queue.take(wanted)]);
      wanted = undefined;
    }
  }
  return seen;
}

function encodeRequests(requests: readonly Parameters<typeof encodeRequest>[2][]): Uint8Array {
  const bytes = new Uint8Array(28 * requests.length);
  requests.reduce((position, header) => encodeRequest(bytes, position, header), 0);
  return bytes;
}

function encodeReplies(replies: readonly Reply[]): Uint8Array {
  return concat(
    replies.flatMap((one) => {
      const head = new Uint8Array(20);
      const end =
        'error' in one
          ? encodeSimpleReply(head, 0, one.error, one.cookieHigh, one.cookieLow)
          : encodeChunkHeader(
              head,
              0,
              one.flags,
              one.type,
              one.cookieHigh,
              one.cookieLow,
              one.data.byteLength,
            );
      return [head.subarray(0, end), one.data];
    }),
  );
}

const encodedOptions = (options: readonly { code: number; data: Uint8Array }[]): Uint8Array =>
  concat([encodeClientFlags(3), ...options.map((one) => encodeOption(one.code, one.data))]);
const encodedOptionReplies = (
  replies: readonly { option: number; code: number; data: Uint8Array }[],
): Uint8Array =>
  concat([encodeGreeting(3), ...replies.map((one) => encodeOptionReply(one.option, one.code, one.data))]);

describe('every frame comes out as it went in, however it is cut', () => {
  const places = fc.array(fc.nat(), { maxLength: 12 });

  it('requests', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 6 }), places, (requests, where) => {
        expect(decodeRequests(cut(encodeRequests(requests), where))).toEqual([
          ...requests.map((one) => ({ ...one })),
          0,
        ]);
      }),
    );
  });

  it('options', () => {
    fc.assert(
      fc.property(fc.array(option, { maxLength: 5 }), places, (options, where) => {
        const seen = decodeOptions(cut(encodedOptions(options), where));
        expect(seen.slice(0, -1).map((one) => (one as unknown[]).slice(0, 2))).toEqual(
          options.map((one) => [one.code, [...one.data]]),
        );
      }),
    );
  });

  it('option replies', () => {
    fc.assert(
      fc.property(fc.array(optionReply, { maxLength: 5 }), places, (replies, where) => {
        const seen = decodeOptionReplies(cut(encodedOptionReplies(replies), where));
        expect(seen).toEqual([...replies.map((one) => [one.option, one.code, [...one.data]]), 3]);
      }),
    );
  });

  it('replies', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 5 }), places, (replies, where) => {
        const lengths = replies.map((one) => one.data.byteLength);
        const whole = decodeReplies([encodeReplies(replies)], lengths);
        expect(decodeReplies(cut(encodeReplies(replies), where), lengths)).toEqual(whole);
        expect(whole.filter((_, index) => index % 2 === 1)).toEqual(replies.map((one) => [...one.data]));
      }),
    );
  });

  it('byte by byte, at every place', () => {
    const header = {
      flags: 1,
      command: 2,
      cookieHigh: 3,
      cookieLow: 4,
      offsetBytes: 2 ** 53 - 1,
      lengthBytes: 6,
    };
    const bytes = encodeRequests([header, header]);
    for (let place = 0; place <= bytes.byteLength; place += 1)
      expect(decodeRequests(cut(bytes, [place]))).toEqual([header, header, 0]);
    expect(decodeRequests([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual([header, header, 0]);
  });

  it('the contents of options', () => {
    fc.assert(
      fc.property(
        text,
        fc.array(u16, { maxLength: 5 }),
        fc.array(text, { maxLength: 5 }),
        (name, infoTypes, queries) => {
          expect(decodeGoRequest(encodeGoRequest({ name, infoTypes }))).toEqual({ name, infoTypes });
          expect(decodeMetaContextRequest(encodeMetaContextRequest({ name, queries }))).toEqual({
            name,
            queries,
          });
        },
      ),
    );
  });
});

describe('nothing but an NbdError is ever thrown', () => {
  const changes = fc.array(fc.record({ place: fc.nat(), byte: fc.nat(255) }), { minLength: 1, maxLength: 8 });

  function change(bytes: Uint8Array, where: readonly { place: number; byte: number }[]): Uint8Array {
    const changed = bytes.slice();
    for (const { place, byte } of where)
      if (changed.byteLength > 0) changed[place % changed.byteLength] = byte;
    return changed;
  }

  function outcome(decode: () => unknown): unknown {
    try {
      return decode();
    } catch (error) {
      if (!NbdError.is(error)) throw error;
      return error.code;
    }
  }

  const places = fc.array(fc.nat(), { maxLength: 6 });

  it('by changed bytes, and cutting makes no difference', () => {
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 4 }),
        fc.array(option, { minLength: 1, maxLength: 3 }),
        fc.array(optionReply, { minLength: 1, maxLength: 3 }),
        fc.array(reply, { minLength: 1, maxLength: 3 }),
        changes,
        places,
        (requests, options, optionReplies, replies, where, cuts) => {
          const kinds: [Uint8Array, (pieces: readonly Uint8Array[]) => unknown][] = [
            [encodeRequests(requests), decodeRequests],
            [encodedOptions(options), decodeOptions],
            [encodedOptionReplies(optionReplies), decodeOptionReplies],
            [
              encodeReplies(replies),
              (pieces) =>
                decodeReplies(
                  pieces,
                  replies.map((one) => one.data.byteLength),
                ),
            ],
          ];
          for (const [bytes, decode] of kinds) {
            const changed = change(bytes, where);
            expect(outcome(() => decode(cut(changed, cuts)))).toEqual(outcome(() => decode([changed])));
          }
        },
      ),
    );
  });

  it('by random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const decode of [decodeRequests, decodeOptions, decodeOptionReplies])
          outcome(() => decode([bytes]));
        outcome(() => decodeReplies([bytes], []));
        decodeGoRequest(bytes);
        decodeMetaContextRequest(bytes);
      }),
    );
  });
});

describe('a byte queue', () => {
  it('does what an array would do', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push' as const), bytes: fc.uint8Array({ maxLength: 50 }) }),
      fc.record({
        do: fc.constantFrom('take' as const, 'skip' as const, 'peek' as const, 'copy' as const),
        count: fc.nat(60),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new ByteQueue();
        let model: number[] = [];
        for (const one of steps) {
          if (one.do === 'push') {
            queue.push(one.bytes);
            model.push(...one.bytes);
          } else if (one.do === 'take' && one.count <= model.length) {
            expect([...queue.take(one.count)]).toEqual(model.slice(0, one.count));
            model = model.slice(one.count);
          } else if (one.do === 'skip') {
            expect(queue.skip(one.count)).toBe(Math.min(one.count, model.length));
            model = model.slice(one.count);
          } else if (one.do === 'peek' && one.count <= 32 && one.count > 0) {
            const peeked = queue.peek(one.count);
            if (one.count > model.length) expect(peeked).toBeUndefined();
            else
              expect([...(peeked ?? new Uint8Array()).subarray(0, one.count)]).toEqual(
                model.slice(0, one.count),
              );
          } else if (one.do === 'copy') {
            const target = new Uint8Array(100);
            const copied = queue.copyInto(target, 10, one.count);
            expect([...target.subarray(10, 10 + copied)]).toEqual(model.slice(0, one.count));
            model = model.slice(copied);
          }
          expect(queue.length).toBe(model.length);
        }
      }),
    );
  });
});
