import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig, parseSize } from './index.js';
import { configTemplate } from './template.js';
import { nearestWord } from './words.js';

function problemsOf(text: string): string[] {
  try {
    parseConfig(text, '/site/holdfast.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ key, message }) => `${key}: ${message}`);
  }
}

/** The template with one change. */
function changed(from: string | RegExp, to: string): string {
  const text = configTemplate.replace(from, to);
  if (text === configTemplate) throw new Error('the change changes nothing');
  return text;
}

describe('the configuration that init writes', () => {
  it('has no mistake', () => {
    expect(problemsOf(configTemplate)).toEqual([]);
  });

  it('means what it says', () => {
    const config = parseConfig(configTemplate, '/site/holdfast.yaml');
    expect(config.volumes).toEqual([{ volumeId: 'vol0', sizeBytes: 256 * 1024 * 1024 }]);
    expect(config.nodes.map(({ nodeId, peerId }) => [nodeId, peerId])).toEqual([
      ['north', 'south'],
      ['south', 'north'],
    ]);
    expect(config.nodes[0].peerLink).toEqual({ side: 'listen', address: 'unix:/site/run/north.link.sock' });
    expect(config.nodes[1].peerLink).toEqual({ side: 'dial', address: 'unix:/site/run/north.link.sock' });
    expect(config.nodes[1].legs[0]?.dataFile).toBe('/site/south/vol0.data');
    expect(config.timing.leaseTtlMs).toBe(300);
  });

  it.each([
    'holdfast://harbour/node/south',
    `${'a-long-label.'.repeat(8)}example.net`,
    '192.0.2.1',
    '2001:db8::1',
    '::1',
  ])('may name peers as certificates do: %s', (peerName) => {
    const tls = `{ certificate: a.pem, key: a.key, authority: b.pem, peerNames: ['${peerName}'] }`;
    const text = changed(/control: (unix:.*)/, `control: { listen: $1, tls: ${tls} }`);
    expect(problemsOf(text)).toEqual([]);
  });
});

describe('mistakes name the key, what stands there, and what would be right', () => {
  const table: readonly (readonly [string, string, string])[] = [
    [
      'a misspelt word',
      changed('role: preferred ', 'role: prefered '),
      'nodes.north.role: "prefered" stands here; write preferred or nonPreferred (did you mean preferred?)',
    ],
    [
      'a misspelt key',
      changed('faultModel:', 'faultmodel:'),
      "unknown key 'faultmodel', did you mean 'faultModel'?",
    ],
    [
      'a misspelt key deep inside',
      changed('metadata: ./north', 'metdata: ./north'),
      "nodes.north.legs.vol0: unknown key 'metdata', did you mean 'metadata'?",
    ],
    [
      'a key that is like no other',
      changed('group: main', 'group: main\nzzzzzz: 1'),
      "unknown key 'zzzzzz' Known here: cluster",
    ],
    ['a missing key', changed(/group: main.*\n/, ''), 'group: is missing; write a name'],
    [
      'a size without sense',
      changed('256MiB', '256Mega'),
      'volumes.vol0.size: "256Mega" stands here; write a size such as 256MiB, 10GiB or 4096 (bytes)',
    ],
    ['a negative size', changed('256MiB', '-5'), 'volumes.vol0.size: -5 stands here; write a size'],
    [
      'an odd size',
      changed('256MiB', '4097'),
      'volumes.vol0.size: 4097 bytes are no multiple of 4096; write one',
    ],
    [
      'a bad address',
      changed('unix:./run/witness.sock', 'localhost:80'),
      'witness.listen: "localhost:80" stands here; write an address: unix:PATH, tcp:HOST:PORT',
    ],
    [
      'TCP without TLS',
      changed('unix:./run/witness.sock', 'tcp:192.0.2.1:7400'),
      'witness.tls: is missing; tcp:192.0.2.1:7400 would go in plain text',
    ],
    [
      'half of the TLS',
      changed('unix:./run/witness.sock', 'tcp:192.0.2.1:7400\n  tls: { certificate: a.pem }'),
      'witness.tls: is not complete; write certificate, key and authority',
    ],
    [
      'an unknown profile',
      changed('timing: lan', 'timing: lon'),
      'timing: "lon" stands here; write lan or metro (did you mean lan?)',
    ],
    [
      'a renewal too slow for the lease (C1)',
      changed('timing: lan', 'timing: { profile: lan, leaseRenewIntervalMs: 150 }'),
      'timing: C1',
    ],
    [
      'a preferred lease shorter than the other (C2)',
      changed('timing: lan', 'timing: { profile: lan, preferredLeaseTtlMs: 200 }'),
      'timing: C2',
    ],
    [
      'a head start too short (C3)',
      changed('timing: lan', 'timing: { profile: lan, nonPreferredDelayMs: 10 }'),
      'timing: C3',
    ],
    [
      'an unhealthy delay too short (C4)',
      changed('timing: lan', 'timing: { profile: lan, unhealthyDelayMs: 100 }'),
      'timing: C4',
    ],
    [
      'hosts without patience (C5)',
      changed('timing: lan', 'timing: { profile: lan, hostIoTimeoutMs: 900 }'),
      'timing: C5',
    ],
    [
      'a replication timeout beyond the lease (C6)',
      changed('timing: lan', 'timing: { profile: lan, replicationTimeoutMs: 500 }'),
      'timing: C6',
    ],
    [
      'an unknown timer',
      changed('timing: lan', 'timing: { profile: lan, leaseTtl: 500 }'),
      "timing: unknown key 'leaseTtl', did you mean 'leaseTtlMs'?",
    ],
    [
      'a word for a number',
      changed('timing: lan', 'timing: { profile: lan, leaseTtlMs: long }'),
      'timing.leaseTtlMs: "long" stands here; write a number of milliseconds',
    ],
    [
      'two preferred nodes',
      changed('role: nonPreferred', 'role: preferred'),
      'nodes: north (preferred), south (preferred) stands here; write two nodes',
    ],
    [
      'a leg of no volume',
      changed('vol0: { data: ./south', 'vol1: { data: ./south'),
      'nodes.south.legs.vol1: there is no volume of this name; write vol0 (did you mean vol0?)',
    ],
    [
      'one file for two legs',
      changed('./south/vol0.data', './north/vol0.data'),
      'nodes.south.legs.vol0.data: "/site/north/vol0.data" stands here and at nodes.north.legs.vol0.data',
    ],
    [
      'one socket for two',
      changed('unix:./run/south.paths.sock', 'unix:./run/north.paths.sock'),
      'nodes.south.paths: "unix:/site/run/north.paths.sock" stands here and at nodes.north.paths',
    ],
    [
      'a preferred node that does not listen',
      changed(/ *peerLink: .*\n/, ''),
      'nodes.north.peerLink.listen: is missing',
    ],
    [
      'a mediator without witness',
      changed(/witness:\n.*\n.*\n.*\n/, ''),
      'witness: is missing; faultModel mediator asks a witness',
    ],
    [
      'a pre-elected stranger',
      changed('faultModel: mediator', 'faultModel: { preElected: nort }'),
      'faultModel.preElected: "nort" stands here; write north or south (did you mean north?)',
    ],
    ['no YAML at all', 'a: [', 'is no YAML'],
    ['nothing', '', 'cluster: is missing; write a name'],
  ];
  it.each(table)('%s', (_name, text, expected) => {
    expect(problemsOf(text).join('\n')).toContain(expected);
  });

  it('names the line', () => {
    expect(() => parseConfig(changed('role: preferred ', 'role: prefered '), 'site.yaml')).toThrow(
      /site\.yaml:26: nodes\.north\.role/,
    );
  });

  it('finds all mistakes at once', () => {
    const text = changed('256MiB', '256Mega')
      .replace('role: preferred ', 'role: first ')
      .replace('timing: lan', 'timing: moon');
    expect(problemsOf(text)).toHaveLength(3);
  });
});

describe('sizes', () => {
  it.each([
    ['256MiB', 268_435_456],
    ['1.5 GiB', 1_610_612_736],
    ['10GB', 10_000_000_000],
    ['512', 512],
    [4096, 4096],
    ['0', undefined],
    ['1.5', undefined],
    ['9999999 TiB', undefined],
    ['MiB', undefined],
    [true, undefined],
  ])('%s', (written, bytes) => {
    expect(parseSize(written)).toBe(bytes);
  });
});

describe('the word that was meant', () => {
  it.each([
    ['metdata', 'metadata'],
    ['lsiten', 'listen'],
    ['PATHS', 'paths'],
    ['quux', undefined],
  ])('%s', (written, meant) => {
    expect(nearestWord(written, ['metadata', 'listen', 'paths'])).toBe(meant);
  });
});
