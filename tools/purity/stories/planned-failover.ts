import { plannedFailover } from '../../../packages/core/src/index.js';
import { exploring } from '../../../packages/core/test/planned-failover/explore.js';
import { apply, begin, choices, noFaults } from '../../../packages/core/test/planned-failover/system.js';
import { type Story } from '../story.js';

interface Life {
  readonly options: object;
  readonly events: { kind: string; at: number; sequence: number }[];
}

/** One failover from a to b, then a crash of the new sequencer in the middle of the way back. Every start of a node is a story. */
export function plannedFailoverStories(): Story[] {
  const lives: Life[] = [];
  const current = new Map<string, Life>();
  const policy: typeof plannedFailover = {
    ...plannedFailover,
    init: (options, at) => {
      const life: Life = { options, events: [] };
      current.set(options.nodeId, life);
      lives.push(life);
      return plannedFailover.init(options, at);
    },
    step: (state, event) => {
      current.get(state.self.nodeId)?.events.push(event);
      return plannedFailover.step(state, event);
    },
  };
  const setting = { ...exploring, policy, eager: false };
  let system = begin(setting, { ...noFaults, starts: 2, crashes: 1, writes: 1 });
  const order = ['result', 'deliver', 'applied', 'restart', 'lose', 'connect', 'meet', 'start', 'tick'];
  for (let count = 0; count < 120; count += 1) {
    const isFenced = system.nodes.b.state.record.operation?.phase === 'fenced';
    const open = choices(system, setting).filter((choice) => !choice.startsWith('crash '));
    const next = order.flatMap((verb) => open.filter((choice) => choice.startsWith(verb)))[0];
    const choice = isFenced && system.budget.crashes > 0 ? 'crash b' : next;
    if (choice === undefined) break;
    system = apply(system, choice, setting);
  }
  return lives.map(({ options, events }, index) => ({
    policy: 'planned-failover',
    title: `life ${String(index + 1)}`,
    at: 0,
    options,
    events,
  }));
}
