import { expect, it } from 'vitest';
// The example of README.md, word for word where it matters.
import { type Policy, type PolicyEffect, type PolicyEvent, effectId } from '@holdfast/core';
import { MemoryRecords, VirtualClock, memoryStore } from '@holdfast/testkit';
import { type Interpreter, createDriver, nextIncarnation, plan, replay, ringJournal } from '../src/index.js';

interface Heard extends PolicyEvent {
  readonly kind: 'tick' | 'heard' | 'written-down';
}
interface Alarm extends PolicyEffect {
  readonly kind: 'write-down' | 'alarm';
  readonly because: { readonly kind: 'peer-silent'; readonly silentMs: number };
}
interface State {
  readonly heardAt: number;
  readonly told: boolean;
}

it('does what the README shows', async () => {
  const said: string[] = [];
  const clock = new VirtualClock();
  const store = memoryStore(new MemoryRecords({ clock, saveMs: 5_000 }));
  const identity = {
    groupId: 'orders',
    nodeId: 'alpha',
    incarnation: await clock.run(nextIncarnation(store)),
  };
  await clock.advance(-clock.now() + 10_000);

  const watchdog: Policy<{ limitMs: number }, State, Heard, Alarm> = {
    name: 'watchdog',
    stateVersion: 1,
    init: (_options, at) => ({ heardAt: at, told: false }),
    step: (state, event) => {
      if (event.kind === 'heard') return { state: { heardAt: event.at, told: false }, effects: [] };
      const silentMs = event.at - state.heardAt;
      if (event.kind !== 'tick' || state.told || silentMs < 300) return { state, effects: [] };
      const because = { kind: 'peer-silent', silentMs } as const;
      const [first, second] = [effectId(identity, event.sequence, 0), effectId(identity, event.sequence, 1)];
      return {
        state: { ...state, told: true },
        effects: [
          { id: first, kind: 'write-down', because },
          { id: second, kind: 'alarm', after: [first], because },
        ],
      };
    },
    wakeAt: (state) => (state.told ? undefined : state.heardAt + 300),
    explain: ({ because }) => `The peer has been silent for ${String(because.silentMs)} ms.`,
    invariants: [],
  };
  const interpreter: Interpreter<Alarm, Heard> = {
    run: async (effect) => {
      if (effect.kind === 'write-down') {
        await store.save('alarm', new TextEncoder().encode(effect.id));
        return { kind: 'written-down' };
      }
      said.push(`${effect.kind} at ${String(clock.now())}: ${watchdog.explain(effect)}`);
      return undefined;
    },
    failed: () => undefined,
    halted: (error) => {
      throw error;
    },
  };

  const journal = ringJournal();
  const driver = createDriver({
    policy: watchdog,
    options: { limitMs: 300 },
    clock,
    identity,
    journal,
    interpreter,
  });

  const { effects } = plan(watchdog, driver.state, [], { at: clock.now(), untilAt: clock.now() + 1_000 });
  expect(effects.map(({ at, effect }) => `${effect.kind} at ${String(at)}`)).toEqual([
    'write-down at 10300',
    'alarm at 10300',
  ]);

  await clock.advance(6_000);
  expect(said).toEqual(['alarm at 15300: The peer has been silent for 300 ms.']);
  expect(replay(watchdog, journal.records).differences).toEqual([]);
  await driver[Symbol.asyncDispose]();
});
