import { guards, type Guards } from '../../../witness/src/service/guards.js';
import * as outside from '../support/mutants.js';
import * as policies from './broken-policies.js';
import { units } from './clockwork.js';
import { soundRules, type DataRules } from './data.js';
import type { Script } from './data-path.js';
import type { FaultLimits } from './faults.js';
import type { Scene } from './polarization.js';

/** One protocol with one rule left out, where it shows, and how. */
export interface Mutant {
  readonly name: string;
  /** What is left out, in the words of the protocol. */
  readonly without: string;
  readonly scene: Scene;
  readonly found: RegExp;
}

const oneBlock: Script = [
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
  more: Partial<Scene> = {},
  alsoWithout: Partial<DataRules> = {},
): Mutant {
  const rules = { ...soundRules, ...alsoWithout, [rule]: false };
  return {
    name: `data: ${rule}`,
    without,
    scene: { name: rule, limits, ...more, setting: { script, rules } },
    found: value,
  };
}

function witness(
  guard: keyof Guards,
  without: string,
  limits: FaultLimits,
  found: RegExp,
  more: Partial<Scene> = {},
): Mutant {
  return {
    name: `witness: ${guard}`,
    without,
    scene: { name: guard, limits, ...more, setting: { guards: { ...guards, [guard]: () => true } } },
    found,
  };
}

function policy(
  name: string,
  without: string,
  limits: FaultLimits,
  found: RegExp,
  broken: Scene['policy'],
  more: Partial<Scene> = {},
): Mutant {
  return {
    name: `policy: ${name}`,
    without,
    scene: { name, limits, ...more, ...(broken === undefined ? {} : { policy: broken }) },
    found,
  };
}

export const policyMutants: readonly Mutant[] = [
  policy(
    'leaseFromReceipt',
    'the lease counts from the sending of the request',
    { total: 4, cut: 2, delay: 2 },
    staleRead,
    outside.leaseFromReceipt,
    { repairs: 'never' },
  ),
  policy(
    'noWaitForThePeersLease',
    'nobody opens before the lease of the other has run out',
    { total: 2, cut: 1, pause: 1 },
    staleRead,
    outside.noWaitForThePeersLease,
  ),
  policy(
    'driftIgnored',
    'a wait is stretched by the drift of both clocks',
    { total: 2, cut: 1, pause: 1 },
    staleRead,
    undefined,
    {
      setting: { rates: [1.1, 0.9], timing: { ...units, drainBoundMs: 0.5, clockDriftPpm: 0 } },
    },
  ),
  policy(
    'powerLossForgotten',
    'a copy whose machine lost power does not survive alone',
    { total: 2, power: 1, crash: 1 },
    behind,
    outside.powerLossForgotten,
  ),
  policy(
    'preparedCountsAsMirrored',
    'a prepared copy is no member before the commit is proved',
    { total: 3, operator: 1, crash: 1, cut: 1 },
    both,
    outside.preparedCountsAsMirrored,
    {
      setting: { faultModel: { kind: 'preElected', node: 'b' }, bootAlone: true },
    },
  ),
  policy(
    'resumesAlthoughAsked',
    'nobody resumes who has asked',
    { total: 2, cut: 1, 'witness-cut': 1 },
    /who has asked the witness does not mirror/,
    outside.resumesAlthoughAsked,
  ),
  policy(
    'noWaitAfterStart',
    'a start waits for the leases of the life before',
    { total: 2, cut: 1, crash: 1 },
    staleRead,
    policies.noWaitAfterStart,
  ),
  policy(
    'silenceMeansStopped',
    'a silent peer has not stopped',
    { total: 2, cut: 1, pause: 1 },
    staleRead,
    policies.silenceMeansStopped,
  ),
  policy(
    'anyAnswerCounts',
    'an answer counts for the call that it answers',
    { total: 3, cut: 1, silence: 2 },
    both,
    policies.anyAnswerCounts,
  ),
  policy(
    'silenceMeansGranted',
    'silence of the witness grants nothing',
    { total: 2, cut: 1, silence: 1 },
    both,
    policies.silenceMeansGranted,
  ),
  policy('denialForgotten', 'a denial is a denial', { total: 1, cut: 1 }, both, policies.denialForgotten),
  policy(
    'releaseBeforeCommit',
    'the peer serves alone only after the commit',
    { total: 1, operator: 1 },
    staleRead,
    policies.releaseBeforeCommit,
  ),
  policy(
    'commitBeforeDurable',
    'the fence is durable before the commit is sent',
    { total: 4, operator: 1, crash: 1, cut: 1, 'witness-cut': 1 },
    both,
    policies.commitBeforeDurable,
  ),
  policy(
    'acceptBeforeDurable',
    'consent is durable before it is said',
    { total: 3, crash: 1, cut: 1, 'witness-cut': 1 },
    both,
    policies.acceptBeforeDurable,
    { repairs: 'between' },
  ),
  policy(
    'volatileFence',
    'a fence survives a restart',
    { total: 4, operator: 1, crash: 1, cut: 1, 'witness-cut': 1 },
    both,
    policies.volatileFence,
  ),
  policy(
    'rollbackAfterCommit',
    'what was committed is not taken back',
    { total: 3, operator: 1, reset: 1, 'witness-cut': 1 },
    both,
    policies.rollbackAfterCommit,
  ),
  policy(
    'halfCopyCounts',
    'a half-copied copy is not whole',
    { total: 2, crash: 1, cut: 1 },
    /serves, and its copy is|both nodes/,
    policies.halfCopyCounts,
    { from: 'resync' },
  ),
  policy(
    'lyingDisk',
    'nothing is said before it is durable',
    { total: 4, operator: 1, crash: 1, cut: 1, 'witness-cut': 1 },
    both,
    undefined,
    { setting: { lyingDisk: true } },
  ),
];

