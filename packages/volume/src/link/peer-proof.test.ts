import type { StreamIdentity } from '@holdfast/core';
import { describe, expect, it } from 'vitest';
import { whyNotPeer } from './peer-proof.js';

const expected = { clusterId: 'harbour', peerId: 'north' };
const certificate = (...names: string[]): StreamIdentity => ({ how: 'certificate', names });

describe('what proves the other node', () => {
  it.each([
    [
      'the name that the witness reads too',
      certificate('north.example.net', 'holdfast://harbour/node/north'),
    ],
    ['the bare name, in a certificate without such names', certificate('127.0.0.1', 'north')],
    ['the key of the link, which both ends know', { how: 'pre-shared-key', names: ['link'] } as const],
    ['nothing, where the mode of a socket guards it', undefined],
  ])('is %s', (_what, identity) => {
    expect(whyNotPeer(identity, expected)).toBeUndefined();
  });

  it.each([
    ['another node', certificate('holdfast://harbour/node/south')],
    ['another cluster', certificate('holdfast://elsewhere/node/north')],
    ['another role', certificate('holdfast://harbour/operator/north')],
    [
      'another cluster, with the bare name beside it',
      certificate('north', 'holdfast://elsewhere/node/north'),
    ],
    ['two nodes at once', certificate('holdfast://harbour/node/north', 'holdfast://harbour/node/south')],
    ['a longer name', certificate('holdfast://harbour/node/north/2')],
    ['a host only', certificate('north.example.net')],
    ['nothing', certificate()],
  ])('is not a certificate of %s', (_what, identity) => {
    expect(whyNotPeer(identity, expected)).toMatch(/^the certificate proves .+, not "/);
  });
});
