import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { policyTranscript, transcriptTests, type TranscriptHandlers } from '@holdfast/testkit';
import {
  describeSwap,
  freshSwapRecord,
  swapRecovery,
  type SwapRecord,
  type SwapTuning,
} from '../../src/index.js';

const folder = fileURLToPath(new URL('../../src/policies/swap-recovery/testdata', import.meta.url));

/** Which wish a kind of answer belongs to. */
const wishOf: Readonly<Record<string, string>> = {
  persisted: 'persist',
  'operation-granted': 'request-operation',
  'io-frozen': 'freeze-io',
  'freeze-failed': 'freeze-io',
  'hosts-switched': 'switch-hosts',
  'switch-failed': 'switch-hosts',
  'hosts-fenced': 'fence-hosts',
  'health-listed': 'list-health',
  'health-list-failed': 'list-health',
  'tracks-marked': 'mark-tracks',
  'mirror-changed': 'start-mirror',
};

/** The verbs of every policy, and `answer <kind> {json}`: the fact that answers the newest wish of its kind. */
function handlers(): TranscriptHandlers {
  const newest = new Map<string, string>();
  const verbs = policyTranscript(swapRecovery, {
    options: (words) => {
      const { tuning = {}, ...given } = words as Partial<SwapRecord> & { tuning?: Partial<SwapTuning> };
      const record = { ...freshSwapRecord({ groupId: 'g', epoch: 4 }), ...given };
      return { groupId: 'g', nodeId: 'n', incarnation: 1, record, tuning };
    },
    show: ({ id, kind, after: _after, because: _because, ...fields }) => {
      newest.set(kind, id);
      return fields;
    },
    summary: (state) => describeSwap(state),
  });
  return {
    ...verbs,
    answer: (block) => {
      const [kind = '', ...rest] = block.args.split(' ');
      const given = JSON.parse(rest.join(' ') === '' ? '{}' : rest.join(' ')) as object;
      const effect = newest.get(wishOf[kind] ?? '');
      return verbs['event']!({ ...block, args: `${kind} ${JSON.stringify({ ...given, effect })}` });
    },
  };
}

describe('stories that an operator can read', () => {
  transcriptTests(test, folder, handlers);

  test('every row of the failure table is told', () => {
    const names = readdirSync(folder);
    for (let row = 1; row <= 16; row += 1) {
      const prefix = `row-${String(row).padStart(2, '0')}-`;
      expect(
        names.some((name) => name.startsWith(prefix)),
        prefix,
      ).toBe(true);
    }
  });
});
