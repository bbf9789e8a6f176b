import {
  applianceUpgradeDefaults,
  type ApplianceUpgradeState,
  type UpgradeEvent,
} from '../../../packages/core/src/index.js';
import { Plant } from '../../../packages/core/test/appliance-upgrade/plant.js';
import { applianceUpgrade } from '../../../packages/core/src/index.js';
import { type Story } from '../story.js';

/** One upgrade that completes, and one whose new version does not get healthy. */
export function applianceUpgradeStories(): Story[] {
  return [false, true].map((fails) => {
    const events: UpgradeEvent[] = [];
    const recording = {
      ...applianceUpgrade,
      step: (state: ApplianceUpgradeState, event: UpgradeEvent) => {
        events.push(event);
        return applianceUpgrade.step(state, event);
      },
    };
    const plant = new Plant({ policy: recording });
    if (fails) plant.troubles.push({ step: 'check-second', what: 'silent', times: 1 });
    plant.start();
    plant.pass(300_000);
    plant.command({ kind: 'confirm' });
    plant.pass(10_000);
    const options = { ...applianceUpgradeDefaults, groupId: 'g', nodeId: 'lcm', incarnation: 1 };
    return { policy: 'appliance-upgrade', title: fails ? 'reverted' : 'completed', at: 0, options, events };
  });
}
