import { HoldfastError } from '@holdfast/core';
import { chmod, stat, symlink } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createWitnessClient,
  createWitnessOperator,
  promoteAcknowledgement,
  type WitnessOptions,
} from '../src/index.js';
import {
  claim,
  members,
  rawRequest,
  registerBoth,
  scratch,
  type Started,
  startWitness,
} from './support/witness.js';

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

describe('what is refused, and how it is said', () => {
  const good = JSON.stringify({ ...claim('i', 'P', 2), groupId: undefined, fromEpoch: 1 });
  const cases: readonly [
    string,
    string,
    string,
    string | undefined,
    number,
    RegExp,
    Record<string, string>?,
  ][] = [
    ['bad JSON', 'POST', 'g/promote', '{"nodeId": ', 400, /not JSON/],
    ['no object', 'POST', 'g/promote', '[]', 400, /the body is \[\]\. Right would be a JSON object/],
    ['a missing field', 'POST', 'g/promote', '{}', 400, /nodeId is missing\. Right would be an id/],
    [
      'a wrong type',
      'POST',
      'g/promote',
      good.replace('"epoch":2', '"epoch":"2"'),
      400,
      /epoch is "2"\. Right would be a whole/,
    ],
    ['a fraction', 'POST', 'g/promote', good.replace('"epoch":2', '"epoch":2.5'), 400, /epoch is 2\.5/],
    [
      'an epoch that is not above',
      'POST',
      'g/promote',
      good.replace('"epoch":2', '"epoch":1'),
      400,
      /above fromEpoch, which is 1/,
    ],
    [
      'an unknown field',
      'POST',
      'g/promote',
      good.replace('{', '{"force":true,'),
      400,
      /force is not a field of this request/,
    ],
    ['a field of another request', 'POST', 'g/reassert', good, 400, /fromEpoch is not a field/],
    ['a bad id', 'POST', 'g/promote', good.replace('"P"', '"../x"'), 400, /nodeId is "\.\.\/x"/],
    ['a bad group', 'POST', '%2e%2e%2fx/promote', good, 400, /groupId is/],
    [
      'members without the claimant',
      'POST',
      'g/register',
      good.replace('"fromEpoch":1', '"members":["N"]'),
      400,
      /contains nodeId, P/,
    ],
    [
      'the same member twice',
      'POST',
      'g/register',
      good.replace('"fromEpoch":1', '"members":["P","P"]'),
      400,
      /different node ids/,
    ],
    ['no content type', 'POST', 'g/promote', good, 415, /content-type is missing/, {}],
    ['a form', 'POST', 'g/promote', good, 415, /text\/plain/, { 'content-type': 'text/plain' }],
    ['the wrong method', 'GET', 'g/promote', undefined, 405, /asked for with POST, not with GET/],
    ['an unknown action', 'POST', 'g/destroy', good, 404, /There is nothing at/],
    ["an operator's request among members", 'POST', 'g/forget', '{}', 403, /admin surface only/],
    [
      'another cluster',
      'POST',
      'g/promote',
      good,
      403,
      /another|no cluster/,
      { 'holdfast-cluster': 'other' },
    ],
    ['a body that is too long', 'POST', 'g/promote', good.padEnd(17_000), 413, /at most 16384 bytes/],
  ];

  test.each(cases)('%s', async (_name, method, path, body, status, message, headers) => {
    await using witness = await start();
    const where = { socketPath: witness.socket };
    const answer = await rawRequest(where, method, `/v1/groups/${path}`, body, headers);
    expect(answer.body.error?.message).toMatch(message);
    expect(answer.status).toBe(status);
    expect(witness.events.at(-1)).toMatchObject({ kind: 'witness-request-refused', status });
    expect((await rawRequest(where, 'GET', '/v1/health')).status).toBe(200);
  });

  test('a body without a length that never ends is cut at the limit', async () => {
    await using witness = await start();
    const where = { socketPath: witness.socket };
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    const answer = await rawRequest(
      where,
      'POST',
      '/v1/groups/g/promote',
      ' '.repeat(200_000),
      headers,
    ).catch((error: unknown) => error);
    // The refusal may be overtaken by the reset that ends the upload.
    if (answer instanceof Error) expect(answer.message).toMatch(/EPIPE|ECONNRESET|socket hang up/);
    else expect(answer).toMatchObject({ status: 413 });
    expect((await rawRequest(where, 'GET', '/v1/health')).status).toBe(200);
  });

  test('whoever asks too often waits', async () => {
    let now = 0;
    const clock = { now: () => now, setTimer: () => ({ cancel: () => undefined }) };
    await using witness = await start({ clock, limits: { rate: { burst: 3, perSecond: 1 } } });
    const ask = async () =>
      (await rawRequest({ socketPath: witness.socket }, 'GET', '/v1/groups/g/status')).status;
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([200, 200, 200, 429]);
    now = 1000;
    expect([await ask(), await ask()]).toEqual([200, 429]);
  });

  test('a token must be the right one', async () => {
    await using witness = await start({ bearerToken: 'a-secret-of-sixteen' });
    await using wrong = createWitnessClient({
      address: witness.address,
      bearerToken: 'another-secret-of-it',
    });
    await using none = createWitnessClient({ address: witness.address });
    await using right = createWitnessClient({ address: witness.address, bearerToken: 'a-secret-of-sixteen' });
    expect(await wrong.status('g')).toMatchObject({
      detail: expect.stringContaining('Answered 401') as string,
    });
    expect((await none.status('g')).kind).toBe('unreachable');
    expect((await right.status('g')).kind).toBe('not-registered');
  });

  test('plain TCP needs a loopback address and an explicit word', async () => {
    for (const listen of [
      'tcp:127.0.0.1:0',
      'tcp:0.0.0.0:0',
      'tcp:localhost:0',
      'nonsense',
      'unix:relative',
    ]) {
      const insecureLoopback = listen !== 'tcp:127.0.0.1:0';
      const refused = await start({ listen, insecureLoopback }).catch((error: unknown) => error);
      expect(HoldfastError.is(refused, 'CONFIG_INVALID'), listen).toBe(true);
    }
    await using witness = await start({
      listen: 'tcp:127.0.0.1:0',
      insecureLoopback: true,
      clusterId: 'lab',
    });
    expect(witness.address).toMatch(/^tcp:127\.0\.0\.1:[1-9]\d*$/);
    const options = { address: witness.address, insecureLoopback: true };
    expect(() => createWitnessClient({ address: witness.address })).toThrow('plain text');
    await using own = createWitnessClient({ ...options, clusterId: 'lab' });
    expect((await own.status('g')).kind).toBe('not-registered');
    await using other = createWitnessClient({ ...options, clusterId: 'other' });
    expect(await other.status('g')).toMatchObject({
      detail: expect.stringContaining('Answered 403') as string,
    });
  });

  test('a boot token inside the store is refused, also through a deeper folder', async () => {
    const inside = join(folder.path, 'store', 'deep', 'token');
    const refused = await start({ bootTokenFile: inside }).catch((error: unknown) => error);
    expect(HoldfastError.is(refused, 'CONFIG_INVALID')).toBe(true);
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
    for (const socket of [...idle, ...more]) socket.destroy();
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
  test('a folder that nobody may write to says so, and leaves nothing open', async () => {
    if (process.getuid?.() === 0) {
      // The superuser may write everywhere; a name that is too long fails as well.
      const refused = await start({ listen: `unix:${folder.path}/${'x'.repeat(100)}` }).catch(
        (error: unknown) => error,
      );
      expect(HoldfastError.is(refused, 'CONFIG_INVALID'), String(refused)).toBe(true);
    } else {
      await symlink(folder.path, join(folder.path, 'link'));
      await chmod(folder.path, 0o500);
      const refused = await start().catch((error: unknown) => error);
      await chmod(folder.path, 0o700);
      expect(HoldfastError.is(refused, 'IO_FAILED'), String(refused)).toBe(true);
    }
    await using witness = await start();
    expect(witness.health().ok).toBe(true);
  });
});
