import { Dice, everySplit, FedStream, fuzz, joined } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { encodeGoRequest, encodeMetaContextRequest, encodeOption } from '../../src/codec/option.js';
import { ByteQueue } from '../../src/codec/byte-queue.js';
import { OptionReplyDecoder, encodeInfoExport, encodeOptionReply } from '../../src/codec/option-reply.js';
import { settle } from '../support/clock.js';
import { NbdClientTarget } from './client-target.js';
import { drawRequest } from './grammar.js';
import { judge } from './reference.js';
import { NbdServerTarget } from './server-target.js';
import { ServerStage, type StageTls } from './stage.js';

describe('streams of hostile clients', () => {
  const kinds: readonly [StageTls, number, number][] = [
    ['none', 32_768, 20_000],
    ['none', 4_096, 10_000],
    ['required', 32_768, 5_000],
    ['offered', 32_768, 5_000],
  ];

  it.each(kinds)(
    'TLS %s, slices of %i bytes: the server says what the protocol says, for %i frames',
    async (tls, maxSliceBytes, frames) => {
      const report = await fuzz(new NbdServerTarget({ tls, maxSliceBytes }), { seed: 1, frames });
      expect(report.failure).toBeUndefined();
      expect(report.frames).toBeGreaterThanOrEqual(frames);
    },
  );

  it('streams of lying servers: the client believes what was said, and nothing else', async () => {
    const report = await fuzz(new NbdClientTarget(), { seed: 1, frames: 10_000 });
    expect(report.failure).toBeUndefined();
  });

  it('one seed makes one run, and another seed another', async () => {
    const target = new NbdServerTarget({ tls: 'none', maxSliceBytes: 32_768 });
    const one = target.draw(new Dice(5)).map((piece) => target.show(piece));
    expect(target.draw(new Dice(5)).map((piece) => target.show(piece))).toEqual(one);
    expect(target.draw(new Dice(6)).map((piece) => target.show(piece))).not.toEqual(one);
  });
});

/** Options of every kind and some requests, short enough to be cut everywhere. */
function conversation(seed: number): Uint8Array {
  const dice = new Dice(seed);
  const requests = Array.from({ length: 12 }, (_, index) => drawRequest(dice, index + 1).subarray(0, 300));
  return joined(
    Uint8Array.of(0, 0, 0, 3),
    encodeOption(3),
    encodeOption(99, new Uint8Array(5)),
    encodeOption(8),
    encodeOption(10, encodeMetaContextRequest({ name: 'disk', queries: ['base:allocation'] })),
    encodeOption(7, encodeGoRequest({ name: 'disk', infoTypes: [0, 3] })),
    ...requests,
  );
}

async function answersTo(
  chunks: readonly Uint8Array[],
): Promise<{ answers: Uint8Array; stage: ServerStage }> {
  const stage = new ServerStage({ tls: 'none', maxSliceBytes: 32_768 });
  const stream = new FedStream();
  stage.server.accept(stream);
  for (const chunk of chunks) {
    stream.feed(chunk);
    await settle(1);
  }
  await settle(1);
  return { answers: stream.take(), stage };
}

describe('where a stream is cut', () => {
  it('makes no difference to what the server answers and writes, at any byte', async () => {
    let splits = 0;
    for (const seed of [3]) {
      const stream = conversation(seed);
      const whole = await answersTo([stream.slice()]);
      for (const chunks of everySplit(stream)) {
        const { answers, stage } = await answersTo(chunks);
        const { problem } = judge(chunks, answers, stage.disks, { tls: 'none', maxSliceBytes: 32_768 });
        expect(problem).toBeUndefined();
        expect(Buffer.compare(stage.disks[0]?.bytes ?? answers, whole.stage.disks[0]?.bytes ?? answers)).toBe(
          0,
        );
        splits += 1;
      }
    }
    expect(splits).toBeGreaterThan(500);
  });

  it('makes no difference to what a client reads of its negotiation', () => {
    const stream = joined(
      encodeOptionReply(8, 1),
      encodeOptionReply(7, 3, encodeInfoExport(4_096, 1)),
      encodeOptionReply(7, 0x8000_0001, new TextEncoder().encode('no')),
    );
    const read = (chunks: readonly Uint8Array[]): unknown[] => {
      const queue = new ByteQueue();
      const decoder = new OptionReplyDecoder();
      const found: unknown[] = [];
      for (const chunk of chunks) {
        queue.push(chunk);
        for (let next = decoder.next(queue); next !== undefined; next = decoder.next(queue))
          found.push({ ...next, data: [...next.data] });
      }
      return found;
    };
    const whole = read([stream]);
    expect(whole).toHaveLength(3);
    for (const chunks of everySplit(stream)) expect(read(chunks)).toEqual(whole);
  });
});
