import { describe, expect, test } from 'vitest';
import {
  freshPoolDevicesRecord,
  poolDevicesSettings,
  removablePoolDevices,
  whatPoolRequestWouldDo,
  type PoolDevicesViews,
} from '../../src/index.js';
import { planPoolDevices } from '../../src/policies/pool-devices/plan.js';
import { refusalSentences } from '../../src/policies/pool-devices/refusals.js';
import { poolOf, viewOf, type Lab } from './lab.js';
import { labFrom, requestFrom } from './story.js';

const settings = poolDevicesSettings({
  groupId: 'estate',
  nodeId: 'controller',
  incarnation: 1,
  appliances: ['A', 'B'],
  record: freshPoolDevicesRecord('estate'),
});

const estate = `appliances A B
device L1 chassis=0 slot=20
device L2 chassis=0 slot=21
device L3 chassis=0 slot=22
device L4 chassis=1 slot=22
device C1 chassis=0 slot=23
device C2 chassis=1 slot=23
device F1 chassis=0 slot=1
device F2 chassis=1 slot=1
device F3 chassis=1 slot=2
device S1 chassis=0 slot=2 spare=pA
device T1 chassis=0 slot=3 mib=32
device W1 chassis=0 slot=4 sector=8192
device I1 chassis=A slot=1 place=controller
pool pA on=A log=L1+L2,L3+L4 cache=C1,I1
pool pB on=B
pool pC on=B log=F3`;

function viewsOf(lab: Lab): PoolDevicesViews {
  return Object.fromEntries(
    lab.appliances.flatMap((name) => {
      const view = viewOf(lab, name);
      return view === undefined ? [] : [[name, view]];
    }),
  );
}

type Change = (lab: Lab) => void;
const silence =
  (...names: string[]): Change =>
  (lab) => {
    lab.silent = names;
  };
const label =
  (id: string, kind: 'unreadable' | 'cache' | 'pool'): Change =>
  (lab) => {
    const device = lab.devices.find((each) => each.id === id);
    if (device === undefined) return;
    device.label =
      kind === 'unreadable'
        ? { kind }
        : kind === 'cache'
          ? { kind, vdevGuid: 'v99' }
          : { kind, pool: 'pX', poolGuid: 'guid-pX', vdevGuid: 'v99', poolState: 'exported', txg: 7 };
  };
const hide =
  (id: string, ...from: string[]): Change =>
  (lab) => {
    const device = lab.devices.find((each) => each.id === id);
    if (device !== undefined) device.seenBy = device.seenBy.filter((name) => !from.includes(name));
  };

/** Every refusal, what is asked, and what is the matter. */
const refusals: readonly (readonly [string, string, Change?])[] = [
  ['nothing-selected', 'add to=B/pB'],
  ['nothing-selected', 'remove from=A/pA counts=0:log:0'],
  ['same-pool', 'move from=A/pA to=A/pA devices=C1'],
  ['unknown-appliance', 'remove from=Z/pA devices=C1'],
  ['no-such-pool', 'remove from=A/pZ devices=C1'],
  ['pool-not-imported', 'remove from=B/pA devices=C1'],
  ['pool-already-imported', 'import at=A/pA'],
  ['pool-imported-elsewhere', 'import at=B/pA'],
  ['pool-owner-silent', 'import at=B/pA', silence('A')],
  [
    'pool-needs-log',
    'import at=B/pC',
    (lab) => {
      poolOf(lab, 'pC').importedAt = [];
      hide('F3', 'A', 'B')(lab);
    },
  ],
  [
    'pool-unavailable',
    'remove from=A/pA devices=C1',
    (lab) => {
      poolOf(lab, 'pA').state = 'unavailable';
    },
  ],
  [
    'pool-checkpoint',
    'remove from=A/pA devices=C1',
    (lab) => {
      poolOf(lab, 'pA').hasCheckpoint = true;
    },
  ],
  ['device-not-in-pool', 'remove from=A/pA devices=F1'],
  ['device-not-in-pool', 'move from=A/pA to=B/pB devices=C1,F1'],
  ['device-named-twice', 'remove from=A/pA devices=C1,C1'],
  ['device-named-twice', 'add to=B/pB caches=F1,F1'],
  ['counts-not-offered', 'remove from=A/pA counts=0:cache:2'],
  ['counts-not-offered', 'remove from=A/pA counts=0:log:-1'],
  [
    'choice-too-large',
    `remove from=A/pA counts=${Array.from({ length: 12 }, (_, index) => `${String(index)}:log:4`).join(',')}`,
  ],
  ['across-chassis', 'remove from=A/pA devices=L3'],
  ['leg-absent', 'move from=A/pA to=B/pB devices=L1', hide('L2', 'A', 'B')],
  ['leg-not-in-mirror', 'detach from=B/pC device=F3'],
  ['last-healthy-leg', 'detach from=A/pA device=L1', hide('L2', 'A', 'B')],
  [
    'weaker-log',
    'remove from=B/pC devices=F3',
    (lab) => {
      const legs = [{ vdevGuid: 'v50', id: 'F1' }];
      poolOf(lab, 'pC').logs = [
        {
          mirror: 7,
          legs: [
            { vdevGuid: 'v51', id: 'F3' },
            { vdevGuid: 'v52', id: 'F2' },
          ],
        },
        { legs },
      ];
    },
  ],
  ['profile-mismatch', 'move from=A/pA to=B/pC devices=L1'],
  ['layout-unsupported', 'add to=B/pB caches=F1 cache-layout=mirrored'],
  ['layout-unsupported', 'move from=A/pA to=B/pB devices=L1 log-layout=raidz'],
  ['cannot-pair', 'add to=B/pB logs=F1 log-layout=mirrored'],
  ['cannot-pair', 'add to=B/pB logs=F2,F3 log-layout=mirrored across-chassis'],
  ['device-not-seen', 'move from=A/pA to=B/pB devices=C1', hide('C1', 'B')],
  ['device-in-controller', 'move from=A/pA to=B/pB devices=I1'],
  ['device-is-spare', 'add to=B/pB caches=S1'],
  ['device-too-small', 'add to=B/pB logs=T1'],
  ['sectors-too-large', 'add to=B/pB caches=W1'],
  ['device-in-use', 'add to=B/pB caches=C1'],
  ['label-in-use', 'add to=B/pB logs=F1', label('F1', 'pool')],
  ['label-in-use', 'add to=B/pB logs=L1', silence('A')],
  ['label-unreadable', 'add to=B/pB logs=F1', label('F1', 'unreadable')],
  [
    'cache-owner-unknown',
    'add to=B/pB caches=F1',
    (lab) => {
      silence('A')(lab);
      label('F1', 'cache')(lab);
    },
  ],
];

