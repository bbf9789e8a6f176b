import { units } from './clockwork.js';
import { mediatedParts, movedParts, type GroupParts, returnedParts, swappedParts } from './group-parts.js';
import { hasElected, hasFallenBack, hasMoved, hasReturned, hasSwapped } from './landmarks.js';
import type { Script } from './data-offers.js';
import type { Scene } from './offers.js';

/** Writes of two hosts to one block, each at its own node: all that an order can go wrong with. */
const contended: Script = [
  { block: 0, via: 0 },
  { block: 0, via: 1 },
];
/** The same to two blocks. */
const apart: Script = [
  { block: 0, via: 0 },
  { block: 1, via: 1 },
];

/** Two nodes with fault handling alone. */
const pairScenes: readonly Scene[] = [
  { name: 'a crash at any moment', limits: { total: 1, crash: 1 } },
  {
    name: 'two of: cuts of one way or both, resets, crashes',
    limits: { total: 2, cut: 2, reset: 1, crash: 1 },
  },
  { name: 'slow letters and pauses', limits: { total: 2, delay: 2, pause: 1, cut: 1 } },
  {
    name: 'a witness that is cut off, silent, repeated, emptied, restored',
    limits: { total: 2, cut: 1, silence: 1, 'witness-cut': 1, repeat: 1, empty: 1, restore: 1 },
  },
  { name: 'machines that lose power', limits: { total: 2, power: 2, crash: 1, cut: 1 } },
  {
    name: 'legs and metadata disks that fail',
    limits: { total: 2, leg: 1, 'disk-error': 1, cut: 1, crash: 1 },
  },
  { name: 'sick nodes and operators', limits: { total: 2, health: 1, operator: 1, cut: 1, crash: 1 } },
  {
    name: 'clocks that drift apart',
    limits: { total: 2, cut: 1, pause: 1, delay: 1 },
    setting: { rates: [1.05, 0.95], timing: { ...units, clockDriftPpm: 50_000 } },
  },
  {
    name: 'a survivor that was elected beforehand',
    limits: { total: 2, cut: 1, crash: 1, pause: 1 },
    setting: { faultModel: { kind: 'preElected', node: 'a' } },
  },
  { name: 'contended writes and a crash', limits: { total: 1, crash: 1 }, setting: { script: contended } },
  {
    name: 'contended writes and a cut',
    limits: { total: 1, cut: 1, reset: 1 },
    setting: { script: contended },
  },
  {
    name: 'writes that are repeated over the other path',
    limits: { total: 2, path: 1, crash: 1 },
    setting: { script: contended },
  },
  {
    name: 'writes to two blocks while a handover or a pause is made',
    limits: { total: 1, operator: 1 },
    setting: { script: apart },
  },
  {
    name: 'writes beside a resync that is interrupted',
    limits: { total: 1, crash: 1, reset: 1 },
    from: 'resync',
    setting: { script: apart },
  },
  {
    name: 'an elected survivor that hands over and crashes',
    limits: { total: 3, cut: 1, crash: 1, pause: 1, operator: 1 },
    setting: { faultModel: { kind: 'preElected', node: 'a' } },
    order: 'few',
  },
  {
    name: 'lost power beside crashes, cuts and disks that fail',
    limits: { total: 3, power: 1, crash: 1, cut: 1, 'disk-error': 1 },
    order: 'few',
  },
  {
    name: 'legs that fail while a pause or a handover is made',
    limits: { total: 3, operator: 1, leg: 1, health: 1 },
    order: 'few',
  },
];

const movedScenes: readonly Scene[] = [
  { name: 'a group that is moved', limits: { total: 1, move: 1 }, landmarks: [hasMoved] },
  {
    name: 'a group that is moved, and a crash',
    limits: { total: 2, move: 1, crash: 1 },
    landmarks: [hasMoved, hasFallenBack],
  },
  {
    name: 'a group that is moved, cuts and resets',
    limits: { total: 2, move: 1, cut: 1, reset: 1 },
    order: 'few',
    landmarks: [hasMoved, hasFallenBack],
  },
  {
    name: 'a group that is moved, slow letters, pauses and a witness that is cut off',
    limits: { total: 3, move: 1, delay: 1, pause: 1, 'witness-cut': 1 },
  },
  {
    name: 'a group that is moved, lost power and disks that fail',
    limits: { total: 3, move: 1, power: 1, 'disk-error': 1, leg: 1 },
  },
  {
    name: 'a group with sick nodes, operators and crashes',
    limits: { total: 3, move: 1, health: 1, operator: 1, crash: 1 },
  },
  { name: 'a group that is moved, and two commands', limits: { total: 3, move: 1, operator: 2 } },
  {
    name: 'a group that is moved twice, and a crash',
    limits: { total: 3, move: 2, crash: 1 },
    order: 'few',
  },
  {
    name: 'a group that is moved, a crash, and a disk or a link that fails',
    limits: { total: 3, move: 1, 'disk-error': 1, crash: 1, reset: 1 },
    order: 'few',
  },
  {
    name: 'a group that is moved, two resets and a crash',
    limits: { total: 3, move: 1, reset: 2, crash: 1 },
    order: 'few',
  },
  {
    name: 'a group that is moved, a crash and lost power',
    limits: { total: 3, move: 1, power: 1, crash: 1 },
    order: 'few',
  },
];

