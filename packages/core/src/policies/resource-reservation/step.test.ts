import { describe, expect, test } from 'vitest';
import {
  changeInventory,
  createInventory,
  decideMachine,
  reservationAgentDefaults,
  reservationCoordinatorDefaults,
  reservationTiming,
  resourceReservation,
  whatWouldHappenNow,
  type ProtectionPolicy,
  type ReservationAgentOptions,
  type ReservationCoordinatorOptions,
  type RoomKnowledge,
} from '../../index.js';
import { hostOf, machineOf } from '../../../test/resource-reservation/script.js';

const agent: ReservationAgentOptions = {
  ...reservationAgentDefaults,
  groupId: 'g',
  hostId: 'h1',
  incarnation: 1,
};
const coordinator: ReservationCoordinatorOptions = {
  ...reservationCoordinatorDefaults,
  groupId: 'g',
  hostId: 'c',
  incarnation: 1,
  epoch: 1,
};

describe('the decision about one machine', () => {
  const expected: Record<ProtectionPolicy, Record<RoomKnowledge, string>> = {
    disabled: { claimed: 'report-only', denied: 'report-only', unknown: 'report-only' },
    warning: { claimed: 'report-only', denied: 'report-only', unknown: 'report-only' },
    conservative: { claimed: 'terminate', denied: 'keep', unknown: 'keep' },
    aggressive: { claimed: 'terminate', denied: 'keep', unknown: 'terminate' },
    'super-aggressive': { claimed: 'terminate', denied: 'terminate', unknown: 'terminate' },
  };
  test.each(Object.entries(expected))('%s', (policy, row) => {
    for (const [knowledge, decision] of Object.entries(row)) {
      expect(decideMachine(policy as ProtectionPolicy, knowledge as RoomKnowledge), knowledge).toBe(decision);
    }
  });
});

describe('options', () => {
  test.each([
    [{ answerTries: 0 }, 'answerTries >= 1 does not hold: answerTries = 0'],
    [
      { answerTimeoutMs: 20_000 },
      'answerTries * answerTimeoutMs <= resendIntervalMs does not hold: triesMs = 60000',
    ],
    [
      { reservationTtlMs: 60_000 },
      'reservationTtlMs >= 3 * resendIntervalMs does not hold: reservationTtlMs = 60000',
    ],
    [{ inventoryTimeoutMs: 6_000 }, '0 < inventoryTimeoutMs <= answerTimeoutMs does not hold'],
    [{ commitTimeoutMs: 0 }, 'commitTimeoutMs > 0 does not hold'],
    [{ declareAfterMs: Number.NaN }, 'declareAfterMs is a number >= 0 does not hold'],
  ])('%j', (change, message) => {
    expect(() =>
      resourceReservation.init({ ...agent, timing: { ...reservationTiming, ...change } }, 0),
    ).toThrow(message);
  });

  test('a record of another version, kind or host is refused and left alone', () => {
    const record = { version: 1, kind: 'agent', hostId: 'h1', doomed: [] } as const;
    const newer: typeof record = JSON.parse(JSON.stringify({ ...record, version: 2 })) as typeof record;
    expect(() => resourceReservation.init({ ...agent, record: newer }, 0)).toThrow(
      'this release reads a agent of version 1',
    );
    expect(() => resourceReservation.init({ ...agent, record: { ...record, hostId: 'h2' } }, 0)).toThrow(
      'of host h2',
    );
    const ledger = { version: 1, kind: 'ledger', epoch: 7, reservations: [] } as const;
    expect(() => resourceReservation.init({ ...coordinator, record: ledger }, 0)).toThrow(
      'epoch >= record.epoch',
    );
  });

  test('a state of a newer version is not stepped', () => {
    const state = resourceReservation.init(agent, 0);
    const newer = JSON.parse(JSON.stringify({ ...state, version: 9 })) as typeof state;
    expect(() => resourceReservation.step(newer, { kind: 'tick', at: 0, sequence: 1 })).toThrow('version 9');
  });
});

describe('the inventory', () => {
  const hosts = [hostOf('h1', 8_000, 16_384), hostOf('h2', 8_000, 16_384)];
  const machines = [machineOf('db', 'h1', 4, 2_000, 4_096), machineOf('web', 'h2', 2, 1_000, 2_048)];

  test('a delta leads to the digest of the whole', () => {
    const first = createInventory(hosts, machines);
    const moved = { ...machines[0]!, hostId: 'h2' };
    const second = changeInventory(first, {
      fromVersion: 1,
      machines: [moved, machineOf('new', 'h1', 0, 1, 1)],
      machinesGone: ['web'],
      hostsGone: ['h1'],
    });
    const whole = createInventory([hosts[1]!], [moved, machineOf('new', 'h1', 0, 1, 1)], 2);
    expect(second.digest).toBe(whole.digest);
    expect(second.version).toBe(2);
    expect(second.machines).toEqual(whole.machines);
    expect(first.machines).toEqual(machines);
    expect(first.digest).not.toBe(second.digest);
  });

  test('a delta for another version, a name twice and a size that is no safe integer are refused', () => {
    const first = createInventory(hosts, machines);
    expect(() => changeInventory(first, { fromVersion: 3 })).toThrow('version 3');
    expect(() => createInventory([...hosts, hosts[0]!], [])).toThrow('two entries host h1');
    expect(() => createInventory([{ ...hosts[0]!, cpuMHz: 0.5 }], [])).toThrow('no safe integers');
  });

  test('one version with two digests is an alarm and decides nothing', () => {
    const start = resourceReservation.init(coordinator, 0);
    const once = resourceReservation.step(start, {
      kind: 'inventory-read',
      at: 0,
      sequence: 1,
      inventory: createInventory(hosts, machines, 5),
    });
    const twice = resourceReservation.step(once.state, {
      kind: 'inventory-read',
      at: 1,
      sequence: 2,
      inventory: createInventory(hosts, [], 5),
    });
    expect(twice.effects.map(({ kind, because }) => [kind, because.kind])).toEqual([
      ['report', 'inventory-differs'],
    ]);
    const older = resourceReservation.step(once.state, {
      kind: 'inventory-read',
      at: 1,
      sequence: 2,
      inventory: createInventory(hosts, [], 4),
    });
    expect(older.effects).toEqual([]);
    expect(older.state.ignored).toEqual({ 'inventory-read': 1 });
  });
});

test('what would happen now is answered from the state alone', () => {
  const state = resourceReservation.init(agent, 0);
  const { power: _power, hostId: _hostId, ...db } = machineOf('db', 'h1', 4, 2_000, 4_096);
  const known = resourceReservation.step(state, {
    kind: 'machines-changed',
    at: 0,
    sequence: 1,
    machines: [{ ...db, isProtected: true }],
  }).state;
  if (known.role !== 'agent') throw new Error('not an agent');
  expect(whatWouldHappenNow(known, 'datastore:gold', 'unknown')).toEqual([
    { machineId: 'db', decision: 'keep', inMs: 320_000 },
  ]);
  expect(whatWouldHappenNow(known, 'datastore:silver', 'claimed')).toEqual([]);
});
