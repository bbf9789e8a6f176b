import { Prng, ttlPolarization, type PolarizationEffect, type PolarizationState } from '../../src/index.js';
import { describe, expect, test } from 'vitest';
import { beforeSession, clockBase, later, memoryMs, sessionNow, units } from './clockwork.js';
import { PolarizationSystem } from './polarization.js';
import { scenes } from './scenes.js';
import { sides } from './world.js';

/** States of the policy along random walks through a scene. */
function statesOf(index: number, steps: number): readonly PolarizationState[] {
  const system = new PolarizationSystem(scenes[index]!);
  const prng = new Prng(index + 1);
  const states: PolarizationState[] = [];
  let world = system.initial()[0]!;
  for (let step = 0; step < steps; step += 1) {
    const choices = system.choices(world);
    const choice = choices[prng.below(choices.length)];
    if (choice === undefined) break;
    world = system.apply(world, choice);
    for (const side of sides) {
      const { state } = world.nodes[side];
      if (state !== null) states.push(state);
    }
  }
  return states;
}

const wishes = (effects: readonly PolarizationEffect[]): unknown =>
  effects.map(({ because: _because, ...wish }) => wish);

describe('a state that is moved in time behaves the same', () => {
  test.each([1, 2, 4, 6])('in scene %i', (index) => {
    for (const state of statesOf(index, 100)) {
      for (const elapsedMs of [0, 10, 20, 30]) {
        const moved = later(state, elapsedMs);
        const straight = ttlPolarization.step(state, {
          kind: 'tick',
          at: clockBase + elapsedMs,
          sequence: 9,
        });
        const after = ttlPolarization.step(moved, { kind: 'tick', at: clockBase, sequence: 9 });
        expect(wishes(after.effects)).toEqual(wishes(straight.effects));
        expect(later(after.state, 0)).toEqual(later(straight.state, elapsedMs));
      }
    }
  });

  test('and so does one whose session is counted anew', () => {
    for (const state of statesOf(1, 80)) {
      const counted = beforeSession(state);
      expect(counted.lastSession).toBeLessThan(sessionNow);
      expect(ttlPolarization.wakeAt(counted)).toBe(ttlPolarization.wakeAt(state));
    }
  });

  test('nothing looks back further than what is remembered', () => {
    const spans = [
      units.leaseTtlMs + units.drainBoundMs + units.nonPreferredDelayMs + units.unhealthyDelayMs,
      3 * units.handoverTimeoutMs,
      units.healthFreshMs,
      3 * units.witnessCallTimeoutMs,
    ];
    expect(Math.max(...spans)).toBeLessThan(memoryMs);
  });
});
