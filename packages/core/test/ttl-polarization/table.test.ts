import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Mode, PolarizationEvent, PolarizationState } from '../../src/index.js';
import { eventName, modes, table, type EventName } from '../../src/policies/ttl-polarization/table.js';
import { watch } from '../support/checks.js';
import { run, schedules } from '../support/schedule.js';
import { World } from '../support/world.js';

const events = Object.keys(table) as EventName[];

/** The table as it stands in the README. */
function rendered(): string {
  const lines = ['| event | mode | what happens |', '| --- | --- | --- |'];
  for (const event of events) {
    for (const row of table[event]) {
      const where = row.modes.length === modes.length ? 'every mode' : row.modes.join(', ');
      const what = 'does' in row ? row.does : `ignored: ${row.ignoredBecause}`;
      lines.push(`| ${event} | ${where} | ${what} |`);
    }
  }
  return lines.join('\n');
}

describe('the table of modes and events', () => {
  test('lists every pair once', () => {
    for (const event of events) {
      const listed = table[event].flatMap((row) => row.modes);
      expect([...listed].sort(), event).toEqual([...modes].sort());
    }
  });

  test('stands in the README as it is in the code', () => {
    const readme = readFileSync(
      new URL('../../src/policies/ttl-polarization/README.md', import.meta.url),
      'utf8',
    );
    const flat = (text: string): string => text.replace(/-{3,}/g, '---').replace(/ +/g, ' ');
    expect(flat(readme)).toContain(flat(rendered()));
  });

  test('holds for every state and event that a run meets, and for each of those events in each of those states', () => {
    const seen = new Set<string>();
    const samples = new Map<string, PolarizationEvent>();
    const states: PolarizationState[] = [];
    const note = (world: World): void => {
      for (const node of [world.nodes.a, world.nodes.b]) {
        for (const life of node.history) {
          let state = node.policy.init(life.options, life.at);
          for (const event of life.events) {
            const step = node.policy.step(state, event);
            const changed = step.state !== state;
            const name = eventName(event);
            if (state.booted && changed) seen.add(`${state.mode} ${name}`);
            if (state.booted)
              expect(changed, `${state.mode} ${name}`).toBe(isHandled(state.mode, name) && !state.stopped);
            samples.set(name, event);
            if (states.length < 4_000) states.push(state);
            state = step.state;
          }
        }
      }
    };
    fc.assert(
      fc.property(schedules, (planned) => {
        const world = new World();
        watch(world);
        world.start('a');
        world.start('b');
        world.runUntil(400);
        run(world, planned);
        world.runUntil(world.now + 600);
        note(world);
      }),
      { numRuns: 25, seed: 7 },
    );
    // Every event that was ever seen, thrown at every state that was ever reached: total, and as the table says.
    const perMode = new Map<Mode, PolarizationState[]>();
    for (const state of states)
      perMode.set(state.mode, [...(perMode.get(state.mode) ?? []).slice(-5), state]);
    for (const [mode, some] of perMode) {
      for (const state of some.filter((one) => one.booted && !one.stopped)) {
        for (const [name, event] of samples) {
          const step = new World().nodes.a.policy.step(state, { ...event, at: state.now, sequence: 1 });
          expect(step.state !== state, `${mode} ${name}`).toBe(isHandled(mode, name as EventName));
        }
      }
    }
    expect(perMode.size).toBeGreaterThanOrEqual(8);
    expect(seen.size).toBeGreaterThan(55);
  }, 60_000);
});

function isHandled(mode: Mode, name: EventName): boolean {
  const row = table[name].find((candidate) => candidate.modes.includes(mode));
  return row !== undefined && 'does' in row;
}
