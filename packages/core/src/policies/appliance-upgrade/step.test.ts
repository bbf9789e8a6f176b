import { expect, test } from 'vitest';
import { Plant } from '../../../test/appliance-upgrade/plant.js';
import { run } from '../../../test/appliance-upgrade/run.js';
import { applianceUpgrade, type ApplianceUpgradeState, type UpgradeEvent } from '../../index.js';

test('every event in every state: total, plain, and with its invariants; and no step begins before its record', () => {
  const states: ApplianceUpgradeState[] = [];
  const recording = {
    ...applianceUpgrade,
    step: (state: ApplianceUpgradeState, event: UpgradeEvent) => {
      const step = applianceUpgrade.step(state, event);
      states.push(step.state);
      for (const effect of step.effects) {
        if (effect.kind === 'run') expect(effect.after?.length ?? 0, effect.action).toBeGreaterThan(0);
        expect(applianceUpgrade.explain(effect)).toMatch(/^[A-Z].*\.$/s);
      }
      return step;
    },
  };
  run(() => undefined, { policy: recording });
  run((plant) => plant.troubles.push({ step: 'check-second', what: 'silent', times: 1 }), {
    policy: recording,
  });
  const effect = 'g/lcm/1/1/1';
  const { plan } = new Plant();
  const events: readonly UpgradeEvent[] = (
    [
      { kind: 'tick' },
      { kind: 'persisted', effect },
      { kind: 'persist-failed', effect, detail: 'EIO' },
      { kind: 'command', commandId: 'c', command: { kind: 'start', plan } },
      { kind: 'command', commandId: 'c', command: { kind: 'confirm' } },
      { kind: 'command', commandId: 'c', command: { kind: 'abort', acceptLoss: false } },
      { kind: 'command', commandId: 'c', command: { kind: 'abort', acceptLoss: true } },
      { kind: 'step-done', effect },
      { kind: 'step-failed', effect, cause: 'parent-missing', detail: 'x' },
      { kind: 'step-progress', effect },
      { kind: 'snapshot-invalid', volume: 'db', detail: 'x' },
      { kind: 'appliance-lost', appliance: 'first' },
      { kind: 'appliance-lost', appliance: 'second' },
    ] as const
  ).map((fact) => ({ ...fact, at: 0, sequence: 1 }));
  expect(states.length).toBeGreaterThan(80);
  for (const state of states) {
    const before = JSON.stringify(state);
    for (const event of events) {
      const step = applianceUpgrade.step(state, { ...event, at: state.now });
      for (const invariant of applianceUpgrade.invariants) {
        expect(invariant.check(step.state), invariant.name).toBeUndefined();
      }
      const again = applianceUpgrade.step(JSON.parse(before) as ApplianceUpgradeState, {
        ...event,
        at: state.now,
      });
      expect(again).toEqual(step);
    }
    expect(JSON.stringify(state)).toBe(before);
  }
});
