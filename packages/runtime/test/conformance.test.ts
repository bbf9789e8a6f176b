import {
  clockSuite,
  conformanceTests,
  randomSuite,
  transportSuite,
  type TransportFixture,
} from '@holdfast/testkit';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { socketTransport, systemClock, systemRandom } from '../src/index.js';

const runner = { describe, it };

async function unixSockets(): Promise<TransportFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-socket-'));
  return {
    client: socketTransport(),
    server: socketTransport(),
    address: `unix:${folder}/here`,
    nobody: `unix:${folder}/nobody`,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function tcpSockets(): TransportFixture {
  const options = { allowPlaintextLoopback: true };
  return {
    client: socketTransport(options),
    server: socketTransport(options),
    address: 'tcp:127.0.0.1:0',
    // The port of another protocol, on which no machine of a developer listens.
    nobody: 'tcp:127.0.0.1:1',
    resets: true,
  };
}

conformanceTests(runner, transportSuite, { name: 'socketTransport over Unix sockets', fixture: unixSockets });
conformanceTests(runner, transportSuite, { name: 'socketTransport over TCP', fixture: tcpSockets });
conformanceTests(runner, clockSuite, { name: 'systemClock', fixture: () => ({ clock: systemClock() }) });
conformanceTests(runner, randomSuite, { name: 'systemRandom', fixture: () => ({ open: systemRandom }) });
