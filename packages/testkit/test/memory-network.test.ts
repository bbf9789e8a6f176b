import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteStream } from '@holdfast/core';
import { type MemoryHost, MemoryNetwork, type MemoryNetworkOptions, VirtualClock } from '../src/index.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Heard {
  text: string;
  readonly log: string[];
}

function listenTo(stream: ByteStream, clock: VirtualClock): Heard {
  const heard: Heard = { text: '', log: [] };
  stream.attach({
    data: (chunk) => {
      heard.text += new TextDecoder().decode(chunk);
      heard.log.push(`${String(clock.now())} data ${String(chunk.length)}`);
    },
    drain: () => heard.log.push(`${String(clock.now())} drain`),
    end: () => heard.log.push(`${String(clock.now())} end`),
    close: (error) =>
      heard.log.push(`${String(clock.now())} close${error === undefined ? '' : ' with an error'}`),
  });
  return heard;
}

async function pair(options: Partial<MemoryNetworkOptions> = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock, speed: { latencyMs: 10 }, ...options });
  const betaClock = clock.process();
  const alpha = network.host('alpha');
  const beta = network.host('beta', { clock: betaClock });
  let accepted: ByteStream | undefined;
  await beta.listen('tcp:beta:7000', (stream) => (accepted = stream));
  const near = await clock.run(alpha.connect('tcp:beta:7000'));
  const far = accepted!;
  return {
    clock,
    network,
    alpha,
    beta,
    betaClock,
    near,
    far,
    here: listenTo(near, clock),
    there: listenTo(far, clock),
  };
}

