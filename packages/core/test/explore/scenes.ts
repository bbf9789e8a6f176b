import { units } from './clockwork.js';
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

/** What is explored without a finding, each scene as far as its share of states goes. */
export const scenes: readonly Scene[] = [
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
];

/** States of all scenes together, by setting: a slice for every test run, a change, a night. */
export const sizes = { test: 28_000, change: 1_120_000, night: 11_200_000 } as const;
export type Size = keyof typeof sizes;

export function statesOf(size: Size): number {
  return Math.ceil(sizes[size] / scenes.length);
}
