import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { policyTranscript, transcriptTests, type TranscriptHandlers } from '@holdfast/testkit';
import {
  pooledMemoryFt,
  whatIfPrimaryIsLost,
  type PooledMemoryEvent,
  type PooledMemoryState,
} from '../../src/index.js';
import { optionsOf } from './machine.js';

const folder = fileURLToPath(new URL('../../src/policies/pooled-memory-ft/testdata/', import.meta.url));

/** In an event, "effect": "promote" means the last wish of that kind; `forecast` is the question of an operator. */
function verbs(): TranscriptHandlers {
  let state: PooledMemoryState | undefined;
  const last = new Map<string, string>();
  const watched: typeof pooledMemoryFt = {
    ...pooledMemoryFt,
    step: (before, event) => {
      const next = pooledMemoryFt.step(before, event);
      state = next.state;
      for (const { kind, id } of next.effects) last.set(kind, id);
      return next;
    },
  };
  return {
    ...policyTranscript(watched, {
      options: (given) => optionsOf(given),
      event: (kind, given, at, sequence) => {
        const { effect } = given;
        const named = typeof effect === 'string' ? { effect: last.get(effect) ?? effect } : {};
        return { ...given, ...named, kind, at, sequence } as unknown as PooledMemoryEvent;
      },
    }),
    forecast: () => (state === undefined ? '' : whatIfPrimaryIsLost(state).explanation),
  };
}

transcriptTests(test, folder, verbs);

test('the stories tell every row of the scenario table', () => {
  const names = readdirSync(folder);
  for (let row = 1; row <= 15; row += 1) {
    const prefix = `row-${String(row).padStart(2, '0')}-`;
    expect(
      names.filter((name) => name.startsWith(prefix)),
      prefix,
    ).toHaveLength(1);
  }
});
