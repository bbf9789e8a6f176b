import fc from 'fast-check';
import type { Surroundings } from './surroundings.js';

// As often each of two as each of three.
const node = fc.nat(5);
export const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), index: fc.nat(9) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('carry' as const), node, index: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), node, index: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'repeat' as const), index: fc.nat(9) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'heal' as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('away' as const, 'back' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('apart' as const, 'near' as const), node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'start' as const), node }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('pass' as const, 'jump' as const),
      ms: fc.constantFrom(1_000, 2_000, 7_000, 20_000, 70_000),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'tell' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'write' as const }) },
);
export type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

/** Ways of three members that once ended as two sides. */
export const knownWays: readonly (readonly Happening[])[] = [
  // Two go on without b; c is told of a fault while a, back again, writes that the two are formed anew.
  [
    { do: 'cut', node: 1 },
    { do: 'pass', ms: 1_000 },
    { do: 'crash', node: 0 },
  ],
  // A mediator's word lies with a former life of a, and all are in contact before anybody has heard of it.
  [
    { do: 'crash', node: 3 },
    { do: 'carry', node: 0, index: 0 },
    { do: 'crash', node: 0 },
  ],
  [
    { do: 'cut', node: 0 },
    { do: 'carry', node: 0, index: 0 },
    { do: 'crash', node: 0 },
  ],
];

export function happen(around: Surroundings, one: Happening): void {
  const nameOf = (index: number): string => around.names[index % around.names.length] ?? 'a';
  switch (one.do) {
    case 'deliver': {
      around.deliver(one.index);
      return;
    }
    case 'carry': {
      around.carryOut(nameOf(one.node), one.index);
      return;
    }
    case 'fail': {
      around.carryOut(nameOf(one.node), one.index, true);
      return;
    }
    case 'lose': {
      around.deliver(one.index, 'lost');
      return;
    }
    case 'repeat': {
      around.deliver(one.index, 'twice');
      return;
    }
    case 'cut':
    case 'heal': {
      around.isolate(nameOf(one.node), one.do === 'cut');
      return;
    }
    case 'away':
    case 'back': {
      around.mediator('m1', one.do === 'back');
      return;
    }
    case 'apart':
    case 'near': {
      around.sees(nameOf(one.node), 'm1', one.do === 'near');
      return;
    }
    case 'crash': {
      around.crash(nameOf(one.node));
      return;
    }
    case 'start': {
      around.start(nameOf(one.node));
      return;
    }
    case 'pass': {
      around.pass(one.ms);
      return;
    }
    case 'jump': {
      around.jump(one.ms);
      return;
    }
    case 'tell': {
      around.tell();
      return;
    }
    case 'write': {
      around.write();
      return;
    }
  }
}
