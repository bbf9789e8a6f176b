import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  policyTranscript,
  transcriptTests,
  type TranscriptBlock,
  type TranscriptHandlers,
} from '@holdfast/testkit';
import {
  freshMirroringRecord,
  mirroringDefaults,
  mirroringStatus,
  planMirroring,
  retrieveMirroredFrom,
  selectiveMirroring,
  serveMirroredRead,
  whatIfOwnerIsLost,
  type MirroringEffect,
  type MirroringEvent,
  type MirroringOptions,
  type MirroringReadRequest,
  type MirroringState,
} from '../../src/index.js';
import { heatOf, type Row } from './heat-maker.js';

const folder = fileURLToPath(new URL('../../src/policies/selective-mirroring/testdata/', import.meta.url));

const readRequest: MirroringReadRequest = { block: 0, slowVersion: 0, intact: true };

/**
 * Beside the verbs of every policy: `read {json}` asks where a read is answered from, `plan [row ...]` (or `young`, when little was counted yet) answers `select-blocks` by the
 * real choice over these rows of heat, `forecast`, `where <block>` and `status [field ...]` are the questions of an operator. In an event,
 * "effect": "persist" means the last wish of that kind.
 */
function verbs(): TranscriptHandlers {
  let state: MirroringState | undefined;
  let last: Readonly<Record<string, MirroringEffect>> = {};
  const watched: typeof selectiveMirroring = {
    ...selectiveMirroring,
    init: (options, at) => (state = selectiveMirroring.init(options, at)),
    step: (before, event) => {
      const next = selectiveMirroring.step(before, event);
      state = next.state;
      for (const effect of next.effects) last = { ...last, [effect.kind]: effect };
      return next;
    },
  };
  const story = policyTranscript(watched, {
    options: (given) => optionsOf(given),
    event: (kind, given, at, sequence) => {
      const named =
        typeof given['effect'] === 'string' ? { effect: last[given['effect']]?.id ?? given['effect'] } : {};
      return { ...given, ...named, kind, at, sequence } as unknown as MirroringEvent;
    },
  });
  const now = (): MirroringState => {
    if (state === undefined) throw new TypeError('A story begins with init.');
    return state;
  };
  const plan = (block: TranscriptBlock, observedMs: number) => {
    const question = last['select-blocks'];
    if (question?.kind !== 'select-blocks') throw new TypeError('Nobody has asked for a plan.');
    const rows = JSON.parse(block.args === '' ? block.input : block.args) as Row[];
    const heat = heatOf(rows, {
      version: (now().owner.heat?.version ?? 0) + 1,
      takenAt: 1_000_000,
      observedMs,
    });
    const plan = planMirroring(now(), question, heat);
    return story['event']!({
      ...block,
      args: `blocks-selected ${JSON.stringify({ effect: 'select-blocks', ...plan })}`,
      input: '',
    });
  };
  return {
    ...story,
    read: ({ args }) =>
      serveMirroredRead(now(), { ...readRequest, ...(JSON.parse(args) as Partial<MirroringReadRequest>) })
        .explanation,
    plan: (block) => plan(block, 1_000_000),
    young: (block) => plan(block, 1_000),
    forecast: () => whatIfOwnerIsLost(now()).explanation,
    where: ({ args }) => JSON.stringify(retrieveMirroredFrom(now(), Number(args)) ?? 'nowhere'),
    status: ({ args }) => {
      const status = mirroringStatus(now());
      const fields = args === '' ? Object.keys(status) : args.split(' ');
      return fields
        .map(
          (field) =>
            `${field}=${JSON.stringify(Object.entries(status).find(([name]) => name === field)?.[1])}`,
        )
        .join('\n');
    },
  };
}

function optionsOf(given: Readonly<Record<string, unknown>>): MirroringOptions {
  const {
    nodeId = 'a',
    role = 'owner',
    tuning = {},
    ...rest
  } = given as Partial<MirroringOptions> & { role?: 'owner' | 'standby' };
  return {
    groupId: 'g',
    nodeId,
    incarnation: 1,
    record: freshMirroringRecord('g', nodeId, role),
    volumeBytes: 400 * 4_096,
    cacheBytes: 100 * 4_096,
    slowCopy: 'async',
    ...rest,
    tuning: { ...mirroringDefaults, ...tuning },
  };
}

transcriptTests(test, folder, verbs);

describe('the stories', () => {
  test('tell every row of the scenario table', () => {
    const names = readdirSync(folder);
    for (let row = 1; row <= 15; row += 1) {
      const prefix = `row-${String(row).padStart(2, '0')}-`;
      expect(
        names.filter((name) => name.startsWith(prefix)),
        prefix,
      ).toHaveLength(1);
    }
  });
});
