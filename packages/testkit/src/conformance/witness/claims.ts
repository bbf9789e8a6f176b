import type { WitnessAnswer, WitnessPort } from '@holdfast/core';
import { check } from '../expect.js';
import {
  changesNothing,
  claimOf,
  granted,
  isAnswered,
  MEMBERS,
  registered,
  sameView,
  viewOf,
  type WitnessCase,
} from './fixture.js';

const unknownGroup: WitnessCase = {
  name: 'says of a group it has never heard of that it is not registered',
  run: async ({ fixture }) => {
    const witness = await fixture.open();
    const answer = await witness.status('nobody');
    isAnswered(answer, 'not-registered', 'the status of an unknown group');
    const { incarnation } = await viewOf(witness, 'nobody');
    check(incarnation !== '', 'the witness names no incarnation');
    const claim = { ...claimOf({ groupId: 'nobody', nodeId: 'north', epoch: 2, incarnation }), fromEpoch: 1 };
    isAnswered(await witness.promote(claim), 'not-registered', 'a promotion in an unknown group');
    check((await viewOf(witness, 'nobody')).owner === undefined, 'an unknown group has an owner');
  },
};

const makesKnown: WitnessCase = {
  name: 'knows a group once all of its members have registered, and takes a repeated word',
  run: async ({ fixture }) => {
    const witness = await fixture.open();
    const incarnation = await registered(witness);
    const view = await viewOf(witness);
    check(view.state === 'REGISTERED', `the state is ${view.state} after both have registered`);
    check(view.epoch === 1, `the epoch is ${String(view.epoch)}, and both have said 1`);
    check([...view.members].sort().join() === MEMBERS.join(), `the members are ${view.members.join(', ')}`);
    const again = claimOf({
      nodeId: 'north',
      epoch: 1,
      incarnation,
      lineageId: 'lineage-1',
      claimId: 'register-north',
    });
    const answer = await changesNothing(
      witness,
      () => witness.register({ ...again, members: MEMBERS }),
      'a repeated register',
    );
    granted(answer, 'a repeated register');
  },
};

const oneSurvivor: WitnessCase = {
  name: 'grants the first that asks, and nobody else at that epoch or below',
  run: async ({ fixture }) => {
    const witness = await fixture.open();
    const incarnation = await registered(witness);
    const first = claimOf({ nodeId: 'south', epoch: 2, incarnation });
    const view = granted(await witness.promote({ ...first, fromEpoch: 1 }), 'the first promotion');
    check(
      view.owner === 'south' && view.epoch === 2,
      'the granted view does not name who was granted, and its epoch',
    );
    for (const [epoch, fromEpoch] of [
      [2, 1],
      [3, 1],
      [3, 2],
      [1, 0],
    ] as const) {
      const wish = {
        ...claimOf({
          nodeId: 'north',
          epoch,
          incarnation,
          claimId: `late-${String(epoch)}-${String(fromEpoch)}`,
        }),
        fromEpoch,
      };
      const what = `a second survivor's promotion from ${String(fromEpoch)} to ${String(epoch)}`;
      isAnswered(await changesNothing(witness, () => witness.promote(wish), what), 'denied', what);
    }
    const stranger = { ...claimOf({ nodeId: 'west', epoch: 3, incarnation }), fromEpoch: 2 };
    const answer = await changesNothing(witness, () => witness.promote(stranger), "a stranger's promotion");
    check(answer.kind !== 'granted', 'a node is granted that is no member');
  },
};

const sameAnswer: WitnessCase = {
  name: 'gives a repeated claim the same answer',
  run: async ({ fixture }) => {
    const [witness, other] = [await fixture.open(), await fixture.open()];
    const incarnation = await registered(witness);
    const wish = { ...claimOf({ nodeId: 'north', epoch: 2, incarnation }), fromEpoch: 1 };
    const late = { ...claimOf({ nodeId: 'south', epoch: 2, incarnation }), fromEpoch: 1 };
    const view = granted(await witness.promote(wish), 'the first promotion');
    for (const way of [witness, other, witness]) {
      sameView(granted(await way.promote(wish), 'the same claim repeated'), view, 'in a repeated answer');
      isAnswered(await way.promote(late), 'denied', 'a claim that was too late, repeated');
    }
  },
};

