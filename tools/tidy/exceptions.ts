import { type Exception } from './types.js';

const itself = /^tools\/tidy\/(text-rules|tidy\.test)\.ts$/;
const because = 'it must name what it forbids';

export const exceptions: readonly Exception[] = [
  { rule: 'no notes to a later self', path: itself, because },
  { rule: 'no silenced compiler', path: itself, because },
  { rule: 'a silenced lint rule has a reason', path: itself, because },
  { rule: 'no test left out or singled out', path: itself, because },
  { rule: 'no path of one machine', path: itself, because },
  { rule: 'temporary files go where the system wants them', path: itself, because },
  { rule: 'no registry host', path: itself, because },
  {
    rule: 'time comes from a Clock',
    path: /^packages\/testkit\/src\/clock\/settle\.ts$/,
    because: 'the virtual clock must let real promises run before it moves on',
  },
];
