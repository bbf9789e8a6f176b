import { apply, calm, choices, type Choice } from '../../../packages/core/test/latency-failback/choices.js';
import {
  afterSwap,
  options,
  soundRules,
  start,
  type Rules,
  type System,
} from '../../../packages/core/test/latency-failback/model.js';
import { type Story } from '../story.js';

/** Home during the copy, a failed secondary that is proved to have ended, its return, a cut link, and a takeover. */
export function latencyFailbackStories(): Story[] {
  const events: Story['events'][number][] = [];
  const rules: Rules = {
    ...soundRules,
    policy: {
      ...soundRules.policy,
      step: (state, event) => {
        events.push(event);
        return soundRules.policy.step(state, event);
      },
    },
  };
  const begin = afterSwap({
    faults: 9,
    repairs: 9,
    writes: 9,
    crashes: 0,
    redirects: 9,
    revocations: 0,
    duplicates: 0,
    mapLosses: 0,
    diskFailures: 0,
    ticks: 0,
  });
  let system: System = calm(start({ ...begin, otherBlocks: 1 }, rules), rules);
  const then = (...wanted: readonly Choice[]): void => {
    for (const choice of wanted) system = apply(system, choice, rules);
  };
  then({ kind: 'redirect' });
  system = calm(system, rules);
  then({ kind: 'fail', what: 'secondary' }, { kind: 'fact' }, { kind: 'prove-end' }, { kind: 'tell-epoch' });
  then({ kind: 'repair', what: 'secondary' });
  system = calm(system, rules);
  // Without the link it waits, and asks the witness again for as long as it waits: only what is under way comes to an end.
  then({ kind: 'fail', what: 'link' }, { kind: 'fact' }, { kind: 'tell-epoch' });
  for (let next = underWay(system, rules); next !== undefined; next = underWay(system, rules)) then(next);
  then({ kind: 'take-over' });
  system = calm(system, rules);
  return [
    {
      policy: 'latency-failback',
      title: 'home during the copy, and what can go wrong there',
      at: 0,
      options: options({ disk: begin.disk, life: 1 }),
      events,
    },
  ];
}

function underWay(system: System, rules: Rules): Choice | undefined {
  return choices(system, rules).find(({ kind }) => kind === 'perform' || kind === 'answer');
}