describe('streams between hosts', () => {
  it('connect after a round trip and carry bytes after the latency, in order', async () => {
    const { clock, near, here, there, far } = await pair();
    expect(clock.now()).toBe(20);
    near.write([bytes('one '), bytes('two ')]);
    near.write([bytes('three')]);
    await clock.advance(9);
    expect(there.text).toBe('');
    await clock.advance(1);
    expect(there.text).toBe('one two three');
    far.write([bytes('back')]);
    await clock.advance(10);
    expect(here.text).toBe('back');
  });

  it('keep order under jitter and a slow line (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 20 }),
        async (seed, lengths) => {
          const { clock, near, there } = await pair({
            seed,
            speed: { latencyMs: 1, jitterMs: 50, bytesPerSecond: 1_000_000 },
          });
          let sent = '';
          for (const [index, length] of lengths.entries()) {
            const piece = String.fromCharCode(97 + (index % 26)).repeat(length);
            sent += piece;
            near.write([bytes(piece)]);
            if (index % 3 === 0) await clock.advance(7);
          }
          await clock.runUntilIdle();
          expect(there.text).toBe(sent);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('keep what came before somebody listened, and hand on', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock });
    let accepted: ByteStream | undefined;
    await network.host('beta').listen('tcp:beta:1', (stream) => (accepted = stream));
    const near = await clock.run(network.host('alpha').connect('tcp:beta:1'));
    near.write([bytes('early ')]);
    await clock.advance(50);
    const first = listenTo(accepted!, clock);
    expect(first.text).toBe('');
    await clock.advance(0);
    expect(first.text).toBe('early ');
    const second = listenTo(accepted!, clock);
    near.write([bytes('late')]);
    await clock.advance(50);
    expect([first.text, second.text]).toEqual(['early ', 'late']);
  });

  it('push back: false above the mark, flushed when the system has taken it, drain when there is room', async () => {
    const { clock, near, far, here, there } = await pair({ windowBytes: 1_000, highWaterMarkBytes: 2_000 });
    far.pause();
    let flushed = 0;
    const write = (): boolean => near.write([new Uint8Array(500)], () => (flushed += 1));
    const answers = Array.from({ length: 8 }, write);
    await clock.advance(100);
    expect(answers).toEqual([true, true, true, true, true, true, false, false]);
    expect(flushed).toBe(2);
    expect(there.log).toEqual([]);
    far.resume();
    await clock.advance(100);
    expect(flushed).toBe(8);
    expect(here.log.filter((line) => line.includes('drain'))).toHaveLength(1);
    expect(there.text).toHaveLength(4_000);
  });

  it('end in order, half by half, and close on both sides', async () => {
    const { clock, near, far, here, there } = await pair();
    near.write([bytes('question')]);
    near.end();
    await clock.advance(10);
    expect(there.log).toEqual(['30 data 8', '30 end']);
    far.write([bytes('answer')]);
    far.end();
    await clock.advance(20);
    expect(here.log).toEqual(['40 data 6', '40 end', '40 close']);
    expect(there.log.at(-1)).toBe('30 close');
  });

  it('destroyed: closed here without an error, reset there, and every chunk is given back once', async () => {
    const { clock, near, alpha, beta, here, there } = await pair({ windowBytes: 100 });
    let flushed = 0;
    for (let count = 0; count < 5; count += 1) near.write([new Uint8Array(100)], () => (flushed += 1));
    near.destroy();
    expect(here.log).toEqual([]);
    await clock.runUntilIdle();
    expect(here.log).toEqual(['20 close']);
    expect(flushed).toBe(5);
    expect(there.log.at(-1)).toBe('30 close with an error');
    expect(near.write([bytes('x')], () => (flushed += 1))).toBe(false);
    await clock.runUntilIdle();
    expect(flushed).toBe(6);
    expect([alpha.openStreams, beta.openStreams]).toEqual([0, 0]);
  });

  it('within one host go over a path, at once', async () => {
    const clock = new VirtualClock();
    const host = new MemoryNetwork({ clock }).host('alpha');
    let accepted: ByteStream | undefined;
    const listener = await host.listen('unix:/run/a', (stream) => (accepted = stream));
    await expect(host.listen('unix:/run/a', () => undefined)).rejects.toMatchObject({ code: 'ALREADY_OPEN' });
    const near = await clock.run(host.connect('unix:/run/a'));
    const heard = listenTo(accepted!, clock);
    near.write([bytes('hello')]);
    await clock.advance(0);
    expect(heard.text).toBe('hello');
    await listener[Symbol.asyncDispose]();
    await expect(clock.run(host.connect('unix:/run/a'))).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});

describe('what goes wrong between hosts', () => {
  it('a cut swallows one direction without a word, and what was written comes after it is healed', async () => {
    const { clock, network, near, far, here, there } = await pair();
    network.cut('alpha', 'beta');
    near.write([bytes('lost?')]);
    far.write([bytes('still heard')]);
    await clock.advance(60_000);
    expect(there.log).toEqual([]);
    expect(here.text).toBe('still heard');
    network.heal('alpha', 'beta');
    await clock.advance(10);
    expect(there.text).toBe('lost?');
  });

  it('a cut holds back what was on the way, too', async () => {
    const { clock, network, near, there } = await pair();
    near.write([bytes('x')]);
    await clock.advance(5);
    network.partition('alpha', 'beta');
    await clock.advance(100);
    expect(there.text).toBe('');
    network.healAll();
    await clock.advance(10);
    expect(there.text).toBe('x');
  });

  it('connecting through a cut waits for the deadline, or for the healing', async () => {
    const { clock, network, alpha } = await pair();
    network.cut('beta', 'alpha');
    await expect(clock.run(alpha.connect('tcp:beta:7000', { deadlineMs: 300 }))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const abort = new AbortController();
    const aborted = alpha.connect('tcp:beta:7000', { signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    const patient = alpha.connect('tcp:beta:7000');
    await clock.advance(1_000);
    network.healAll();
    expect((await clock.run(patient)).remote).toBe('tcp:beta:7000');
    await clock.runUntilIdle();
    expect(alpha.openStreams).toBe(2);
  });

  it('a reset breaks every stream between two hosts, on both sides', async () => {
    const { clock, network, here, there } = await pair();
    network.reset('alpha', 'beta');
    await clock.advance(0);
    expect([here.log, there.log]).toEqual([['20 close with an error'], ['20 close with an error']]);
  });

  it('a stopped process notices nothing until it goes on, and its kernel takes what comes', async () => {
    const { clock, betaClock, near, there, alpha } = await pair();
    betaClock.pause();
    near.write([bytes('meanwhile')]);
    const connected = await clock.run(alpha.connect('tcp:beta:7000'));
    expect(connected.remote).toBe('tcp:beta:7000');
    await clock.advance(500);
    expect(there.log).toEqual([]);
    betaClock.resume();
    await clock.advance(0);
    expect(there.text).toBe('meanwhile');
  });

  it('a killed process: its peers see the end, and a reset when they go on', async () => {
    const { clock, beta, near, far, here, there, alpha } = await pair();
    far.write([bytes('last words')]);
    beta.kill();
    await clock.advance(10);
    expect(here.text).toBe('last words');
    expect(here.log.at(-1)).toBe('30 end');
    near.write([bytes('anybody?')]);
    await clock.advance(20);
    expect(here.log.at(-1)).toBe('50 close with an error');
    expect(there.log).toEqual([]);
    await expect(clock.run(alpha.connect('tcp:beta:7000'))).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('a dark machine says nothing; when it is back, whoever still sends is reset', async () => {
    const { clock, beta, near, here, alpha } = await pair();
    beta.powerOff();
    near.write([bytes('anybody?')]);
    const connecting = alpha.connect('tcp:beta:7000', { deadlineMs: 5_000 });
    await expect(clock.run(connecting)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(here.log).toEqual([]);
    beta.powerOn();
    await clock.advance(10);
    expect(here.log.at(-1)).toMatch(/close with an error/);
  });

  it('is the same run again for the same seed', async () => {
    const run = async (): Promise<readonly string[]> => {
      const { clock, near, there } = await pair({ seed: 42, speed: { latencyMs: 1, jitterMs: 20 } });
      for (let count = 0; count < 20; count += 1) {
        near.write([bytes('x'.repeat(count + 1))]);
        await clock.advance(3);
      }
      await clock.runUntilIdle();
      return there.log;
    };
    expect(await run()).toEqual(await run());
  });

  it('a host that nobody made is unreachable', async () => {
    const clock = new VirtualClock();
    const alpha: MemoryHost = new MemoryNetwork({ clock }).host('alpha');
    await expect(clock.run(alpha.connect('tcp:nowhere:1'))).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(alpha.connect('nonsense')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('messages for themselves', () => {
  async function arrivals(
    weather: Parameters<MemoryNetwork['sendDatagram']>[3],
    count = 200,
  ): Promise<number[]> {
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock, seed: 3, speed: { latencyMs: 2 } });
    const seen: number[] = [];
    for (let number = 0; number < count; number += 1) {
      network.sendDatagram('a', 'b', () => seen.push(number), weather);
      await clock.advance(1);
    }
    await clock.advance(500);
    return seen;
  }

  it('all arrive, once and in order, when nothing is wrong', async () => {
    expect(await arrivals({})).toEqual(Array.from({ length: 200 }, (_, number) => number));
  });

  it('are lost, doubled, and late as the weather says', async () => {
    expect(new Set(await arrivals({ loss: 0.5 })).size).toBeLessThan(150);
    const doubled = await arrivals({ doubled: 1 });
    expect(doubled).toHaveLength(400);
    const late = await arrivals({ late: 0.5, lateMs: 50 });
    expect(late).toHaveLength(200);
    expect(late).not.toEqual([...late].sort((one, other) => one - other));
  });

  it('do not cross a cut, and are not repeated after it', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock, speed: { latencyMs: 2 } });
    const seen: string[] = [];
    network.cut('a', 'b');
    network.sendDatagram('a', 'b', () => seen.push('into the cut'));
    network.sendDatagram('b', 'a', () => seen.push('the other way'));
    network.heal('a', 'b');
    network.sendDatagram('a', 'b', () => seen.push('on the way'));
    network.cut('a', 'b');
    await clock.advance(100);
    expect(seen).toEqual(['the other way']);
  });
});
