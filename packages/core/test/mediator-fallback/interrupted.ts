import { Surroundings } from './surroundings.js';
import type { WorldSetting } from './world.js';

export const stories: readonly (readonly [string, (around: Surroundings) => void])[] = [
  [
    'a mediator answers when the group is being formed anew',
    (around) => {
      around.mediator('m1', false);
      around.isolate('b', true);
      around.pass(10_000);
      around.mediator('m1', true);
      // Both ask again, and are in contact before they are answered.
      around.jump(2_000);
      around.isolate('b', false);
      around.tell();
      around.carryOut('a', 0);
      around.pass(10_000);
    },
  ],
  [
    'the mediator goes, and comes back',
    (around) => {
      around.mediator('m1', false);
      around.pass(80_000);
      around.mediator('m1', true);
      around.pass(120_000);
    },
  ],
  [
    'one goes on without the other, and takes it back',
    (around) => {
      around.isolate('b', true);
      around.pass(20_000);
      around.write();
      around.isolate('b', false);
      around.tell();
      around.pass(20_000);
    },
  ],
  [
    'the elected one goes on while the mediator is away',
    (around) => {
      around.mediator('m1', false);
      around.pass(80_000);
      around.isolate('b', true);
      around.pass(20_000);
      around.write();
      around.isolate('b', false);
      around.tell();
      around.pass(20_000);
    },
  ],
  [
    'both are held, and nobody has gone on',
    (around) => {
      around.mediator('m1', false);
      around.isolate('b', true);
      around.pass(10_000);
      around.isolate('b', false);
      around.tell();
      around.pass(10_000);
    },
  ],
];

/** Every way to end a process at one wish of the story; what has ended otherwise than without that. */
export function endsOtherwise(
  story: (around: Surroundings) => void,
  setting: Partial<WorldSetting> = {},
): readonly string[] {
  const plain = new Surroundings(setting);
  story(plain);
  plain.recover();
  const found: string[] = plain.effects > 8 ? [] : ['nothing happens in this story'];
  for (const when of ['before', 'after'] as const) {
    for (let at = 1; at <= plain.effects; at += 1) {
      const around = new Surroundings(setting, { at, when });
      story(around);
      around.recover();
      const end = JSON.stringify(around.end());
      if (end !== JSON.stringify(plain.end())) found.push(`${when} wish ${String(at)}: ${end}`);
    }
  }
  return found;
}
