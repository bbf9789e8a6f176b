import type { WitnessAnswer, WitnessPort } from '@holdfast/core';
import { createInMemoryWitness, type InMemoryWitness, memoryProof, memoryStore } from '@holdfast/witness';
import { seededRandom, VirtualClock, witnessSuite, type WitnessFixture } from '../../src/index.js';
import { changed, type Mutant, type Mutants } from './mutant.js';

/** What a mistake may use: the right witness, and a memory that all ways to it share. */
interface Parts {
  readonly right: WitnessPort;
  readonly shared: Map<string, WitnessAnswer>;
}

interface Extra {
  /** Also what is forgotten at a restart. */
  readonly restartForgets?: boolean;
  readonly incarnationStays?: boolean;
}

async function fixtureOf(
  wrong: (parts: Parts) => Partial<WitnessPort>,
  extra: Extra,
): Promise<WitnessFixture> {
  const time = new VirtualClock();
  const random = seededRandom(1);
  let [store, proof] = [memoryStore(), memoryProof()];
  let right: InMemoryWitness = await createInMemoryWitness({ random, store, proof });
  const shared = new Map<string, WitnessAnswer>();
  let isSilent = false;
  const start = async (forgets: boolean): Promise<void> => {
    if (forgets) [store, proof] = [memoryStore(), memoryProof()];
    const seed = extra.incarnationStays === true ? seededRandom(1) : random;
    right = await createInMemoryWitness({ random: seed, store, proof });
  };
  return {
    time,
    open: async () => {
      const change = wrong({ right, shared });
      const heard = changed<WitnessPort>(right, change);
      // A mistake is made at the caller's side: it is heard also when the witness is not.
      const method =
        <Name extends keyof WitnessPort>(name: Name) =>
        (...all: Parameters<WitnessPort[Name]>): Promise<WitnessAnswer> =>
          isSilent && !(name in change)
            ? Promise.resolve({ kind: 'unreachable', detail: 'nobody hears' })
            : (heard[name] as (...all: unknown[]) => Promise<WitnessAnswer>)(...all);
      return {
        register: method('register'),
        promote: method('promote'),
        reassert: method('reassert'),
        rejoin: method('rejoin'),
        status: method('status'),
      };
    },
    restart: () => start(extra.restartForgets === true),
    loseMemory: () => start(true),
    silence: async () => void (isSilent = true),
  };
}

function mutant(
  mistake: string,
  caughtBy: string,
  wrong: (parts: Parts) => Partial<WitnessPort>,
  extra: Extra = {},
): Mutant<WitnessFixture> {
  return { mistake, caughtBy, fixture: () => fixtureOf(wrong, extra) };
}

/** Turns what the right witness denies into a grant. */
function grants(answer: WitnessAnswer, owner: string, epoch: number): WitnessAnswer {
  if (answer.kind !== 'denied') return answer;
  return { kind: 'granted', view: { ...answer.view, owner, epoch } };
}

