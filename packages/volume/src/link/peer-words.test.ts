import { HoldfastError } from '@holdfast/core';
import { describe, expect, it } from 'vitest';
import { Origins } from '../order/origins.js';
import { frame, frameTypes } from '../wire/index.js';
import { checkPeerFrame } from './peer-frames.js';
import { PeerSession } from './peer-session.js';
import { checkedIntroduction, checkedMessage } from './peer-words.js';

const record = {
  version: 1,
  groupId: 'g',
  nodeId: 'b',
  mode: 'mirrored',
  epoch: 3,
  lineageId: 'l3',
  sequencer: 'a',
  dataState: 'upToDate',
  history: [{ epoch: 1, lineageId: 'l1' }],
  machineBootId: 'm',
  clean: false,
};
const introduction = {
  nodeId: 'b',
  role: 'nonPreferred',
  bootId: 'x',
  machineBootId: 'm',
  mode: 'mirrored',
  record,
  asked: false,
  pristine: false,
  health: 'ok',
  initiators: 0,
};

function isRefused(check: () => unknown): boolean {
  try {
    check();
    return false;
  } catch (error) {
    return HoldfastError.is(error, 'PROTOCOL');
  }
}

describe('the words of the other node', () => {
  it('are taken when they are whole', () => {
    expect(checkedIntroduction(introduction, 'b', 'g')).toEqual(introduction);
    const message = { kind: 'ttl-grant', epoch: 3, requestSequence: 1, grantSequence: 2, ttlMs: 400 };
    expect(checkedMessage(message, 'b', 'g')).toEqual(message);
  });

  it('are refused when any field is missing or of another kind', () => {
    for (const key of Object.keys(introduction)) {
      expect([
        key,
        isRefused(() => checkedIntroduction({ ...introduction, [key]: undefined }, 'b', 'g')),
      ]).toEqual([key, true]);
      expect([key, isRefused(() => checkedIntroduction({ ...introduction, [key]: {} }, 'b', 'g'))]).toEqual([
        key,
        true,
      ]);
    }
    for (const key of Object.keys(record)) {
      const changed = { ...introduction, record: { ...record, [key]: { nested: 1 } } };
      expect([key, isRefused(() => checkedIntroduction(changed, 'b', 'g'))]).toEqual([key, true]);
    }
  });

  it('are refused when they are those of another node or group', () => {
    expect(isRefused(() => checkedIntroduction(introduction, 'c', 'g'))).toBe(true);
    expect(isRefused(() => checkedIntroduction(introduction, 'b', 'h'))).toBe(true);
    const stranger = { ...introduction, record: { ...record, nodeId: 'a' } };
    expect(isRefused(() => checkedMessage({ kind: 'mode-changed', introduction: stranger }, 'b', 'g'))).toBe(
      true,
    );
  });

  it.each([
    null,
    undefined,
    7,
    [],
    {},
    { kind: 'toString' },
    { kind: 'win-ack', epoch: 2 ** 32, lineageId: '' },
  ])('are refused when they are %j', (message) => {
    expect(isRefused(() => checkedMessage(message, 'b', 'g'))).toBe(true);
  });
});

describe('a frame of the other node', () => {
  const bytes = new Uint8Array(512);
  it.each([
    ['is longer than its range', frame(frameTypes.replicateWrite, { lengthBytes: 256, payload: bytes })],
    ['is shorter than its range', frame(frameTypes.forwardWrite, { lengthBytes: 4_096, payload: bytes })],
    ['copies other than it names', frame(frameTypes.resyncWrite, { lengthBytes: 1, payload: bytes })],
    [
      'carries what zeroes do not need',
      frame(frameTypes.replicateZeroes, { lengthBytes: 512, payload: bytes }),
    ],
    ['names no byte', frame(frameTypes.forwardZeroes)],
    ['compares more than one frame could hold', frame(frameTypes.resyncCompare, { lengthBytes: 2 ** 31 })],
  ])('that %s ends the session', (_how, next) => {
    expect(isRefused(() => checkPeerFrame(next))).toBe(true);
  });

  it('is taken when it fits', () => {
    checkPeerFrame(frame(frameTypes.replicateWrite, { lengthBytes: 512, payload: bytes }));
    checkPeerFrame(frame(frameTypes.resyncCompare, { lengthBytes: 8_192, payload: new Uint8Array(64) }));
  });
});

describe('what a session remembers of the other node', () => {
  it('is bounded: no more initiators than the registry of repeats keeps, and none with a name without end', () => {
    const session = new PeerSession(1, 'x', undefined as never, { now: () => 0 } as never);
    const named = (origin: number, initiatorId: string) => (): void => {
      const payload = new TextEncoder().encode(JSON.stringify({ initiatorId }));
      session.learnOrigin(frame(frameTypes.origin, { origin, payload }));
    };
    named(1, 'i')();
    expect(session.originAt(1)).toBe('i');
    expect(isRefused(named(65_537, 'i'))).toBe(true);
    expect(isRefused(named(0, 'i'))).toBe(true);
    expect(isRefused(named(2, 'i'.repeat(5_000)))).toBe(true);
  });

  it('is no list of repeats that takes for ever to walk through', () => {
    const initiators = [{ initiatorId: 'x', generation: 1, doneBelow: 0, done: [1, 2 ** 53 - 1] }];
    expect(isRefused(() => new Origins().merge({ version: 1, initiators }))).toBe(true);
  });
});
