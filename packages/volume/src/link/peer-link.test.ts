import { HoldfastError, type Transport } from '@holdfast/core';
import { seededRandom, VirtualClock } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { PeerLink } from './peer-link.js';

const ignore = (): void => undefined;

it('says that the other side does not count as proven, and does not dial it twenty times a second', async () => {
  const clock = new VirtualClock();
  const told: string[] = [];
  let dials = 0;
  const transport: Transport = {
    connect: async () => {
      dials += 1;
      throw new HoldfastError('NOT_AUTHORIZED', 'the certificates do not fit');
    },
    listen: () => Promise.reject(new Error('this side dials')),
  };
  await using link = new PeerLink({
    clusterId: 'harbour',
    groupId: 'main',
    nodeId: 'south',
    peerId: 'north',
    volumes: [],
    where: { dial: 'tcp:north:1' },
    transport,
    clock,
    random: seededRandom(1),
    pingIntervalMs: 100,
    silenceMs: 500,
    redialIntervalMs: 50,
    introduce: () => {
      throw new Error('nobody is there to greet');
    },
    arrived: ignore,
    left: ignore,
    silent: ignore,
    frame: ignore,
    refused: (remote, reason) => void told.push(`${remote}: ${reason}`),
  });
  await link.open();
  await clock.advance(3_000);
  expect(told[0]).toBe('tcp:north:1: the certificates do not fit');
  expect(told).toHaveLength(dials);
  expect(dials).toBeGreaterThan(1);
  expect(dials).toBeLessThan(6);
});