export const witnessMutants: Mutants<WitnessFixture> = {
  suite: witnessSuite,
  sound: mutant('', '', () => ({})).fixture,
  mutants: [
    mutant(
      'takes a status for a registration',
      'says of a group it has never heard of that it is not registered',
      ({ right }) => ({
        status: async (groupId) => {
          const answer = await right.status(groupId);
          return answer.kind === 'not-registered' ? { ...answer, kind: 'granted' } : answer;
        },
      }),
    ),
    mutant(
      'denies a word that it has heard before',
      'knows a group once all of its members have registered, and takes a repeated word',
      ({ right }) => {
        const heard = new Set<string>();
        return {
          register: async (claim) => {
            const answer = await right.register(claim);
            const isOld = heard.has(claim.claimId);
            heard.add(claim.claimId);
            return isOld && answer.kind === 'granted' ? { ...answer, kind: 'denied' } : answer;
          },
        };
      },
    ),
    mutant(
      'grants twice',
      'grants the first that asks, and nobody else at that epoch or below',
      ({ right }) => ({
        promote: async (claim) => grants(await right.promote(claim), claim.nodeId, claim.epoch),
      }),
    ),
    mutant(
      'grants an owner that is no member',
      'grants the first that asks, and nobody else at that epoch or below',
      ({ right }) => ({
        promote: async (claim) => {
          const answer = await right.promote(claim);
          return answer.kind === 'not-registered' ? { ...answer, kind: 'granted' } : answer;
        },
      }),
    ),
    mutant('denies a repeated claim', 'gives a repeated claim the same answer', ({ right }) => {
      const seen = new Set<string>();
      return {
        promote: async (claim) => {
          const answer = await right.promote(claim);
          const isOld = seen.has(claim.claimId);
          seen.add(claim.claimId);
          return isOld && answer.kind === 'granted' ? { ...answer, kind: 'denied' } : answer;
        },
      };
    }),
    mutant(
      'looks first and grants later',
      'grants exactly one of those that ask at the same time',
      ({ right, shared }) => ({
        promote: async (claim) => {
          const key = `${claim.groupId} ${String(claim.epoch)}`;
          const taken = shared.get(key);
          await Promise.resolve();
          const answer = await right.promote(claim);
          if (taken !== undefined) return answer;
          shared.set(key, answer);
          return grants(answer, claim.nodeId, claim.epoch);
        },
      }),
    ),
    mutant(
      'does not look at the incarnation',
      'grants nothing to a claim made for another incarnation of its memory',
      ({ right }) => ({
        promote: async (claim, options) => {
          const status = await right.status(claim.groupId);
          const incarnation = status.kind === 'unreachable' ? '' : status.view.incarnation;
          return right.promote({ ...claim, incarnation }, options);
        },
      }),
    ),
    mutant('takes all groups for one', 'keeps groups apart', ({ right }) => ({
      promote: (claim) => right.promote({ ...claim, groupId: 'second' }),
    })),
    mutant(
      'lets another member take the ownership over by saying that it has it',
      'lets the owner say that it goes on, and that it mirrors again, and nobody else',
      ({ right }) => ({
        reassert: async (claim, options) => {
          const { groupId } = claim;
          const status = await right.status(groupId);
          const { epoch = 0, lineageId = '' } = status.kind === 'unreachable' ? {} : status.view;
          return right.reassert({ ...claim, history: [{ epoch, lineageId }] }, options);
        },
      }),
    ),
    mutant(
      'takes anybody at his word that both mirror again',
      'lets the owner say that it goes on, and that it mirrors again, and nobody else',
      ({ right }) => ({
        rejoin: async (claim) => grants(await right.rejoin(claim), claim.nodeId, claim.epoch),
      }),
    ),
    mutant(
      'forgets an owner after a while',
      'never has two owners of one epoch, and never goes back, over random calls',
      ({ right }) => {
        let count = 0;
        return {
          promote: async (claim) => {
            const answer = await right.promote(claim);
            count += 1;
            return count % 7 === 0 ? grants(answer, claim.nodeId, claim.epoch) : answer;
          },
        };
      },
    ),
    mutant('keeps its grants in memory only', 'has a grant durable before it answers', () => ({}), {
      restartForgets: true,
    }),
    mutant(
      'says that it is the same after it has lost its memory',
      'grants nothing from a memory in doubt until the members have spoken',
      () => ({}),
      { incarnationStays: true },
    ),
    mutant(
      'makes an owner of who has given up',
      'takes a call that is aborted beforehand for none',
      ({ right }) => ({
        promote: async (claim, options) => {
          const answer = await right.promote(claim);
          return options?.signal?.aborted === true ? { kind: 'unreachable', detail: 'aborted' } : answer;
        },
      }),
    ),
    mutant(
      'throws when nobody answers',
      'answers unreachable, and does not throw, when nobody hears it before the deadline',
      ({ right }) => ({
        reassert: async (claim, options) => {
          if (options?.deadlineMs !== undefined) throw new Error('connect ETIMEDOUT');
          return right.reassert(claim);
        },
      }),
    ),
    mutant(
      'takes silence for a yes',
      'answers unreachable, and does not throw, when nobody hears it before the deadline',
      ({ right }) => ({ promote: (claim) => right.promote(claim) }),
    ),
  ],
};
