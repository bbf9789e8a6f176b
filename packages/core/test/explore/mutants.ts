import * as outside from '../support/mutants.js';
import * as policies from './broken-policies.js';
import { units } from './clockwork.js';
import { soundRules, type DataRules } from './data.js';
import type { Script } from './data-offers.js';
import type { FaultLimits } from './faults.js';
import type { Scene } from './offers.js';

/** One protocol with one rule left out, where it shows, and how. */
export interface Mutant {
  readonly name: string;
  /** What is left out, in the words of the protocol. */
  readonly without: string;
  readonly scene: Scene;
  readonly found: RegExp;
  /** It is found among the first so many states. */
  readonly within: number;
}

const contended: Script = [
  { block: 0, via: 0 },
  { block: 0, via: 1 },
];
const atA: Script = [{ block: 0, via: 0 }];
const atB: Script = [{ block: 0, via: 1 }];

const both = /both nodes may acknowledge alone/;
const staleRead = /may answer reads while the other may acknowledge alone/;
const behind = /serves, and its copy is/;
const value = /which it cannot be any more|cannot have taken effect/;

function data(
  rule: keyof DataRules,
  without: string,
  limits: FaultLimits,
  script: Script,
  within: number,
  more: Partial<Scene> = {},
  alsoWithout: Partial<DataRules> = {},
): Mutant {
  const rules = { ...soundRules, ...alsoWithout, [rule]: false };
  const scene = { name: rule, limits, ...more, setting: { script, rules } };
  return { name: `data: ${rule}`, without, scene, found: value, within };
}

function policy(
  name: string,
  without: string,
  limits: FaultLimits,
  found: RegExp,
  within: number,
  more: Partial<Scene>,
): Mutant {
  return { name: `policy: ${name}`, without, scene: { name, limits, ...more }, found, within };
}

export const policyMutants: readonly Mutant[] = [
  policy(
    'driftIgnored',
    'a wait is stretched by the drift of both clocks',
    { total: 2, cut: 1, pause: 1 },
    staleRead,
    40_000,
    { setting: { rates: [1.1, 0.9], timing: { ...units, drainBoundMs: 0.5, clockDriftPpm: 0 } } },
  ),
  policy(
    'powerLossForgotten',
    'a copy whose machine lost power does not survive alone',
    { total: 2, power: 1, crash: 1 },
    behind,
    8_000,
    { policy: outside.powerLossForgotten },
  ),
  policy(
    'resumesAlthoughAsked',
    'nobody resumes who has asked',
    { total: 2, cut: 1, 'witness-cut': 1 },
    /who has asked the witness does not mirror/,
    40_000,
    { policy: outside.resumesAlthoughAsked },
  ),
  policy(
    'noWaitAfterStart',
    'a start waits for the leases of the life before',
    { total: 2, cut: 1, crash: 1 },
    staleRead,
    5_000,
    { policy: policies.noWaitAfterStart },
  ),
  policy(
    'silenceMeansStopped',
    'a silent peer has not stopped: its lease is waited for',
    { total: 2, cut: 1, pause: 1 },
    staleRead,
    3_000,
    { policy: policies.silenceMeansStopped },
  ),
  policy(
    'silenceMeansGranted',
    'silence of the witness grants nothing',
    { total: 2, cut: 1, silence: 1 },
    both,
    45_000,
    { policy: policies.silenceMeansGranted },
  ),
  policy('denialForgotten', 'who was denied has lost', { total: 1, cut: 1 }, both, 8_000, {
    policy: policies.denialForgotten,
  }),
  policy(
    'releaseBeforeCommit',
    'the peer serves alone only after the commit',
    { total: 1, operator: 1 },
    staleRead,
    1_000,
    { policy: policies.releaseBeforeCommit },
  ),
];

export const witnessMutants: readonly Mutant[] = [
  {
    name: 'witness: trustsBackups',
    without: 'a backup of the memory is not the memory',
    scene: {
      name: 'trustsBackups',
      limits: { total: 2, cut: 1, restore: 1 },
      setting: { trustsBackups: true },
    },
    found: /both nodes|two owners/,
    within: 70_000,
  },
];

export const dataMutants: readonly Mutant[] = [
  data('bothLegs', 'a write is on both legs before it is acknowledged', { total: 1, crash: 1 }, atA, 1_000),
  data(
    'ownLegFirst',
    'the peer gets a write when the own leg has it',
    { total: 1, crash: 1 },
    contended,
    150_000,
  ),
  data('rangeHeld', 'reads wait while a write is on its way to both legs', { total: 0 }, atA, 1_000),
  data(
    'oneAtATime',
    'two writes of one block are never on their way together',
    { total: 0 },
    contended,
    2_000,
  ),
  data('oneSequencer', 'one node orders', { total: 0 }, contended, 2_000),
  data(
    'knowsDone',
    'a repeat of what was done is not done again, and what comes by a path that was left is dropped',
    { total: 1, path: 1 },
    contended,
    25_000,
    {},
    { knowsGenerations: false },
  ),
  data('logFirst', 'the log has a block before it is written', { total: 1, crash: 1 }, atA, 70_000),
  data(
    'targetWaitedFor',
    'a write during a resync waits for the target, or its block is listed again',
    { total: 1, crash: 1 },
    atA,
    40_000,
    { from: 'resync' },
  ),
  data(
    'leaseAfterRead',
    'the lease is looked at after the bytes were read',
    { total: 2, cut: 1, pause: 1 },
    atB,
    50_000,
  ),
];

export const mutants: readonly Mutant[] = [...policyMutants, ...witnessMutants, ...dataMutants];

/** Those that every test run looks for. The others take too long for that: `npm run explore -- --mutants` looks for them. */
export const quickMutants: readonly Mutant[] = mutants.filter(({ within }) => within <= 10_000);
export const slowMutants: readonly Mutant[] = mutants.filter((mutant) => !quickMutants.includes(mutant));
