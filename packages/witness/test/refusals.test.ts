import { HoldfastError } from '@holdfast/core';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWitnessClient, type WitnessOptions } from '../src/index.js';
import { claim, rawRequest, scratch, type Started, startWitness } from './support/witness.js';

let folder: Awaited<ReturnType<typeof scratch>>;

beforeEach(async () => {
  folder = await scratch();
});
afterEach(() => folder[Symbol.asyncDispose]());

const start = (options?: Partial<WitnessOptions>): Promise<Started> => startWitness(folder.path, options);

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
