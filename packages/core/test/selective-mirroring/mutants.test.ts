import { describe, expect, test } from 'vitest';
import {
  freshMirroringRecord,
  mirroringDefaults,
  selectiveMirroring,
  serveMirroredRead,
  type MirroringFact,
  type MirroringMessage,
  type MirroringState,
} from '../../src/index.js';
import {
  mirroringGuards,
  type MirroringGuards,
  type ServeGuards,
} from '../../src/policies/selective-mirroring/guards.js';
import { stepWith } from '../../src/policies/selective-mirroring/step.js';
import { explore } from './explorer.js';
import type { Bounds } from './system.js';

type Change = Partial<Omit<MirroringGuards, 'serve'>> & { readonly serve?: Partial<ServeGuards> };

function guardsWith(change: Change): MirroringGuards {
  return { ...mirroringGuards, ...change, serve: { ...mirroringGuards.serve, ...change.serve } };
}

const attack = { write: 1, claim: 1, cut: 1, slowCopy: 'async' } as const;

/** One guard off, and the system in which the explorer sees what that leads to. */
const explored: readonly (readonly [string, Change, Bounds, RegExp])[] = [
  [
    'a write that does not wait for the copy',
    { writeWaitsForCopy: false },
    attack,
    /is served from the cache after write 2/,
  ],
  [
    'a write that does not wait for a cache out of sight',
    { writeWaitsForUntracked: false },
    { ...attack, lose: 1 },
    /is served from the cache after/,
  ],
  [
    'copies sent before the authority knows of them',
    { trustIsRecordedFirst: false },
    { ...attack, cold: true, claimsLate: true },
    /is served from the cache after/,
  ],
  [
    'a restarted owner that asks nobody',
    { ownerIsConfirmedFirst: false },
    { ...attack, crash: 1 },
    /is served from the cache after/,
  ],
  [
    'taking over without a grant',
    { takeoverNeedsGrant: false },
    { ...attack, cut: 0 },
    /two sites serve writes/,
  ],
  [
    'serving before the record is durable',
    { recordIsDurableFirst: false },
    attack,
    /owns the volume durably/,
  ],
  [
    'a hit that nothing proves current',
    { serve: { isTrusted: () => true } },
    { ...attack, lose: 1 },
    /is served from the cache after/,
  ],
  [
    'a hit with an older version than the slow copy',
    { serve: { isNotOlderThanSlowCopy: () => true } },
    { ...attack, slowCopy: 'sync', lose: 1 },
    /is served from the cache after/,
  ],
  [
    'a slow copy that is known to be behind',
    { serve: { slowCopyIsCurrent: () => true } },
    attack,
    /known to be behind/,
  ],
];

describe('without one guard the explorer finds', () => {
  test.each(explored)(
    '%s',
    (_name, change, bounds, what) => {
      const { broken } = explore({ ...bounds, guards: guardsWith(change) });
      expect(broken?.what).toMatch(what);
      expect(broken!.path.length).toBeGreaterThan(1);
    },
    60_000,
  );
});

/** A standby that has opened generation 1.1.1 of epoch 1, and what it makes of these facts. */
function standby(guards: MirroringGuards, facts: readonly MirroringFact[]) {
  let state: MirroringState = selectiveMirroring.init(
    {
      groupId: 'g',
      nodeId: 'b',
      incarnation: 1,
      record: freshMirroringRecord('g', 'b', 'standby'),
      volumeBytes: 1_000_000,
      cacheBytes: 100_000,
      slowCopy: 'async',
      tuning: mirroringDefaults,
    },
    0,
  );
  const sent: MirroringMessage[] = [];
  const kinds: string[] = [];
  const step = stepWith(guards);
  let sequence = 0;
  let last: Readonly<Record<string, string>> = {};
  for (const given of [message({ kind: 'open', ...scope }), ...facts]) {
    sequence += 1;
    const fact = 'effect' in given ? { ...given, effect: last[given.effect] ?? given.effect } : given;
    const next = step(state, { ...fact, at: sequence, sequence });
    state = next.state;
    for (const effect of next.effects) {
      kinds.push(effect.kind);
      if (effect.kind === 'send') sent.push(effect.message);
      last = { ...last, [effect.kind]: effect.id };
    }
  }
  return { state, sent, kinds };
}

const scope = { epoch: 1, generation: '1.1.1' } as const;
const message = (sent: MirroringMessage, damaged: readonly number[] = []): MirroringFact => ({
  kind: 'message-received',
  from: 'a',
  message: sent,
  damaged,
});
const put = (block: number, version: number, batch = 1): MirroringMessage => ({
  kind: 'puts',
  ...scope,
  batch,
  blocks: [{ block, version, sizeBytes: 4_096, tenant: 't', first: false }],
});
const commit = (batch = 1, count = 1): MirroringMessage => ({ kind: 'commit', ...scope, batch, count });
const takeover: readonly MirroringFact[] = [
  { kind: 'attempt-failed', client: 'c', how: 'reset' },
  {
    kind: 'authority-answered',
    effect: 'ask-authority',
    answer: { kind: 'granted', epoch: 2, trusted: '1.1.1' },
  },
  { kind: 'persisted', effect: 'persist' },
];
const from = (guards: MirroringGuards, facts: readonly MirroringFact[], slowVersion = 1, intact = true) =>
  serveMirroredRead(standby(guards, facts).state, { block: 7, slowVersion, intact }, guards.serve).from;

