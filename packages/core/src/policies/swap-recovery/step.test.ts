import { describe, expect, test } from 'vitest';
import {
  describeSwap,
  explainSwap,
  freshSwapRecord,
  HoldfastError,
  OptionsError,
  swapDefaults,
  swapRecovery,
  validateSwapOptions,
  wouldSwapNow,
  type SwapPhase,
  type SwapRecoveryFact,
  type SwapRecoveryState,
  type SwapTuning,
} from '../../index.js';
import { choices, type Choice } from '../../../test/swap-recovery/choices.js';
import { inDuplex, options, soundRules, start, type System } from '../../../test/swap-recovery/model.js';

const plenty = {
  writes: 99,
  swaps: 99,
  crashes: 99,
  ticks: 99,
  hostFailures: 99,
  damages: 99,
  replacements: 99,
  refusals: 99,
  duplicates: 99,
};
const begun = (): System => start(inDuplex(plenty), soundRules);

describe('the last list before the time of stability', () => {
  test('is asked for once, whatever fraction of a millisecond that time has', () => {
    const { policy } = calmUntil(
      go(begun(), 'a condition opens'),
      ({ policy: now }) => now?.phase === 'stabilizing',
    );
    if (policy === undefined) throw new Error('the controller is down');
    const { stableMs, pollMs } = swapDefaults;
    const tuning = { ...policy.tuning, stableMs, pollMs };
    for (let round = 0; round < 10_000; round += 1) {
      const stableSince = round * 123.456_789_1 + 0.1;
      const now = stableSince + stableMs;
      const asked = { ...policy, tuning, stableSince, now, pollAt: now + pollMs, polling: undefined };
      expect(swapRecovery.wakeAt(asked) ?? Infinity).toBeGreaterThan(now);
    }
  });
});

const isCalm = ({ name }: Choice): boolean =>
  name.startsWith('perform ') ||
  (name.startsWith('answer ') && !name.endsWith(' twice')) ||
  ['start', 'the copy ends', 'time passes'].includes(name);

/** Takes the choice of that name, which must be there. */
function go(system: System, name: string): System {
  const choice = choices(system, soundRules).find((one) => one.name === name);
  if (choice === undefined) throw new Error(`nothing is called "${name}" now`);
  return choice.go();
}

/** The next thing that happens when nothing goes wrong and nobody is in a hurry: time passes last. */
function nextCalm(system: System): Choice | undefined {
  return choices(system, soundRules).find(isCalm);
}

/** Goes on without trouble until `isThere`. */
function calmUntil(system: System, isThere: (system: System) => boolean): System {
  let now = system;
  for (let count = 0; !isThere(now); count += 1) {
    const choice = nextCalm(now);
    if (choice === undefined || count > 200) throw new Error(`it stays ${now.policy?.phase ?? 'dead'}`);
    now = choice.go();
  }
  return now;
}

const isEqualAgain = ({ policy, pending, answers }: System): boolean =>
  policy?.phase === 'duplex' && policy.saving === undefined && pending.length + answers.length === 0;

/** Random walks, mostly straight on, and for every phase the last few states that they have met in it. */
function someStates(): Map<SwapPhase, readonly SwapRecoveryState[]> {
  const found = new Map<SwapPhase, readonly SwapRecoveryState[]>();
  let random = 1;
  for (let walk = 0; walk < 40; walk += 1) {
    let system = begun();
    for (let count = 0; count < 100; count += 1) {
      const { policy } = system;
      if (policy !== undefined)
        found.set(policy.phase, [...(found.get(policy.phase) ?? []).slice(-3), policy]);
      random = (random * 48_271) % 0x7fff_ffff;
      const all = choices(system, soundRules);
      const calm = all.filter((one) => isCalm(one) && one.name !== 'time passes');
      const some = random % 7 === 0 || calm.length === 0 ? all : calm;
      const choice = some[random % some.length];
      if (choice === undefined) break;
      system = choice.go();
    }
  }
  // Three phases that these walks do not meet: nobody has told the epoch, an operator is asked, and the good copy is gone.
  const { disk } = begun();
  found.set('unknown', [swapRecovery.init(options(disk, 1), 0)]);
  const stable = calmUntil(go(begun(), 'a condition opens'), ({ policy }) => policy?.phase === 'stabilizing');
  const asking = {
    ...stable.policy!,
    tuning: { ...stable.policy!.tuning, reEnableSwap: 'approve' as const },
  };
  const approval = calmUntil({ ...stable, policy: asking }, ({ policy }) => policy?.phase === 'approval');
  found.set('approval', [approval.policy!]);
  const { activeSite: site } = asking.record;
  const gone = { kind: 'site-changed', site, reachable: false, inService: false, replaced: false } as const;
  found.set('down', [swapRecovery.step(asking, { ...gone, at: asking.now, sequence: 4_999 }).state]);
  return found;
}

