import { HoldfastError } from '@holdfast/core';
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWitnessClient, createWitnessOperator, type WitnessTls } from '../src/index.js';
import { Authority, opensslMissing } from './support/certificates.js';
import { claim, scratch, type Started, startWitness } from './support/witness.js';

const missing = await opensslMissing();

describe.skipIf(missing !== undefined)(
  `with certificates${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let folder: Awaited<ReturnType<typeof scratch>>;
    let witness: Started;
    let certificates: Record<
      'witness' | 'P' | 'N' | 'otherCluster' | 'nameless' | 'twoNames' | 'operator',
      WitnessTls
    >;
    let foreign: { readonly P: WitnessTls; readonly witness: WitnessTls };

    beforeAll(async () => {
      folder = await scratch();
      const [authority, stranger] = await Promise.all([
        Authority.create(folder.path),
        Authority.create(folder.path, 'stranger'),
      ]);
      const [ofWitness, P, N, otherCluster, nameless, twoNames, operator, foreignP, foreignW] =
        await Promise.all([
          authority.issue('witness', ['URI:holdfast://lab/witness/w', 'IP:127.0.0.1']),
          authority.issue('P', ['URI:holdfast://lab/node/P']),
          authority.issue('N', ['URI:holdfast://lab/node/N']),
          authority.issue('otherCluster', ['URI:holdfast://factory/node/P']),
          authority.issue('nameless', ['DNS:p.example']),
          authority.issue('twoNames', ['URI:holdfast://lab/node/P', 'URI:holdfast://lab/node/N']),
          authority.issue('operator', ['URI:holdfast://lab/operator/ada']),
          stranger.issue('foreignP', ['URI:holdfast://lab/node/P']),
          stranger.issue('foreignW', ['URI:holdfast://lab/witness/w']),
        ]);
      certificates = { witness: ofWitness, P, N, otherCluster, nameless, twoNames, operator };
      foreign = { P: foreignP, witness: foreignW };
      witness = await startWitness(folder.path, {
        listen: 'tcp:127.0.0.1:0',
        tls: certificates.witness,
        clusterId: 'lab',
        admin: { listen: 'tcp:127.0.0.1:0', tls: certificates.witness },
      });
    }, 60_000);

    afterAll(async () => {
      await witness[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    const clientWith = (tls: WitnessTls, clusterId = 'lab', address = witness.address) =>
      createWitnessClient({ address, tls, clusterId, witnessCallTimeoutMs: 5_000 });

    test('members are served, each for itself only', async () => {
      await using preferred = clientWith(certificates.P);
      await using other = clientWith(certificates.N);
      const { incarnation } = witness;
      const word = { ...claim(incarnation, 'P', 1), lineageId: 'a', members: ['P', 'N'] };
      expect((await preferred.register(word)).kind).toBe('granted');
      expect(await preferred.register({ ...word, nodeId: 'N' })).toMatchObject({
        kind: 'unreachable',
        detail: expect.stringContaining('A node speaks for itself only') as string,
      });
      expect((await other.register({ ...word, nodeId: 'N', claimId: 'N-1' })).kind).toBe('granted');
      expect((await preferred.promote({ ...claim(incarnation, 'P', 2), fromEpoch: 1 })).kind).toBe('granted');
      expect((await other.promote({ ...claim(incarnation, 'N', 2), fromEpoch: 1 })).kind).toBe('denied');
    });

    test.each([
      ['of another cluster', () => certificates.otherCluster],
      ['without a name of ours', () => certificates.nameless],
      ['with two names of ours', () => certificates.twoNames],
      ['of an operator', () => certificates.operator],
      ['signed by somebody else', () => ({ ...foreign.P, authorityPem: certificates.P.authorityPem })],
    ])('a certificate %s is refused before a request is read', async (_name, tls) => {
      const before = witness.events.length;
      await using client = clientWith(tls());
      expect((await client.status('g')).kind).toBe('unreachable');
      const kinds = witness.events.slice(before).map((event) => event.kind);
      expect(kinds).toContain('witness-connection-refused');
      expect(kinds).not.toContain('witness-request-refused');
    });

    test('without a certificate, or with an older TLS, nothing is answered', async () => {
      const port = Number(witness.address.split(':').at(-1));
      const authority = { ca: certificates.P.authorityPem, checkServerIdentity: () => undefined };
      const { P } = certificates;
      for (const options of [{}, { cert: P.certificatePem, key: P.keyPem, maxVersion: 'TLSv1.2' as const }]) {
        const before = witness.events.length;
        const socket = connect({ host: '127.0.0.1', port, ...authority, ...options });
        expect(await firstBytes(socket)).toBe('');
        expect(witness.events.slice(before).map((event) => event.kind)).toContain(
          'witness-connection-refused',
        );
      }
    });

    test('plain HTTP gets nothing', async () => {
      const socket = connectPlain({ host: '127.0.0.1', port: Number(witness.address.split(':').at(-1)) });
      await once(socket, 'connect');
      expect(await firstBytes(socket)).not.toContain('HTTP');
    });

    test('a client does not believe a node, another cluster or a stranger to be its witness', async () => {
      const { P } = certificates;
      await using impostor = await startWitness(folder.path, {
        listen: 'tcp:127.0.0.1:0',
        tls: certificates.N,
        clusterId: 'lab',
        store: `${folder.path}/impostor`,
        bootTokenFile: `${folder.path}/impostor-token`,
      });
      await using fooled = clientWith(P, 'lab', impostor.address);
      expect(await fooled.status('g')).toMatchObject({
        detail: expect.stringContaining('no witness of this cluster') as string,
      });
      await using elsewhere = clientWith(P, 'factory');
      expect((await elsewhere.status('g')).kind).toBe('unreachable');
      await using mistrusting = clientWith({ ...P, authorityPem: foreign.P.authorityPem });
      expect((await mistrusting.status('g')).kind).toBe('unreachable');
    });

    test('the admin surface serves operators and nobody else', async () => {
      const options = { address: witness.adminAddress!, clusterId: 'lab', witnessCallTimeoutMs: 5_000 };
      await using operator = createWitnessOperator({ ...options, tls: certificates.operator });
      await using member = createWitnessOperator({ ...options, tls: certificates.P });
      expect((await operator.status('nothing')).kind).toBe('not-registered');
      expect((await member.status('nothing')).kind).toBe('unreachable');
    });

    test('certificates change without an outage', async () => {
      const renewed = await Authority.create(folder.path, 'renewed');
      const next = await renewed.issue('nextWitness', ['URI:holdfast://lab/witness/w']);
      const nextNode = await renewed.issue('nextP', ['URI:holdfast://lab/node/P']);
      await using old = clientWith(certificates.P);
      expect((await old.status('g')).kind).not.toBe('unreachable');
      witness.renewCertificate(next);
      // The connection that stands goes on, new ones need the new authority.
      expect((await old.status('g')).kind).not.toBe('unreachable');
      await using fresh = clientWith(nextNode);
      expect((await fresh.status('g')).kind).not.toBe('unreachable');
      await using late = clientWith(certificates.P);
      expect((await late.status('g')).kind).toBe('unreachable');
      witness.renewCertificate(certificates.witness);
    });

    test('tls asks for a cluster id', async () => {
      const refused = await startWitness(folder.path, {
        listen: 'tcp:127.0.0.1:0',
        tls: certificates.witness,
      }).catch((error: unknown) => error);
      expect(HoldfastError.is(refused, 'CONFIG_INVALID')).toBe(true);
      expect(() => createWitnessClient({ address: 'tcp:127.0.0.1:1', tls: certificates.P })).toThrow(
        'clusterId',
      );
    });
  },
);

async function firstBytes(socket: Socket): Promise<string> {
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Uint8Array) => (text += new TextDecoder().decode(chunk)));
  // Not `once`: a reset is an end like any other here.
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write('GET /v1/health HTTP/1.1\r\nhost: x\r\nholdfast-cluster: lab\r\n\r\n');
  await closed;
  return text;
}