export const witnessMutants: readonly Mutant[] = [
  witness(
    'nobodyIsPromoted',
    'what somebody holds is never given to another',
    { total: 1, cut: 1 },
    /both nodes|two owners/,
  ),
  witness(
    'startsFromRecord',
    'a claim starts from the epoch on record',
    { total: 3, cut: 2, silence: 1 },
    /both nodes|two owners/,
  ),
  witness(
    'isTrusted',
    'a memory in doubt grants nothing',
    { total: 3, cut: 1, restore: 1, silence: 1 },
    /both nodes|two owners/,
  ),
  witness(
    'registrationMovesOn',
    'a late word does not undo a newer one',
    { total: 3, cut: 2, repeat: 1 },
    /both nodes|two owners/,
  ),
  {
    name: 'witness: trustsBackups',
    without: 'a backup of the memory is not the memory',
    scene: {
      name: 'trustsBackups',
      limits: { total: 2, cut: 1, restore: 1 },
      setting: { trustsBackups: true },
    },
    found: /both nodes|two owners/,
  },
];

export const dataMutants: readonly Mutant[] = [
  data('bothLegs', 'a write is on both legs before it is acknowledged', { total: 1, crash: 1 }, atA),
  data('ownLegFirst', 'the peer gets a write when the own leg has it', { total: 1, crash: 1 }, oneBlock),
  data('sameEpoch', 'a write of another epoch is refused', { total: 2, operator: 1, pause: 1 }, oneBlock),
  data('rangeHeld', 'reads wait while a write is on its way to both legs', { total: 0 }, atA),
  data('oneAtATime', 'two writes of one block are never on their way together', { total: 0 }, oneBlock),
  data('oneSequencer', 'one node orders', { total: 0 }, oneBlock),
  data(
    'knowsDone',
    'a repeated write that was done is not done again',
    { total: 1, path: 1 },
    oneBlock,
    {},
    { knowsGenerations: false },
  ),
  data('logFirst', 'the log has a block before it is written', { total: 1, crash: 1 }, atA),
  data('logKept', 'a block leaves the log when both legs have it', { total: 1, crash: 1 }, atA),
  data('bothLogs', 'the logs of both take part in a resync', { total: 1, crash: 1 }, atA),
  data('mapTaken', "the winner's map takes part in a resync", { total: 1, crash: 1 }, atA, { from: 'alone' }),
  data('marked', 'alone, a block is marked before its write is acknowledged', { total: 1, crash: 1 }, atA, {
    from: 'alone',
  }),
  data('clearedByAnswer', 'a block is off the list when the target has it', { total: 1, reset: 1 }, atA, {
    from: 'alone',
  }),
  data('copyHeld', 'a block that is copied takes no write meanwhile', { total: 0 }, atA, { from: 'resync' }),
  data('targetWaitedFor', 'a write during a resync waits for the target', { total: 1, crash: 1 }, atA, {
    from: 'resync',
  }),
  data('drainWaits', 'a drain waits for what is in flight', { total: 1, operator: 1 }, oneBlock),
  data(
    'leaseAfterRead',
    'the lease is looked at after the bytes were read',
    { total: 2, cut: 1, pause: 1 },
    atB,
  ),
  data(
    'dropsWhenClosed',
    'a closed gate drops what it had admitted',
    { total: 2, operator: 1, path: 1 },
    oneBlock,
  ),
  data(
    'doneTravels',
    'the numbers of done writes travel with a resync',
    { total: 2, crash: 1, path: 1 },
    oneBlock,
  ),
  data('knowsGenerations', 'what comes by a path that was left is dropped', { total: 1, path: 1 }, oneBlock),
];

export const mutants: readonly Mutant[] = [...policyMutants, ...witnessMutants, ...dataMutants];
