import {
  inDuplex,
  options,
  perform,
  soundRules,
  start,
  tell,
  type Rules,
} from '../../../packages/core/test/swap-recovery/model.js';
import { type Story } from '../story.js';

/** A condition, the swap with all its answers, a second condition, and both resolved. */
export function swapRecoveryStories(): Story[] {
  const events: Story['events'][number][] = [];
  const step: typeof soundRules.policy.step = (state, event) => {
    events.push(event);
    return soundRules.policy.step(state, event);
  };
  const rules: Rules = { ...soundRules, policy: { ...soundRules.policy, step } };
  const none = {
    writes: 0,
    swaps: 0,
    crashes: 0,
    ticks: 0,
    hostFailures: 0,
    damages: 0,
    replacements: 0,
    refusals: 0,
    duplicates: 0,
  };
  const begin = inDuplex(none);
  let system = start(begin, rules);
  const calm = (): void => {
    for (let count = 0; count < 100; count += 1) {
      const [wish] = system.pending;
      const [fact, ...answers] = system.answers;
      if (wish !== undefined) system = perform(system, wish, false, rules);
      else if (fact !== undefined) system = tell({ ...system, answers }, fact, rules);
      else return;
    }
  };
  const report = (token: string, kind: 'open' | 'resolved'): void => {
    const message = {
      kind: 'health-reported',
      codeClass: 'C3',
      severity: 'acute',
      estimatedDelayMs: 9_000,
    } as const;
    system = tell(system, { ...message, site: 'first', token, report: kind }, rules);
    calm();
  };
  calm();
  report('T1', 'open');
  report('T2', 'open');
  report('T1', 'resolved');
  report('T2', 'resolved');
  for (let at = 1; at < 6; at += 1) {
    system = tell({ ...system, now: at }, { kind: 'tick' }, rules);
    calm();
  }
  return [
    {
      policy: 'swap-recovery',
      title: 'a swap and the way back',
      at: 0,
      options: options(begin.disk, 1),
      events,
    },
  ];
}