function everyFact(effect: string): readonly SwapRecoveryFact[] {
  const report = {
    kind: 'health-reported',
    site: 'first',
    report: 'open',
    codeClass: 'C3',
    token: 'T',
    severity: 'acute',
  } as const;
  const condition = { codeClass: 'C3', token: 'U', severity: 'serious' } as const;
  const site = {
    kind: 'site-changed',
    site: 'first',
    reachable: true,
    inService: false,
    replaced: false,
  } as const;
  return [
    { kind: 'tick' },
    { kind: 'epoch-known', epoch: 0, activeSite: 'first', duplex: true },
    { kind: 'epoch-known', epoch: 99, activeSite: 'second', duplex: false },
    { kind: 'epoch-known', epoch: NaN, activeSite: 'first', duplex: true },
    report,
    { ...report, site: 'second', estimatedDelayMs: 9_000 },
    { ...report, report: 'update', severity: 'moderate' },
    { ...report, report: 'resolved', token: 'T99' },
    { ...report, estimatedDelayMs: NaN },
    { kind: 'health-listed', effect, open: [] },
    { kind: 'health-listed', effect, open: [condition] },
    { kind: 'health-list-failed', effect, detail: '' },
    site,
    { ...site, reachable: false },
    { ...site, site: 'second', inService: true },
    { ...site, site: 'second', replaced: true },
    { kind: 'link-changed', up: false },
    { kind: 'link-changed', up: true },
    { kind: 'members-changed', volumes: 2, mirrored: 1 },
    { kind: 'losses-counted', lostShare: 0.5 },
    { kind: 'losses-counted', lostShare: 7 },
    { kind: 'tracks-lost', site: 'first', extents: [{ startBytes: 0, lengthBytes: 4096 }] },
    { kind: 'tracks-lost', site: 'second', extents: [{ startBytes: 0, lengthBytes: 4096 }] },
    { kind: 'tracks-lost', site: 'second', extents: [{ startBytes: -1, lengthBytes: 0.5 }] },
    { kind: 'change-map-lost' },
    { kind: 'operation-granted', effect },
    { kind: 'operation-refused', effect, by: 'a move' },
    { kind: 'io-frozen', effect },
    { kind: 'freeze-failed', effect, detail: '' },
    { kind: 'hosts-switched', effect, failedHosts: [] },
    { kind: 'hosts-switched', effect, failedHosts: ['h'] },
    { kind: 'switch-failed', effect, detail: '' },
    { kind: 'hosts-fenced', effect },
    { kind: 'fence-failed', effect, detail: '' },
    { kind: 'tracks-marked', effect },
    { kind: 'mirror-changed', effect, mirror: 'copying' },
    { kind: 'mirror-changed', effect, mirror: 'duplex' },
    { kind: 'mirror-changed', effect, mirror: 'failed' },
    { kind: 'persisted', effect },
    { kind: 'persist-failed', effect, detail: '' },
    { kind: 'command', commandId: 'c', command: { kind: 'approve' } },
    { kind: 'command', commandId: 'c', command: { kind: 'unlock' } },
    { kind: 'command', commandId: 'c', command: { kind: 'acknowledge', site: 'first', token: 'T99' } },
  ];
}

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

