import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { applianceUpgrade, applianceUpgradeDefaults } from '../../src/index.js';

test('the example of the README prints what it says', () => {
  const readme = readFileSync(
    new URL('../../src/policies/appliance-upgrade/README.md', import.meta.url),
    'utf8',
  );
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const said = [...code.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line);

  const options = { ...applianceUpgradeDefaults, groupId: 'vc', nodeId: 'lcm', incarnation: 1 };
  const plan = {
    upgradeId: 'u1',
    fromVersion: '8.0',
    toVersion: '9.0',
    volumes: ['db', 'conf'],
    scripts: ['add-column'],
    isHighlyAvailable: false,
  };
  const state = applianceUpgrade.init(options, 0);
  const command = { kind: 'start', plan } as const;
  const { effects } = applianceUpgrade.step(state, {
    kind: 'command',
    commandId: 'c1',
    command,
    at: 0,
    sequence: 1,
  });
  expect(effects.map((effect) => `${effect.kind} - ${applianceUpgrade.explain(effect)}`)).toEqual(said);
});
