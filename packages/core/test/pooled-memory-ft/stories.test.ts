import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { policyTranscript, transcriptTests, type TranscriptHandlers } from '@holdfast/testkit';
import {
  freshPooledMemoryRecord,
  pooledMemoryDefaults,
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

test('the example of the README prints what stands there', () => {
  const record = freshPooledMemoryRecord('vm-7', 'h1', 'sha256:5f0c');
  const machine = { ramBytes: 268_435_456, processors: 2, reservedMhz: 1_000 };
  const identity = { groupId: 'vm-7', nodeId: 'controller', incarnation: 1 };
  const state = pooledMemoryFt.init({ ...identity, ...machine, record, tuning: pooledMemoryDefaults }, 0);
  const enable = { kind: 'enable', memoryInPool: false } as const;
  const event = { kind: 'command', commandId: 'k1', command: enable, at: 0, sequence: 1 } as const;
  const lines = pooledMemoryFt
    .step(state, event)
    .effects.map((effect) => `// ${effect.kind} - ${pooledMemoryFt.explain(effect)}`);
  const readme = readFileSync(
    new URL('../../src/policies/pooled-memory-ft/README.md', import.meta.url),
    'utf8',
  );
  expect(readme).toContain(lines.join('\n'));
});