const race: WitnessCase = {
  name: 'grants exactly one of those that ask at the same time',
  run: async ({ fixture, operations, random }) => {
    const ways = [await fixture.open(), await fixture.open()];
    for (let round = 0; round < Math.max(5, operations / 10); round += 1) {
      const groupId = `group-${String(round)}`;
      const incarnation = await registered(ways[0] as WitnessPort, groupId);
      const callers = random.below(2) === 0 ? MEMBERS : [...MEMBERS].reverse();
      const answers = await Promise.all(
        callers.map((nodeId, index) =>
          (ways[index] as WitnessPort).promote({
            ...claimOf({ groupId, nodeId, epoch: 2, incarnation }),
            fromEpoch: 1,
          }),
        ),
      );
      const count = answers.filter(({ kind }) => kind === 'granted').length;
      check(count === 1, `${String(count)} of two members were granted that asked at the same time`);
    }
  },
};

const stale: WitnessCase = {
  name: 'grants nothing to a claim made for another incarnation of its memory',
  run: async ({ fixture }) => {
    const witness = await fixture.open();
    await registered(witness);
    const claim = claimOf({ nodeId: 'north', epoch: 2, incarnation: 'another-memory' });
    const calls: readonly (readonly [string, () => Promise<WitnessAnswer>])[] = [
      ['a promotion', () => witness.promote({ ...claim, fromEpoch: 1 })],
      ['a reassert', () => witness.reassert(claim)],
      ['a rejoin', () => witness.rejoin({ ...claim, members: MEMBERS })],
      ['a register', () => witness.register({ ...claim, members: MEMBERS })],
    ];
    for (const [name, call] of calls) {
      const what = `${name} for another incarnation`;
      isAnswered(await changesNothing(witness, call, what), 'unknown-incarnation', what);
    }
  },
};

const apart: WitnessCase = {
  name: 'keeps groups apart',
  run: async ({ fixture }) => {
    const witness = await fixture.open();
    const incarnation = await registered(witness, 'first');
    await registered(witness, 'second');
    const wish = { ...claimOf({ groupId: 'first', nodeId: 'north', epoch: 2, incarnation }), fromEpoch: 1 };
    await changesNothing(witness, () => witness.promote(wish), "another group's promotion", 'second');
    const other = { ...claimOf({ groupId: 'second', nodeId: 'south', epoch: 2, incarnation }), fromEpoch: 1 };
    granted(await witness.promote(other), 'a promotion in a group of its own');
    check((await viewOf(witness, 'first')).owner === 'north', 'a promotion in one group has changed another');
  },
};

const again: WitnessCase = {
  name: 'lets the owner say that it goes on, and that it mirrors again, and nobody else',
  run: async ({ fixture }) => {
    const witness = await fixture.open();
    const incarnation = await registered(witness);
    const owner = claimOf({ nodeId: 'south', epoch: 2, incarnation });
    granted(await witness.promote({ ...owner, fromEpoch: 1 }), 'the first promotion');
    const kept = await changesNothing(witness, () => witness.reassert(owner), "the owner's reassert");
    granted(kept, "the owner's reassert");
    const thief = claimOf({ nodeId: 'north', epoch: 3, incarnation });
    const stolen = await changesNothing(
      witness,
      () => witness.reassert(thief),
      'a reassert without the lineage',
    );
    isAnswered(stolen, 'denied', "a reassert of a copy that has not gone through the owner's lineage");
    const early = { ...thief, claimId: 'early', members: MEMBERS };
    isAnswered(
      await changesNothing(witness, () => witness.rejoin(early), 'a rejoin'),
      'denied',
      'a rejoin by another',
    );
    const both = { ...claimOf({ nodeId: 'south', epoch: 3, incarnation }), members: MEMBERS };
    const view = granted(await witness.rejoin(both), "the owner's rejoin");
    check(
      view.state === 'REGISTERED' && view.owner === undefined,
      'there is still a survivor after the rejoin',
    );
    const next = { ...claimOf({ nodeId: 'north', epoch: 4, incarnation }), fromEpoch: 3 };
    granted(await witness.promote(next), 'the next promotion, by the other member');
  },
};

export const claimCases: readonly WitnessCase[] = [
  unknownGroup,
  makesKnown,
  oneSurvivor,
  sameAnswer,
  race,
  stale,
  apart,
  again,
];
