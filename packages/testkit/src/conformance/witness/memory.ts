import { HoldfastError, type WitnessAnswer, type WitnessPort } from '@holdfast/core';
import { check, needed } from '../expect.js';
import {
  claimOf,
  granted,
  isAnswered,
  MEMBERS,
  type Member,
  peerOf,
  registered,
  sameView,
  viewOf,
  type WitnessCase,
} from './fixture.js';

const SILENCE_LIMIT_MS = 300;

/** What the reference remembers: who was ever granted an epoch, and how far the epoch has come. */
interface Granted {
  readonly owners: Map<number, Member>;
  epoch: number;
}

const likeARegister: WitnessCase = {
  name: 'never has two owners of one epoch, and never goes back, over random calls',
  run: async ({ fixture, operations, random }) => {
    const ways = [await fixture.open(), await fixture.open()];
    const incarnation = await registered(ways[0] as WitnessPort);
    const known: Granted = { owners: new Map(), epoch: 1 };
    for (let count = 0; count < operations; count += 1) {
      const witness = ways[random.below(2)] as WitnessPort;
      const nodeId = MEMBERS[random.below(2)] as Member;
      const epoch = Math.max(1, known.epoch - 1 + random.below(4));
      const claim = claimOf({
        nodeId,
        epoch,
        incarnation,
        claimId: `random-${String(random.below(operations))}`,
      });
      const kind = random.below(4);
      if (kind < 2) {
        const fromEpoch = Math.max(0, epoch - 1 - random.below(2));
        const answer = await witness.promote({ ...claim, fromEpoch });
        if (answer.kind === 'granted') owns(known, epoch, nodeId);
      } else if (kind === 2) {
        const answer = await witness.rejoin({ ...claim, members: MEMBERS });
        if (answer.kind === 'granted')
          check(
            known.owners.get(known.epoch) !== peerOf(nodeId),
            'a rejoin is granted to another than the owner',
          );
      } else {
        const answer = await witness.reassert(claim);
        if (answer.kind === 'granted') owns(known, epoch, nodeId);
      }
      const view = await viewOf(witness);
      check(
        view.epoch >= known.epoch,
        `the epoch goes back from ${String(known.epoch)} to ${String(view.epoch)}`,
      );
      known.epoch = view.epoch;
      if (view.owner !== undefined) owns(known, view.epoch, view.owner as Member);
    }
    check(known.owners.size > 0, 'of all random promotions none was granted');
  },
};

function owns({ owners }: Granted, epoch: number, nodeId: Member): void {
  const before = owners.get(epoch);
  check(
    before === undefined || before === nodeId,
    `epoch ${String(epoch)} belongs to '${String(before)}', and to '${nodeId}' as well`,
  );
  owners.set(epoch, nodeId);
}

const durable: WitnessCase = {
  name: 'has a grant durable before it answers',
  run: async ({ fixture }) => {
    const restart = needed(
      fixture.restart?.bind(fixture),
      'the fixture cannot start the witness again (`restart`)',
    );
    const before = await fixture.open();
    const incarnation = await registered(before);
    const wish = { ...claimOf({ nodeId: 'north', epoch: 2, incarnation }), fromEpoch: 1 };
    const view = granted(await before.promote(wish), 'the first promotion');
    await restart();
    const witness = await fixture.open();
    sameView(await viewOf(witness), view, 'after a restart');
    sameView(granted(await witness.promote(wish), 'the same claim after a restart'), view, 'after a restart');
    const late = { ...claimOf({ nodeId: 'south', epoch: 2, incarnation }), fromEpoch: 1 };
    isAnswered(await witness.promote(late), 'denied', 'a second survivor after a restart');
  },
};

const lostMemory: WitnessCase = {
  name: 'grants nothing from a memory in doubt until the members have spoken',
  run: async ({ fixture }) => {
    const loseMemory = needed(
      fixture.loseMemory?.bind(fixture),
      'the fixture cannot take its memory away (`loseMemory`)',
    );
    const before = await fixture.open();
    const incarnation = await registered(before);
    granted(
      await before.promote({ ...claimOf({ nodeId: 'north', epoch: 2, incarnation }), fromEpoch: 1 }),
      'the first promotion',
    );
    await loseMemory();
    const witness = await fixture.open();
    const view = await viewOf(witness);
    check(view.incarnation !== incarnation, 'the incarnation is the same after the memory was lost');
    const old = { ...claimOf({ nodeId: 'south', epoch: 2, incarnation }), fromEpoch: 1 };
    isAnswered(await witness.promote(old), 'unknown-incarnation', 'a claim made for the lost memory');
    const fresh = { ...old, incarnation: view.incarnation };
    const answer = await witness.promote(fresh);
    check(answer.kind !== 'granted', 'a promotion is granted from a memory that knows nothing');
    const owner = claimOf({ nodeId: 'north', epoch: 2, incarnation: view.incarnation });
    granted(await witness.reassert(owner), "the owner's reassert after the memory was lost");
    isAnswered(
      await witness.promote({ ...fresh, claimId: 'later' }),
      'denied',
      'a second survivor after the owner has spoken',
    );
  },
};

const givenUp: WitnessCase = {
  name: 'takes a call that is aborted beforehand for none',
  run: async ({ fixture }) => {
    const witness = await fixture.open();
    const incarnation = await registered(witness);
    const wish = { ...claimOf({ nodeId: 'north', epoch: 2, incarnation }), fromEpoch: 1 };
    const signal = { aborted: true, addEventListener: () => undefined, removeEventListener: () => undefined };
    const given = await witness.promote(wish, { signal }).catch((error: unknown) => error);
    const isGivenUp = HoldfastError.is(given, 'ABORTED') || (given as WitnessAnswer).kind === 'unreachable';
    check(isGivenUp, 'a call whose signal is aborted has to be unreachable, or to reject with ABORTED');
    check(
      (await viewOf(witness)).owner === undefined,
      'a call that was aborted beforehand has made an owner',
    );
  },
};

const silent: WitnessCase = {
  name: 'answers unreachable, and does not throw, when nobody hears it before the deadline',
  run: async ({ fixture, clock }) => {
    const silence = needed(
      fixture.silence?.bind(fixture),
      'the fixture cannot silence the witness (`silence`)',
    );
    const witness = await fixture.open();
    const incarnation = await registered(witness);
    await silence();
    const claim = claimOf({ nodeId: 'north', epoch: 2, incarnation });
    const options = { deadlineMs: SILENCE_LIMIT_MS };
    const startedAt = clock.now();
    const answers = await Promise.all([
      witness.promote({ ...claim, fromEpoch: 1 }, options),
      witness.reassert(claim, options),
      witness.rejoin({ ...claim, members: MEMBERS }, options),
      witness.register({ ...claim, members: MEMBERS }, options),
      witness.status('group', options),
    ]);
    for (const answer of answers) isAnswered(answer, 'unreachable', 'a call that nobody hears');
    const tookMs = clock.now() - startedAt;
    check(
      tookMs < 20 * SILENCE_LIMIT_MS,
      `a deadline of ${String(SILENCE_LIMIT_MS)} ms took ${String(Math.round(tookMs))} ms`,
    );
  },
};

export const memoryCases: readonly WitnessCase[] = [likeARegister, durable, lostMemory, givenUp, silent];