/** A whole consistency group at each node, whose roles are about to be moved on purpose. A state of it takes longer. */
const groupScenes = movedScenes.map((scene): Scene => ({ ...scene, group: movedParts, share: 0.6 }));

const swapScenes: readonly Scene[] = [
  {
    name: 'a group that swaps, crashes, cuts and resets',
    limits: { total: 3, ill: 1, crash: 1, cut: 1, reset: 1 },
    landmarks: [hasSwapped],
  },
  {
    name: 'a group that has swapped, crashes and resets',
    limits: { total: 3, ill: 1, crash: 1, reset: 1 },
    from: 'swapped',
  },
  {
    name: 'a group that swaps, disks that fail and lost power',
    limits: { total: 3, ill: 1, 'disk-error': 1, power: 1, leg: 1 },
    landmarks: [hasSwapped],
  },
  {
    name: 'a group that swaps, slow letters, pauses and a witness that is cut off',
    limits: { total: 3, ill: 1, delay: 1, pause: 1, 'witness-cut': 1 },
  },
  {
    name: 'a group that swaps, sick nodes and operators',
    limits: { total: 3, ill: 2, health: 1, operator: 1 },
  },
  {
    name: 'a group that swaps while it is moved, and a crash',
    limits: { total: 3, ill: 1, move: 1, crash: 1 },
    group: { ...swappedParts, ...movedParts },
    order: 'few',
  },
];

const returnScenes: readonly Scene[] = [
  {
    name: 'a group that returns, crashes, cuts and resets',
    limits: { total: 3, redirect: 1, crash: 1, cut: 1, reset: 1 },
    landmarks: [hasReturned],
  },
  {
    name: 'a group that returns, disks that fail and lost power',
    limits: { total: 3, redirect: 1, 'disk-error': 1, power: 1, leg: 1 },
    landmarks: [hasReturned],
  },
  {
    name: 'a group that returns, slow letters, pauses and a witness that is cut off',
    limits: { total: 3, redirect: 1, delay: 1, pause: 1, 'witness-cut': 1 },
  },
  {
    name: 'a group that returns, sick nodes and operators',
    limits: { total: 3, redirect: 1, health: 1, operator: 1, crash: 1 },
  },
];

const mediatedScenes: readonly Scene[] = [
  {
    name: 'a group whose mediator is lost',
    limits: { total: 2, 'witness-cut': 2 },
    landmarks: [hasElected],
  },
  {
    name: 'a group whose mediator changes, crashes and cuts',
    limits: { total: 3, 'witness-cut': 2, cut: 1, crash: 1 },
  },
  {
    name: 'a group whose mediator is away, crashes, cuts and resets',
    limits: { total: 3, 'witness-cut': 1, cut: 1, crash: 1, reset: 1 },
    from: 'elected',
  },
  {
    name: 'a group whose mediator is away, lost power, disks that fail and pauses',
    limits: { total: 3, power: 1, 'disk-error': 1, pause: 1, cut: 1 },
    from: 'elected',
  },
  {
    name: 'a group whose mediator changes, resets, disks that fail and lost power',
    limits: { total: 3, 'witness-cut': 2, reset: 1, 'disk-error': 1, power: 1 },
  },
  {
    name: 'a group whose mediator changes, slow letters and pauses',
    limits: { total: 3, 'witness-cut': 2, delay: 1, pause: 1 },
  },
  {
    name: 'a group whose mediator changes while it is moved, and a crash',
    limits: { total: 3, 'witness-cut': 2, move: 1, crash: 1 },
    group: { ...mediatedParts, ...movedParts },
    order: 'few',
  },
];

const made = (group: GroupParts, some: readonly Scene[]): readonly Scene[] =>
  some.map((scene) => ({ group, share: 0.3, order: 'few', ...scene }));

/** Groups of other policies. A state of one takes longer still. */
const otherScenes: readonly Scene[] = [
  ...made(swappedParts, swapScenes),
  ...made(
    returnedParts,
    returnScenes.map((scene) => ({ ...scene, from: 'homecoming' })),
  ),
  ...made(mediatedParts, mediatedScenes),
];

/** What is explored without a finding, each scene as far as its share of states goes. */
export const scenes: readonly Scene[] = [...pairScenes, ...groupScenes, ...otherScenes];

/** States of all scenes together, by setting: a slice for every test run, a change, a night. */
export const sizes = { test: 28_000, change: 1_050_000, night: 11_200_000 } as const;
export type Size = keyof typeof sizes;

const shareOf = ({ share = 1 }: Scene): number => share;
const shares = scenes.reduce((sum, scene) => sum + shareOf(scene), 0);

export function statesOf(size: Size, scene: Scene): number {
  return Math.ceil((sizes[size] * shareOf(scene)) / shares);
}
