import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { policyTranscript, transcriptTests, type TranscriptHandlers } from '@holdfast/testkit';
import {
  describeFailback,
  latencyFailback,
  type FailbackRecord,
  type FailbackTuning,
} from '../../src/index.js';

const folder = fileURLToPath(new URL('../../src/policies/latency-failback/testdata', import.meta.url));

/** Which wish a kind of answer belongs to. */
const wishOf: Readonly<Record<string, string>> = {
  persisted: 'persist',
  'persist-failed': 'persist',
  'operation-granted': 'request-operation',
  'operation-refused': 'request-operation',
  'survivor-pinned': 'pin-survivor',
  drained: 'hold-io',
  'map-handed-over': 'hand-over-map',
  'recovery-started': 'start-recovery',
  'recovery-failed': 'start-recovery',
  'probe-answered': 'probe',
};

/** The verbs of every policy, and `answer <kind> {json}`: the fact that answers the newest wish of its kind. */
function handlers(): TranscriptHandlers {
  const newest = new Map<string, string>();
  const verbs = policyTranscript(latencyFailback, {
    options: (given) => {
      const { tuning = {}, ...record } = given as Partial<FailbackRecord> & {
        tuning?: Partial<FailbackTuning>;
      };
      const fresh: FailbackRecord = {
        version: 1,
        groupId: 'g',
        epoch: 1,
        activeSite: 'primary',
        completeCopy: 'both',
        moves: 0,
        aborts: 0,
      };
      return { groupId: 'g', nodeId: 'c', incarnation: 1, record: { ...fresh, ...record }, tuning };
    },
    show: ({ id, kind, after: _after, because: _because, ...fields }) => {
      newest.set(kind, id);
      return fields;
    },
    summary: (state) => ({ ...state.gate, ...describeFailback(state), votes: state.votes }),
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

  test('every row of the failure table is told, for I/O at home and away', () => {
    const names = readdirSync(folder);
    const rows = [1, 2, 3, 4, 5, 6, 7, 8].map((row) =>
      names.filter((name) => name.startsWith(`row-0${row}-`)),
    );
    expect(rows.map(({ length }) => length)).toEqual([2, 2, 2, 2, 2, 1, 1, 2]);
  });
});