describe('the policy', () => {
  test('is total: every fact in every phase, awaited or not, changes nothing it was given and breaks nothing', () => {
    const states = someStates();
    const phases = ['approval', 'committing', 'down', 'duplex', 'remirroring', 'stabilizing'];
    expect([...states.keys()].sort()).toEqual([...phases, 'swapping', 'unknown', 'waiting']);
    for (const state of [...states.values()].flat()) {
      const frozen = freeze(structuredClone(state));
      const { attempt, saving, mirror, polling } = state;
      const awaited = new Set([attempt?.effect, saving?.effect, mirror?.effect, polling?.effect, 'nobody']);
      for (const fact of [...awaited].flatMap((effect) => everyFact(effect ?? 'nobody'))) {
        const event = { ...fact, at: state.now, sequence: 5_000 };
        const { state: next, effects } = swapRecovery.step(frozen, event);
        const wrong = swapRecovery.invariants.flatMap((invariant) => {
          const broken = invariant.check(next);
          return broken === undefined ? [] : [`${invariant.name}: ${broken}`];
        });
        expect(wrong, `${state.phase} ${fact.kind}`).toEqual([]);
        for (const { because } of effects) expect(explainSwap(because)).toMatch(/^[A-Z][^]*\.$/);
      }
    }
  }, 30_000);

  test('asks, writes down, freezes, switches, writes down, and only then lets hosts go on', () => {
    let system = calmUntil(begun(), isEqualAgain);
    const done: string[] = [];
    for (system = go(system, 'a condition opens'); system.policy?.phase !== 'waiting';) {
      const choice = nextCalm(system)!;
      if (choice.name.startsWith('perform ')) done.push(choice.name.slice('perform '.length));
      system = choice.go();
    }
    // The first record is the condition's, the second the intent, the last the commit.
    expect(done).toEqual(['persist', 'request-operation', 'persist', 'freeze-io', 'switch-hosts', 'persist']);
    const release = system.pending.find(({ kind }) => kind === 'release-io');
    expect(release).toMatchObject({ site: 'second', epoch: 2 });
    expect(release?.after).toHaveLength(1);
  });

  test('counts what nobody awaits, epochs of the past, and numbers that are none', () => {
    let state = calmUntil(begun(), isEqualAgain).policy!;
    for (const fact of everyFact('nobody'))
      state = swapRecovery.step(state, { ...fact, at: 0, sequence: 9 }).state;
    expect(state.absorbed['answer-not-awaited']).toBeGreaterThan(10);
    expect(state.absorbed['old-epoch']).toBe(1);
    expect(state.absorbed['not-a-number']).toBe(4);
  });

  test('refuses a record or state of another version, and leaves it as it is', () => {
    const record = { ...freshSwapRecord({ groupId: 'g', epoch: 1 }), version: 2 as unknown as 1 };
    const init = (): unknown => swapRecovery.init({ groupId: 'g', nodeId: 'n', incarnation: 1, record }, 0);
    expect(init).toThrow(/record has version 2, and this release knows version 1/);
    const newer = { ...begun().policy!, version: 2 as unknown as 1 };
    let error: unknown;
    try {
      swapRecovery.step(newer, { kind: 'tick', at: 0, sequence: 1 });
    } catch (thrown) {
      error = thrown;
    }
    expect(HoldfastError.is(error, 'NOT_SUPPORTED')).toBe(true);
  });

  test('dies before or after any wish: what is on the disk says where hosts are, and both copies become equal', () => {
    const before = calmUntil(begun(), isEqualAgain);
    let system = go(before, 'a condition opens');
    const ends = new Set<string>();
    let interruptions = 0;
    const dies = (now: System): void => {
      interruptions += 1;
      const end = calmUntil(go(now, 'crash'), isEqualAgain);
      const { policy, hosts, versions, acked, broken } = end;
      expect(broken).toBeUndefined();
      expect(policy?.record.activeSite).toBe(now.disk.activeSite);
      expect(hosts).toEqual(hosts.map(() => ({ site: now.disk.activeSite, frozen: false, fenced: false })));
      expect(versions).toEqual({ first: acked, second: acked });
      ends.add(`${now.disk.activeSite} ${policy?.record.epoch}`);
    };
    while (!isEqualAgain(system)) {
      const choice = nextCalm(system)!;
      const isWish = choice.name.startsWith('perform ');
      if (isWish) dies(system);
      system = choice.go();
      if (isWish) dies(system);
    }
    expect([...ends]).toEqual(['first 1', 'second 2']);
    expect(interruptions).toBeGreaterThanOrEqual(20);
  });
});

describe('what would happen?', () => {
  test('is answered with every guard and its numbers', () => {
    const state = calmUntil(begun(), isEqualAgain).policy!;
    const long = wouldSwapNow(state, { severity: 'acute', estimatedDelayMs: 2_001 });
    expect(long).toMatchObject({ wouldSwap: true, to: 'second', detail: 'nothing speaks against a swap' });
    expect(long.guards.map(({ name }) => name)).toEqual([
      'severe',
      'delayed',
      'duplex',
      'all-mirrored',
      'other-reachable',
      'other-healthier',
      'hold-down',
      'not-locked',
      'others-well',
    ]);
    expect(wouldSwapNow(state, { severity: 'acute', estimatedDelayMs: 2_000 }).detail).toBe(
      'I/O will be delayed by 2000 ms, and only more than 2000 ms swaps',
    );
    const status = describeSwap(state);
    expect(status).toMatchObject({ session: 'Prepared', status: 'Normal', activeSite: 'first' });
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });
});

describe('options', () => {
  const check = (tuning: Partial<SwapTuning>): void => {
    const record = freshSwapRecord({ groupId: 'g', epoch: 1 });
    validateSwapOptions({ groupId: 'g', nodeId: 'n', incarnation: 1, record, tuning });
  };

  test('hold as they come', () => {
    expect(() => check({})).not.toThrow();
  });

  test.each([
    [{ pollMs: 300_000 }, 'pollMs < stableMs', { pollMs: 300_000, stableMs: swapDefaults.stableMs }],
    [
      { freezeTimeoutMs: 30_000 },
      'freezeTimeoutMs < hostIoTimeoutMs',
      { freezeTimeoutMs: 30_000, hostIoTimeoutMs: 30_000 },
    ],
    [
      { holdDownMs: 480_000 },
      'holdDownMs > stableMs + expectedResyncMs / 10',
      { holdDownMs: 480_000, neededMs: 480_000 },
    ],
    [{ maxSwaps: 0 }, 'maxSwaps is a whole number of 1 or more', { maxSwaps: 0 }],
    [{ pollMs: 0 }, 'pollMs > 0', { pollMs: 0 }],
    [{ maxLostShare: -0.1 }, 'maxLostShare >= 0', { maxLostShare: -0.1 }],
  ] as const)('%j breaks a relation that is named with its numbers', (tuning, relation, numbers) => {
    let error: unknown;
    try {
      check(tuning);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(OptionsError);
    expect(error).toMatchObject({ relation, numbers });
  });
});
