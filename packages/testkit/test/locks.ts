import type { ExplorableSystem, KeyReader, KeyWriter } from '../src/index.js';

/** Two workers and one lock that is looked at and taken in two steps, or (`atomic`) in one. */
export interface Locks {
  readonly held: boolean;
  readonly at: readonly ('idle' | 'saw-free' | 'inside')[];
  readonly rounds: number;
}

export interface Move {
  readonly worker: number;
  readonly does: 'look' | 'take' | 'leave';
}

const places = ['idle', 'saw-free', 'inside'] as const;

export function locks(options: {
  atomic: boolean;
  rounds: number;
  symmetric?: boolean;
}): ExplorableSystem<Locks, Move> {
  const { atomic, rounds, symmetric = false } = options;
  return {
    name: atomic ? 'an atomic lock' : 'a lock in two steps',
    limits: [`at most ${String(rounds)} rounds`],
    initial: () => [{ held: false, at: ['idle', 'idle'], rounds: 0 }],
    choices: ({ held, at, rounds: done }) =>
      at.flatMap((place, worker): Move[] => {
        if (place === 'inside') return [{ worker, does: 'leave' }];
        if (place === 'saw-free') return [{ worker, does: 'take' }];
        return held || done >= rounds ? [] : [{ worker, does: 'look' }];
      }),
    apply: (state, { worker, does }) => {
      const to = does === 'leave' ? 'idle' : does === 'take' || atomic ? 'inside' : 'saw-free';
      return {
        held: does === 'leave' ? false : state.held || to === 'inside',
        at: state.at.map((place, index) => (index === worker ? to : place)),
        rounds: state.rounds + (does === 'look' ? 1 : 0),
      };
    },
    codec: {
      write: ({ held, at, rounds: done }: Locks, key: KeyWriter) => {
        key.word(held ? 1 : 0);
        for (const place of at) key.word(places.indexOf(place));
        key.word(done);
      },
      read: (key: KeyReader): Locks => {
        const place = () => places[key.word()] ?? 'idle';
        return { held: key.word() === 1, at: [place(), place()], rounds: key.word() };
      },
    },
    ...(symmetric
      ? { representative: (state: Locks): Locks => ({ ...state, at: [...state.at].sort() }) }
      : {}),
    invariants: [
      {
        name: 'one inside at most',
        check: ({ at }) => (at.every((place) => place === 'inside') ? 'both workers are inside' : undefined),
      },
    ],
    describe: ({ worker, does }) => `worker ${String(worker)} ${does}s`,
    label: ({ does }) => does,
    landmarks: [
      { name: 'somebody is inside', isReached: ({ at }) => at.includes('inside') },
      { name: 'three are inside', isReached: ({ at }) => at.length > 2 },
    ],
    calm: {
      name: 'in the end nobody is inside',
      stepsMax: 10,
      isGood: ({ at }) => at.every((place) => place === 'idle'),
      choose: ({ at }) => {
        const worker = at.findIndex((place) => place !== 'idle');
        return worker < 0 ? undefined : { worker, does: at[worker] === 'inside' ? 'leave' : 'take' };
      },
    },
  };
}
