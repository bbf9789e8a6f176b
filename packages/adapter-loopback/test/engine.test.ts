import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RingEngine } from '../src/node/leg/engine.js';
import { operation, words, zeroRegionBytes } from '../src/node/leg/layout.js';
import { temporaryFolder } from './temporary.js';

const mib = 1024 * 1024;

describe('the rings of a leg', () => {
  it('let a slow request hold up nobody who comes later', async () => {
    await using folder = await temporaryFolder();
    await using handle = await open(join(folder.path, 'file'), 'w+');
    const engine = new RingEngine(handle.fd, 2, mib, (error) => void Promise.reject(error));
    const order: string[] = [];
    while (Atomics.load(engine.rings.control, words.sleepers) < 2) await sleep(5);
    await new Promise<number>((done) => engine.submit(operation.zero, 0, 1, 0, done));
    const slow = new Promise<void>((done) => {
      engine.submit(operation.zero, 4096, 256 * mib, 0, () => {
        order.push('slow');
        done();
      });
    });
    // By now one thread is busy with it, and the other one sleeps.
    await sleep(5);
    // As after a long time of quick ones.
    Atomics.store(engine.rings.control, words.slow, 0);
    await new Promise<void>((done) => {
      engine.submit(operation.read, 0, 1, zeroRegionBytes, () => {
        order.push('quick');
        done();
      });
    });
    await slow;
    await engine.stop();
    expect(order).toEqual(['quick', 'slow']);
  });

  it('serve small requests before a queue of large ones, and do not forget the large ones', async () => {
    await using folder = await temporaryFolder();
    await using handle = await open(join(folder.path, 'file'), 'w+');
    const engine = new RingEngine(handle.fd, 1, mib, (error) => void Promise.reject(error));
    const order: string[] = [];
    const submit = (name: string, lengthBytes: number): Promise<void> =>
      new Promise((done) => {
        engine.submit(operation.zero, 0, lengthBytes, 0, () => {
          order.push(name);
          done();
        });
      });
    const all: Promise<void>[] = [];
    for (let index = 0; index < 100; index += 1) all.push(submit('large', mib));
    for (let index = 0; index < 100; index += 1) all.push(submit('small', 4096));
    await Promise.all(all);
    await engine.stop();
    expect(order.lastIndexOf('small')).toBeLessThan(150);
    expect(order.slice(0, 20)).toContain('large');
  });
});
