import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resourceReservation, type ReservationEvent, type ReservationState } from '../../src/index.js';
import { whereIsWhat } from './cluster-checks.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import { hostOf, machineOf } from './script.js';

const numRuns = Number(process.env['HOLDFAST_RUNS'] ?? 40);

export function threeHosts(more: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({
    hosts: [hostOf('h1', 8_000, 16_384), hostOf('h2', 4_000, 16_384), hostOf('h3', 8_000, 8_192)],
    machines: [
      machineOf('db', 'h1', 4, 2_000, 4_096),
      machineOf('web', 'h1', 2, 1_000, 2_048),
      machineOf('mail', 'h2', 3, 2_000, 2_048),
      machineOf('cache', 'h3', 1, 1_000, 1_024),
    ],
    ...more,
  });
}

type Trouble = readonly [kind: number, host: number, delayMs: number];

const troubles = fc.array(fc.tuple(fc.nat({ max: 11 }), fc.nat({ max: 2 }), fc.nat({ max: 40_000 })), {
  minLength: 3,
  maxLength: 14,
});

function make(cluster: Cluster, [kind, host, delayMs]: Trouble): void {
  const hostId = `h${String(host + 1)}`;
  const incidentId = `${hostId}-${String(cluster.now)}`;
  const component = 'datastore:gold';
  const acts: (() => void)[] = [
    () => cluster.give(hostId, { kind: 'component-lost', incidentId, component, loss: 'all-paths-down' }),
    () =>
      cluster.give(hostId, { kind: 'component-lost', incidentId, component, loss: 'permanent-device-loss' }),
    () => cluster.give(hostId, { kind: 'component-restored', component }),
    () => cluster.cut.add(hostId),
    () => cluster.cut.delete(hostId),
    () => cluster.startAgent(hostId),
    () => cluster.startCoordinator(),
    () => (cluster.diskFails = true),
    () => (cluster.diskFails = false),
    () => {
      const ask = cluster.asks.at(-1 - (delayMs % 4));
      if (ask !== undefined) cluster.giveCoordinator({ kind: 'ask-received', ask });
    },
    () => cluster.setHost(cluster.hosts.get(hostId)!),
    () => cluster.pass(60_000),
  ];
  acts[kind]?.();
  cluster.pass(delayMs);
}

/** Everything works again, nothing is lost any more, and there is time. */
function calm(cluster: Cluster): void {
  cluster.diskFails = false;
  cluster.cut.clear();
  cluster.startCoordinator();
  for (const hostId of cluster.hosts.keys()) {
    cluster.setHost(cluster.hosts.get(hostId)!);
    cluster.give(hostId, { kind: 'component-restored', component: 'datastore:gold' });
  }
  cluster.pass(600_000);
}

describe('whatever is lost, repeated, cut or restarted', () => {
  test.each(['conservative', 'aggressive'] as const)(
    'a %s cluster promises no room twice, starts no second copy, and ends with everything running',
    (onAllPathsDown) => {
      fc.assert(
        fc.property(troubles, (planned) => {
          const agent = { onAllPathsDown, onPermanentDeviceLoss: onAllPathsDown };
          const cluster = threeHosts({ agent });
          cluster.claimsFirst = onAllPathsDown === 'conservative';
          for (const trouble of planned) make(cluster, trouble);
          calm(cluster);
          for (const { machineId, power } of cluster.machines.values()) {
            expect(power, `${machineId}\n${cluster.lines.join('\n')}`).toBe('running');
          }
          expect(whereIsWhat(cluster)).toContain('ledger: empty');
        }),
        { numRuns, seed: 11 },
      );
    },
    20_000 + 200 * numRuns,
  );

  test('the same events make the same states and wishes, also through JSON', () => {
    const cluster = threeHosts();
    for (const trouble of [
      [1, 0, 500],
      [6, 0, 20_000],
      [5, 0, 5_000],
    ] as const)
      make(cluster, trouble);
    calm(cluster);
    let compared = 0;
    for (const life of cluster.lives) {
      let state = resourceReservation.init(life.options, life.startedAt);
      let restored = throughJson(state);
      for (const event of life.events) {
        const straight = resourceReservation.step(state, event);
        const again = resourceReservation.step(restored, throughJson(event));
        expect(again).toEqual(straight);
        state = straight.state;
        restored = throughJson(again.state);
        compared += 1;
      }
      expect(restored).toStrictEqual(life.state);
    }
    expect(compared).toBeGreaterThan(60);
  });
});

