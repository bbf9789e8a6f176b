import { Prng } from '@holdfast/core';
import type { TimelineBin } from '../workload/samples.js';
import type { DemoReport, ModeSegment, Moment } from './types.js';

const start = 1_700_000_000_000;
const at = (seconds: number): number => start + seconds * 1000;
const segment = (
  from: number,
  until: number,
  mode: string,
  epoch: number,
  sequencer: string,
): ModeSegment => ({
  fromMs: at(from),
  untilMs: at(until),
  mode,
  epoch,
  sequencer,
});
const decision = (seconds: number, source: string, mode: string, epoch: number, text: string): Moment => ({
  atMs: at(seconds),
  source,
  kind: 'decision',
  mode,
  epoch,
  text,
});

function scenes(): DemoReport['scenes'] {
  return [
    {
      id: 'a',
      title: 'the preferred node is killed',
      fromMs: at(3),
      untilMs: at(8),
      serves: 'south alone',
      longestPauseMs: 583,
      boundMs: 636,
      stallMs: 0,
      lostWrites: 0,
      because: 'south: The witness granted epoch 3 <to south>.',
    },
    {
      id: 'b',
      title: 'it returns',
      fromMs: at(8),
      untilMs: at(13),
      serves: 'both',
      longestPauseMs: 41,
      stallMs: 0,
      resyncedBytes: 21 * 2 ** 20,
      comparedBytes: 36 * 2 ** 20,
      lostWrites: 0,
      because: 'south: Both mirror again under epoch 5.',
    },
  ];
}

function bands(): DemoReport['bands'] {
  return [
    {
      name: 'north',
      role: 'preferred',
      segments: [
        segment(0, 3, 'mirrored', 2, 'north'),
        segment(3, 8.2, 'down', 0, ''),
        segment(8.2, 11, 'syncTarget', 4, 'south'),
        segment(11, 20, 'mirrored', 5, 'south'),
      ],
    },
    {
      name: 'south',
      role: 'non-preferred',
      segments: [
        segment(0, 3.1, 'mirrored', 2, 'north'),
        segment(3.1, 3.6, 'arbitrating', 2, 'north'),
        segment(3.6, 8.5, 'standalone', 3, 'south'),
        segment(8.5, 11, 'syncSource', 4, 'south'),
        segment(11, 20, 'mirrored', 5, 'south'),
      ],
    },
  ];
}

function moments(): DemoReport['moments'] {
  return [
    { atMs: at(3), source: 'north', kind: 'fault', text: 'SIGKILL' },
    decision(3.1, 'south', 'arbitrating', 2, 'The peer is lost: the connection ended.'),
    decision(3.58, 'south', 'standalone', 3, 'The witness granted epoch 3 after a wait of 506 ms.'),
    {
      atMs: at(3.6),
      source: 'initiator',
      kind: 'initiator',
      text: 'requests go to south now, after 583 ms',
    },
  ];
}

/** A report of a run that never happened, for tests of the page and for looking at it. */
export function exampleReport(): DemoReport {
  return {
    version: 1,
    startedAtMs: start,
    endedAtMs: at(20),
    seed: 7,
    run: 1,
    volumeBytes: 256 * 2 ** 20,
    machine: { cpus: 2, platform: 'linux', runtime: 'Node.js 20.20.2' },
    timing: 'lan',
    workload: {
      requests: 16_000,
      acknowledgedWrites: 10_432,
      acknowledgedBytes: 300 * 2 ** 20,
      indeterminateWrites: 0,
      blocksChecked: 122_000,
      faults: 0,
      errors: 0,
    },
    longestStallMs: 40,
    scenes: scenes(),
    replays: [{ id: 'b', longestPauseMs: 2100, standstillMs: 812 }],
    checks: [
      {
        name: "a: the host's longest pause is within the bound",
        passed: true,
        detail: '583 ms, computed bound 636 ms',
      },
    ],
    legs: [
      { nodeId: 'north', sha256: 'a'.repeat(64) },
      { nodeId: 'south', sha256: 'a'.repeat(64) },
    ],
    bands: bands(),
    moments: moments(),
    resyncs: [],
    timeline: { binMs: 50, bins: exampleBins() },
  };
}

function exampleBins(): readonly TimelineBin[] {
  const chance = new Prng(1);
  return Array.from({ length: 400 }, (_, index): TimelineBin => {
    const fromMs = start + index * 50;
    if (index >= 60 && index < 71) return { fromMs, completed: 0, medianMs: undefined, longestMs: undefined };
    const medianMs = 1 + chance.unit();
    return {
      fromMs,
      completed: 30 + chance.below(20),
      medianMs,
      longestMs: index === 71 ? 583 : medianMs * (2 + 6 * chance.unit()),
    };
  });
}
