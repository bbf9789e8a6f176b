import { HoldfastError, type Store } from '@holdfast/core';
import { stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createWitnessClient,
  createWitnessOperator,
  memoryStore,
  promoteAcknowledgement,
  type WitnessOptions,
} from '../src/index.js';
import { claim, members, registerBoth, scratch, type Started, startWitness } from './support/witness.js';

let folder: Awaited<ReturnType<typeof scratch>>;

beforeEach(async () => {
  folder = await scratch();
});
afterEach(() => folder[Symbol.asyncDispose]());

const start = (options?: Partial<WitnessOptions>): Promise<Started> => startWitness(folder.path, options);

describe('over a Unix socket', () => {
  test('the whole story of a lost site', async () => {
    await using witness = await start();
    await using client = createWitnessClient({ address: witness.address });
    const { incarnation: _incarnation, ...first } = claim(witness.incarnation, 'P', 1);
    expect((await client.register({ ...first, lineageId: 'a', members })).kind).toBe('granted');
    const { incarnation } = witness;
    await registerBoth(client, incarnation);
    expect(await client.promote({ ...claim(incarnation, 'N', 2), fromEpoch: 1 })).toEqual({
      kind: 'granted',
      view: {
        ...{ state: 'AUTO_PROMOTED', incarnation, quarantined: false, epoch: 2, owner: 'N', lineageId: 'N2' },
        members,
      },
    });
    expect((await client.promote({ ...claim(incarnation, 'P', 2), fromEpoch: 1 })).kind).toBe('denied');
    expect((await client.reassert(claim(incarnation, 'N', 2))).kind).toBe('granted');
    const history = [{ epoch: 1, lineageId: 'a' }];
    expect((await client.reassert({ ...claim(incarnation, 'P', 3), history })).kind).toBe('denied');
    expect((await client.rejoin({ ...claim(incarnation, 'N', 3), members })).kind).toBe('granted');
    expect(await client.status('g')).toMatchObject({
      kind: 'granted',
      view: { state: 'REGISTERED', epoch: 3 },
    });
    expect((await client.status('other')).kind).toBe('not-registered');
    expect(witness.events.map((event) => event.kind)).toContain('witness-group-changed');
  });

  test('only its own user gets in, and the socket goes with the witness', async () => {
    const witness = await start();
    const { mode } = await stat(witness.socket);
    expect(mode & 0o777).toBe(0o600);
    expect((await stat(join(folder.path, 'boot-token'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder.path, 'store'))).mode & 0o777).toBe(0o700);
    await witness[Symbol.asyncDispose]();
    await expect(stat(witness.socket)).rejects.toThrow('ENOENT');
  });

  test('a second witness on the same store, or at the same place, does not start', async () => {
    await using witness = await start();
    const sameStore = await start({ listen: `unix:${folder.path}/other.sock` }).catch(
      (error: unknown) => error,
    );
    expect(HoldfastError.is(sameStore, 'ALREADY_OPEN'), String(sameStore)).toBe(true);
    const samePlace = await start({ store: join(folder.path, 'other') }).catch((error: unknown) => error);
    expect(HoldfastError.is(samePlace, 'ALREADY_OPEN'), String(samePlace)).toBe(true);
    await using client = createWitnessClient({ address: witness.address });
    expect((await client.status('g')).kind).toBe('not-registered');
  });

  test('50 rounds of two claims at once: exactly one is granted', async () => {
    await using witness = await start();
    await using left = createWitnessClient({ address: witness.address });
    await using right = createWitnessClient({ address: witness.address });
    for (let round = 0; round < 50; round += 1) {
      const groupId = `g${round}`;
      await registerBoth(left, witness.incarnation, groupId);
      const answers = await Promise.all([
        left.promote({ ...claim(witness.incarnation, 'P', 2, groupId), fromEpoch: 1 }),
        right.promote({ ...claim(witness.incarnation, 'N', 2, groupId), fromEpoch: 1 }),
      ]);
      expect(answers.map((answer) => answer.kind).sort()).toEqual(['denied', 'granted']);
    }
  });

  test('after a clean stop it goes on with the same memory', async () => {
    const first = await start();
    await using client = createWitnessClient({ address: first.address });
    await registerBoth(client, first.incarnation);
    await first[Symbol.asyncDispose]();
    expect((await client.status('g')).kind).toBe('unreachable');
    await using second = await start();
    expect(second).toMatchObject({ memory: 'continued', incarnation: first.incarnation });
    expect((await client.status('g')).kind).toBe('granted');
  });
});

describe('connections', () => {
  const open = async (path: string): Promise<Socket> => {
    const socket = connect({ path });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };

  test('200 that say nothing do not keep members out', async () => {
    await using witness = await start({ limits: { connectionsMax: 100 } });
    const idle = await Promise.all(Array.from({ length: 200 }, () => open(witness.socket)));
    await using client = createWitnessClient({ address: witness.address, witnessCallTimeoutMs: 1000 });
    expect((await client.status('g')).kind).toBe('not-registered');
    const more = await Promise.all(Array.from({ length: 100 }, () => open(witness.socket)));
    expect((await client.status('g')).kind).toBe('not-registered');
    const began = performance.now();
    await witness[Symbol.asyncDispose]();
    // Nobody was asked anything, so nobody is waited for: the deadline of a request is 5 s.
    expect(performance.now() - began).toBeLessThan(4_000);
    for (const socket of [...idle, ...more]) socket.destroy();
  });

  test('a stop answers what has been asked', async () => {
    const { store, release } = slowStore();
    const witness = await start({ store });
    await using client = createWitnessClient({ address: witness.address });
    const word = { ...claim(witness.incarnation, 'P', 1), lineageId: 'a', members };
    const asked = client.register(word);
    await release.reached;
    const stopped = witness[Symbol.asyncDispose]();
    release.now();
    expect((await asked).kind).toBe('granted');
    await stopped;
  });

  test('a request that never ends is ended', async () => {
    await using witness = await start({ limits: { requestDeadlineMs: 200 } });
    const socket = await open(witness.socket);
    socket.write('POST /v1/groups/g/promote HTTP/1.1\r\nhost: x\r\ncontent-le');
    socket.resume();
    await once(socket, 'close');
    await using client = createWitnessClient({ address: witness.address });
    expect((await client.status('g')).kind).toBe('not-registered');
  });
});

