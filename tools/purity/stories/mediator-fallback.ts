import { mediatorFallback } from '../../../packages/core/src/index.js';
import { Stage } from '../../../packages/core/test/mediator-fallback/stage.js';
import { type Story } from '../story.js';

interface Life {
  readonly options: object;
  readonly events: { kind: string; at: number; sequence: number }[];
}

/** The mediator dies, a stands in, the link is cut, and the other one comes back. Every start of a member is a story. */
export function mediatorFallbackStories(): Story[] {
  const lives: Life[] = [];
  const current = new Map<string, Life>();
  const policy: typeof mediatorFallback = {
    ...mediatorFallback,
    init: (options, at) => {
      const life: Life = { options, events: [] };
      current.set(options.nodeId, life);
      lives.push(life);
      return mediatorFallback.init(options, at);
    },
    step: (state, event) => {
      current.get(state.self.nodeId)?.events.push(event);
      return mediatorFallback.step(state, event);
    },
  };
  const { handlers } = new Stage(policy);
  handlers.begin({ args: '' });
  handlers.down({ args: 'm1' });
  handlers.run({ args: '20000' });
  handlers.cut({ args: 'a b' });
  handlers.lose({ args: 'a b' });
  handlers.run({ args: '5000' });
  handlers.heal({ args: 'a b' });
  handlers.synced({ args: 'a b' });
  handlers.up({ args: 'm1' });
  handlers.run({ args: '90000' });
  handlers.crash({ args: 'b' });
  handlers.lose({ args: 'a' });
  handlers.run({ args: '5000' });
  return lives.map(({ options, events }, index) => ({
    policy: 'mediator-fallback',
    title: `life ${String(index + 1)}`,
    at: 0,
    options,
    events,
  }));
}