describe('interrupted at every effect', () => {
  const end = (cluster: Cluster): string => {
    const places = [...cluster.machines.values()].map(
      ({ machineId, hostId, power }) => `${machineId} ${power} ${hostId}`,
    );
    return [...places.filter((line) => !line.includes('h1')), whereIsWhat(cluster).split('\n').at(-1)].join(
      '\n',
    );
  };
  const story = (crash: (cluster: Cluster) => void): Cluster => {
    const cluster = threeHosts();
    crash(cluster);
    const lost = () =>
      cluster.give('h1', {
        kind: 'component-lost',
        incidentId: `again-${String(cluster.now)}`,
        component: 'datastore:gold',
        loss: 'permanent-device-loss',
      });
    lost();
    // A storage stack says again what is lost to an agent that has started anew.
    cluster.onAgentStart = (hostId) => {
      if (hostId === 'h1') lost();
    };
    cluster.pass(300_000);
    return cluster;
  };

  test('a crash before or after any effect of agent or coordinator leads to the same end', () => {
    const calmEnd = story(() => undefined);
    const expected = end(calmEnd);
    expect(expected).toContain('db running');
    expect(expected).toContain('ledger: empty');
    let crashes = 0;
    for (const name of ['h1', 'coordinator']) {
      const count = calmEnd.carriedOut.get(name) ?? 0;
      for (let index = 1; index <= count; index += 1) {
        for (const moment of ['before', 'after'] as const) {
          const cluster = story((one) => (one.crashAt = { name, index, moment }));
          expect(end(cluster), `${name} ${moment} effect ${String(index)}\n${cluster.lines.join('\n')}`).toBe(
            expected,
          );
          crashes += 1;
        }
      }
    }
    expect(crashes).toBeGreaterThan(40);
  }, 30_000);
});

test('every event in every state that a run meets: total, plain, and with its invariants', () => {
  const states: ReservationState[] = [];
  const events = new Map<string, ReservationEvent>();
  const note = (cluster: Cluster): void => {
    for (const life of cluster.lives) {
      let state = resourceReservation.init(life.options, life.startedAt);
      for (const [index, event] of life.events.entries()) {
        states.push(state);
        events.set(event.kind, event);
        state = resourceReservation.step(state, event).state;
        if (index === life.events.length - 1) states.push(state);
      }
    }
  };
  const first = threeHosts();
  first.stuck.add('web');
  for (const trouble of [
    [0, 0, 330_000],
    [6, 0, 20_000],
    [2, 0, 5_000],
    [5, 0, 5_000],
    [7, 0, 1_000],
    [1, 1, 5_000],
  ] as const) {
    make(first, trouble);
  }
  note(first);
  const second = threeHosts();
  for (const trouble of [
    [7, 0, 10],
    [1, 0, 3_000],
    [8, 0, 3_000],
  ] as const)
    make(second, trouble);
  second.killHost('h1');
  const { power: _power, hostId: _hostId, ...machine } = machineOf('new', 'h2', 2, 100, 100);
  second.giveCoordinator({ kind: 'admission-asked', askId: 'a', hostId: 'h2', machine });
  second.giveCoordinator({ kind: 'machine-gone', machineId: 'db' });
  second.give('h2', { kind: 'command', commandId: 'c', command: { kind: 'give-up', incidentId: 'none' } });
  second.pass(60_000);
  second.giveCoordinator({ kind: 'superseded', epoch: 9 });
  second.pass(10);
  note(second);

  expect([...events.keys()].sort()).toEqual([...everyEvent].sort());
  const modes = new Set<string>();
  const frozen = states.filter((_, index) => index % 3 === 0 || index < 200);
  for (const state of frozen) {
    modes.add(state.role === 'agent' ? agentMode(state) : state.phase);
    const before = JSON.stringify(state);
    for (const event of events.values()) {
      const step = resourceReservation.step(state, { ...event, at: state.now, sequence: 1 });
      for (const invariant of resourceReservation.invariants) {
        expect(invariant.check(step.state), invariant.name).toBeUndefined();
      }
      for (const effect of step.effects)
        expect(resourceReservation.explain(effect)).toMatch(/^[A-Z0-9].*\.$/s);
      const wakeAt = resourceReservation.wakeAt(step.state);
      if (event.kind === 'tick' && wakeAt !== undefined && step.state.role === 'agent') {
        expect(wakeAt, before).toBeGreaterThan(state.now);
      }
    }
    expect(JSON.stringify(state)).toBe(before);
  }
  for (const mode of ['starting', 'calm', 'incident', 'ending', 'gathering', 'serving', 'superseded']) {
    expect(modes, mode).toContain(mode);
  }
});

const everyEvent: readonly ReservationEvent['kind'][] = [
  'tick',
  'persisted',
  'persist-failed',
  'machines-changed',
  'component-lost',
  'component-restored',
  'coordinator-changed',
  'answer-received',
  'terminate-ended',
  'command',
  'ask-received',
  'inventory-read',
  'host-lost',
  'restart-ended',
  'admission-asked',
  'machine-gone',
  'superseded',
];

function agentMode(state: Extract<ReservationState, { role: 'agent' }>): string {
  if (state.machines === undefined) return 'starting';
  if (state.incidents.length === 0) return 'calm';
  const isEnding = state.incidents.some(({ machines }) =>
    machines.some(({ status }) => status === 'terminating' || status === 'stuck' || status === 'terminated'),
  );
  return isEnding ? 'ending' : 'incident';
}

function throughJson<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