describe('without one guard a single cache', () => {
  test('shows a batch that was damaged, or whose commit never came', () => {
    const uncommitted = [message(put(7, 1)), ...takeover];
    expect(from(mirroringGuards, uncommitted)).toBe('slow-copy');
    expect(from(guardsWith({ needsCommit: false }), uncommitted)).toBe('cache');
    const damaged = [message(put(7, 1), [7]), message(commit()), ...takeover];
    expect(from(mirroringGuards, damaged)).toBe('slow-copy');
    expect(from(guardsWith({ batchIsWhole: () => true }), damaged)).toBe('cache');
  });

  test('takes a put that a newer write has overtaken', () => {
    const overtaken = [
      message({ kind: 'invalidate', ...scope, block: 7, version: 2 }),
      message(put(7, 1)),
      message(commit()),
    ];
    expect(standby(mirroringGuards, overtaken).sent.at(-1)).toMatchObject({ kind: 'commit-ack', blocks: [] });
    const mutant = guardsWith({ putIsCurrent: () => true });
    expect(standby(mutant, overtaken).sent.at(-1)).toMatchObject({ blocks: [{ block: 7, version: 1 }] });
    expect(
      from(guardsWith({ putIsCurrent: () => true, serve: { isNotOlderThanTold: () => true } }), [
        ...overtaken,
        ...takeover,
      ]),
    ).toBe('cache');
    // The rule of serving stands behind it, and alone it is enough.
    expect(from(mutant, [...overtaken, ...takeover])).toBe('nowhere-yet');
    expect(from(mirroringGuards, [...overtaken, ...takeover])).toBe('nowhere-yet');
  });

  test('fills a generation that it has not opened', () => {
    const foreign = [
      message({ ...put(7, 1), generation: '1.1.0' } as MirroringMessage),
      message({ ...commit(), generation: '1.1.0' } as MirroringMessage),
    ];
    expect(standby(mirroringGuards, foreign).state.cache.blocks.count).toBe(0);
    expect(standby(guardsWith({ generationCounts: () => true }), foreign).state.cache.blocks.count).toBe(1);
  });

  test('obeys an owner whose epoch is over', () => {
    const late = [
      message({ kind: 'open', epoch: 3, generation: '3.1.1' }),
      message({ kind: 'open', epoch: 1, generation: '3.2.1' }),
    ];
    expect(standby(mirroringGuards, late).sent.at(-1)).toEqual({ kind: 'stale-epoch', epoch: 3 });
    expect(standby(guardsWith({ epochCounts: () => true }), late).sent.at(-1)).toMatchObject({
      kind: 'opened',
    });
  });

  test('serves bytes that do not fit their checksum, or serves at all while it is no owner', () => {
    const whole = [message(put(7, 1)), message(commit())];
    expect(from(mirroringGuards, [...whole, ...takeover])).toBe('cache');
    expect(from(mirroringGuards, [...whole, ...takeover], 1, false)).toBe('slow-copy');
    expect(from(guardsWith({ serve: { isIntact: () => true } }), [...whole, ...takeover], 1, false)).toBe(
      'cache',
    );
    expect(from(mirroringGuards, whole)).toBe('refused');
    expect(from(guardsWith({ serve: { servesHere: () => true, isTrusted: () => true } }), whole)).toBe(
      'cache',
    );
  });

  const back: readonly MirroringFact[] = [
    ...takeover,
    { kind: 'command', commandId: 'k', command: { kind: 'fail-back', to: 'a' } },
    { kind: 'copied-back', effect: 'copy-back', throughVersion: 5, verified: true },
    { kind: 'writes-held', effect: 'hold-writes', lastVersion: 6 },
  ];

  test('hands over without the last write, or without having compared', () => {
    expect(standby(mirroringGuards, back).kinds.at(-1)).toBe('copy-back');
    expect(standby(guardsWith({ copiedBackCompletely: () => true }), back).kinds.at(-1)).toBe(
      'ask-authority',
    );
    const differs: readonly MirroringFact[] = [
      ...back.slice(0, 4),
      { kind: 'copied-back', effect: 'copy-back', throughVersion: 5, verified: false },
    ];
    expect(standby(mirroringGuards, differs).state.mode).toBe('tookOver');
    expect(standby(guardsWith({ copyBackIsVerified: () => true }), differs).state.failBack?.phase).toBe(
      'holding',
    );
  });

  test('lets data out of the site that may not leave it', () => {
    const chosen = (guards: MirroringGuards): number => {
      const options = {
        groupId: 'g',
        nodeId: 'a',
        incarnation: 1,
        record: freshMirroringRecord('g', 'a', 'owner'),
        volumeBytes: 1_000_000,
        cacheBytes: 0,
        slowCopy: 'sync',
        tuning: mirroringDefaults,
      } as const;
      const heat = { version: 1, digest: 'd', takenAt: 0, observedMs: 10 };
      const step = stepWith(guards);
      const first = step(selectiveMirroring.init(options, 0), {
        kind: 'heat-published',
        heat,
        at: 0,
        sequence: 1,
      });
      const ask = first.effects.find(({ kind }) => kind === 'ask-authority')!;
      const owner = step(first.state, {
        kind: 'authority-answered',
        effect: ask.id,
        answer: { kind: 'granted', epoch: 1 },
        at: 0,
        sequence: 2,
      });
      const select = owner.effects.find(({ kind }) => kind === 'select-blocks')!;
      const add = [{ block: 1, sizeBytes: 4_096, label: 'secret', tenant: 't', first: false }];
      const plan = { heat, add, drop: [], expectedWarmShare: 1, candidates: 1, chosen: 1, left: 0 };
      return step(owner.state, { kind: 'blocks-selected', effect: select.id, ...plan, at: 0, sequence: 3 })
        .state.owner.blocks.count;
    };
    expect(chosen(mirroringGuards)).toBe(0);
    expect(chosen(guardsWith({ labelMayLeave: () => true }))).toBe(1);
  });
});