/** Holds the first write of a group until it is let go. */
function slowStore(): { store: Store; release: { readonly reached: Promise<void>; now(): void } } {
  const inner = memoryStore();
  let now: () => void = () => undefined;
  let arrive: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (now = resolve));
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  const save: Store['save'] = async (key, value) => {
    if (key.startsWith('group/')) {
      arrive();
      await held;
    }
    await inner.save(key, value);
  };
  return { store: { ...inner, save }, release: { reached, now: () => now() } };
}

describe('the client', () => {
  test('a witness that does not answer is unreachable in time', async () => {
    await using client = createWitnessClient({
      address: `unix:${folder.path}/nobody`,
      witnessCallTimeoutMs: 50,
    });
    expect((await client.status('g')).kind).toBe('unreachable');
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined);
    const path = join(folder.path, 'silent');
    await new Promise<void>((resolve) => silent.listen(path, resolve));
    await using waiting = createWitnessClient({ address: `unix:${path}`, witnessCallTimeoutMs: 50 });
    const began = performance.now();
    expect(await waiting.status('g')).toEqual({
      kind: 'unreachable',
      detail: 'The witness did not answer within 50 ms.',
    });
    expect(await waiting.status('g', { deadlineMs: 20 })).toMatchObject({
      detail: expect.stringContaining('20 ms') as string,
    });
    const controller = new AbortController();
    const aborted = waiting.status('g', { signal: controller.signal, deadlineMs: 10_000 });
    controller.abort();
    expect(await aborted).toEqual({ kind: 'unreachable', detail: 'The call was aborted.' });
    expect(performance.now() - began).toBeLessThan(2_000);
    silent.close();
  });

  test('a server that is no witness is unreachable', async () => {
    const { createServer } = await import('node:http');
    const server = createServer((_request, response) =>
      response.end('{"kind":"granted","view":{"state":"REGISTERED"}}'),
    );
    const path = join(folder.path, 'other');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await using client = createWitnessClient({ address: `unix:${path}` });
    expect(await client.status('g')).toMatchObject({ kind: 'unreachable' });
    server.close();
  });

  test('a connection that was closed while it lay idle is not taken for a lost witness', async () => {
    const first = await start({ limits: { connectionsMax: 1 } });
    await using client = createWitnessClient({ address: first.address });
    expect((await client.status('g')).kind).toBe('not-registered');
    // Pushes the kept connection out, without the client having read that yet.
    const pushing = connect({ path: first.socket });
    await once(pushing, 'connect');
    expect((await client.status('g')).kind).toBe('not-registered');
    pushing.destroy();
    await first[Symbol.asyncDispose]();
  });
});

describe('the admin surface', () => {
  test('promotes by hand and forgets, and serves nothing that members ask', async () => {
    const listen = `unix:${folder.path}/admin.sock`;
    await using witness = await start({ admin: { listen } });
    await using client = createWitnessClient({ address: witness.address });
    await using operator = createWitnessOperator({ address: witness.adminAddress! });
    const { incarnation } = witness;
    await registerBoth(client, incarnation);
    const acknowledgement = promoteAcknowledgement('g', 'N');
    const forced = { ...claim(incarnation, 'N', 5), expectedEpoch: 1 };
    expect((await operator.manualPromote({ ...forced, acknowledgement: 'sure' })).kind).toBe('denied');
    expect((await operator.manualPromote({ ...forced, acknowledgement })).kind).toBe('granted');
    expect(await operator.status('g')).toMatchObject({ view: { state: 'MANUAL_PROMOTED', owner: 'N' } });
    await using confused = createWitnessClient({ address: witness.adminAddress! });
    expect(await confused.reassert(claim(incarnation, 'N', 5))).toMatchObject({
      detail: expect.stringContaining('Answered 403') as string,
    });
  });
});

describe('places', () => {
  test('a socket path that is too long says so, and leaves nothing open', async () => {
    const listen = `unix:${folder.path}/${'x'.repeat(100)}`;
    const refused = await start({ listen }).catch((error: unknown) => error);
    expect(HoldfastError.is(refused, 'CONFIG_INVALID'), String(refused)).toBe(true);
    await using witness = await start();
    expect(witness.health().ok).toBe(true);
  });

  test('a folder that is not there says so, and leaves nothing open', async () => {
    const refused = await start({ listen: `unix:${folder.path}/missing/w.sock` }).catch(
      (error: unknown) => error,
    );
    expect(HoldfastError.is(refused, 'IO_FAILED'), String(refused)).toBe(true);
    await using witness = await start();
    expect(witness.health().ok).toBe(true);
  });
});