/** Said by a job that runs, not by the plan; each has a story or a step test. */
const elsewhere = [
  'claim-held',
  'job-on-pool',
  'too-many-jobs',
  'plan-changed',
  'rehearsal-refused',
  'registry-differs',
  'pool-needs-data',
];

describe('a request is refused with its reason', () => {
  test.each(refusals.map(([kind, request, change]) => ({ kind, request, change })))(
    '$kind: $request',
    ({ kind, request, change }) => {
      const lab = labFrom(estate);
      change?.(lab);
      const planning = planPoolDevices(requestFrom(request), viewsOf(lab), settings);
      expect(planning).toMatchObject({ kind: 'refused', because: { kind } });
      const forecast = whatPoolRequestWouldDo(requestFrom(request), viewsOf(lab), settings);
      expect(forecast.allowed).toBe(false);
      expect(forecast.remarks[0]).toMatch(/^[A-Z].*\.$/);
    },
  );

  test('and every refusal is among them', () => {
    const seen = new Set(refusals.map(([kind]) => kind));
    expect(
      Object.keys(refusalSentences)
        .filter((kind) => !seen.has(kind))
        .sort(),
    ).toEqual([...elsewhere].sort());
  });
});

/** What a word allows: the same request without it is refused above. */
const consents: readonly (readonly [string, string, Change?])[] = [
  ['across-chassis', 'remove from=A/pA devices=L3'],
  ['mixed-profile', 'move from=A/pA to=B/pC devices=L1'],
  ['by-hand', 'move from=A/pA to=B/pB devices=C1', hide('C1', 'B')],
];

describe('a consent allows what it names', () => {
  test.each(consents.map(([consent, request, change]) => ({ consent, request, change })))(
    '$consent: $request',
    ({ consent, request, change }) => {
      const lab = labFrom(estate);
      change?.(lab);
      const views = viewsOf(lab);
      expect(planPoolDevices(requestFrom(`${request} consents=${consent}`), views, settings).kind).toBe(
        'planned',
      );
      for (const other of [
        'across-chassis',
        'mixed-profile',
        'by-hand',
        'lose-log-records',
        'owner-is-fenced',
      ]) {
        if (other === consent) continue;
        expect(
          planPoolDevices(requestFrom(`${request} consents=${other}`), views, settings).kind,
          other,
        ).toBe('refused');
      }
    },
  );
});

describe('a page for operators', () => {
  test('offers the counts that may leave', () => {
    expect(removablePoolDevices(viewsOf(labFrom(estate)), { appliance: 'A', pool: 'pA' })).toEqual([
      { chassis: '0', kind: 'log', counts: [0, 1, 2, 3] },
      { chassis: '1', kind: 'log', counts: [0, 1] },
      { chassis: '0', kind: 'cache', counts: [0, 1] },
      { chassis: 'A', kind: 'cache', counts: [0, 1] },
    ]);
  });

  test('says what would happen, in order', () => {
    const views = viewsOf(labFrom(estate));
    const request = requestFrom('move from=A/pA to=B/pB devices=L1,C1');
    expect(whatPoolRequestWouldDo(request, views, settings)).toEqual({
      allowed: true,
      steps: [
        'mirrored log L1+L2 leaves pA',
        'striped cache C1 leaves pA',
        'mirrored log L1+L2 joins pB',
        'striped cache C1 joins pB',
      ],
      remarks: ['L1 cannot leave mirror-1 alone, so L2 of chassis 0 leaves as well.'],
    });
  });

  test('says who has to answer first', () => {
    const lab = labFrom(estate);
    lab.silent = ['A'];
    const request = requestFrom('remove from=A/pA devices=C1');
    expect(whatPoolRequestWouldDo(request, viewsOf(lab), settings)).toMatchObject({
      allowed: false,
      steps: [],
    });
  });

  test('keeps the weakest units for the first to leave', () => {
    const lab = labFrom(estate);
    hide('L2', 'A', 'B')(lab);
    const planning = planPoolDevices(requestFrom('remove from=A/pA counts=0:log:1'), viewsOf(lab), settings);
    expect(planning).toMatchObject({ kind: 'planned', plan: { leave: [{ devices: ['L1'] }] } });
  });
});
