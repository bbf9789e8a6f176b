import { expect, it } from 'vitest';
// The example of README.md.
import { MemoryNetwork, VirtualClock, checkBlockHistory, memoryDevice } from '../src/index.js';

it('does what the README shows', async () => {
  const clock = new VirtualClock();
  const alphaClock = clock.process({ name: 'alpha', driftPpm: 200 });
  const network = new MemoryNetwork({ clock, seed: 7, speed: { latencyMs: 2, jitterMs: 1 } });
  const alpha = network.host('alpha', { clock: alphaClock });
  const beta = network.host('beta');

  const heard: string[] = [];
  await beta.listen('tcp:beta:7000', (stream) => {
    stream.attach({
      data: (bytes) => heard.push(new TextDecoder().decode(bytes)),
      drain: () => undefined,
      end: () => undefined,
      close: () => undefined,
    });
  });
  const stream = await clock.run(alpha.connect('tcp:beta:7000'));
  network.cut('alpha', 'beta'); // one way, without a word
  stream.write([new TextEncoder().encode('renew')]);
  await clock.advance(60_000);
  expect(heard).toEqual([]);
  network.heal('alpha', 'beta');
  await clock.advance(10);
  expect(heard).toEqual(['renew']);

  const device = memoryDevice({ sizeBytes: 1024 * 1024, seed: 7 });
  await device.write(0, new Uint8Array(4096).fill(1));
  await device.flush();
  await device.write(0, new Uint8Array(4096).fill(2)); // not flushed
  device.disk.losePower('nothing');
  const after = await memoryDevice(device.disk).read(0, 4096);
  expect(after.bytes[0]).toBe(1);

  const { ok, violations } = checkBlockHistory([
    { kind: 'write', block: 0, value: 1, startedAt: 1, endedAt: 2 },
    { kind: 'read', block: 0, value: 0, startedAt: 3, endedAt: 4, client: 'host-a' },
  ]);
  expect(ok).toBe(false);
  expect(violations[0]?.reason).toBe(
    'the values 0 and 1 would each have to come before the other: write 1 [1 .. 2]; host-a: read 0 [3 .. 4]',
  );
});
