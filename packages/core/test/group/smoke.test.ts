import { expect, test } from 'vitest';
import { watch } from './checks.js';
import { World, every } from './world.js';

test.each([{}, every])('two nodes mirror, with %j', (policies) => {
  const world = watch(new World({ policies }));
  world.start('a', 'b');
  world.run(5000);
  console.log(world.lines.join('\n'));
  expect(world.nodes.a.gate.host).toBe('open');
});
test('planned', () => {
  const world = watch(new World({ policies: every })).mirrored();
  world.nodes.a.dispatch({
    kind: 'part',
    policy: 'planned-failover',
    fact: { kind: 'command', commandId: 'c', command: { kind: 'start', operationId: 'move' } },
  });
  world.run(3000);
  console.log(world.lines.join('\n'));
});
test('cut', () => {
  const world = watch(new World({ policies: every })).mirrored();
  world.cut('a>b', 'b>a');
  world.run(5000);
  world.heal('a>b', 'b>a');
  world.run(5000);
  console.log(world.lines.join('\n'));
});
