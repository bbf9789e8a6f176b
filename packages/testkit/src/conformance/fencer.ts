import type { Fencer, FencingEvidence } from '@holdfast/core';
import { check, needed } from './expect.js';
import type { CaseContext, ConformanceCase, ConformanceFixture, ConformanceSuite } from './suite.js';

/** One life of one node, started for a case. */
export interface FencedLife {
  readonly bootId: string;
  /** Whether it can still do anything: write to its storage, answer. Found out without the fencer. */
  isAlive(): Promise<boolean>;
  /** Ends it from outside, as a fault would. */
  end(): Promise<void>;
}

export interface FencerFixture extends ConformanceFixture {
  readonly fencer: Fencer;
  /** Starts a life of that node; a node has one at a time. */
  start(nodeId: string): Promise<FencedLife>;
  /** False: the fencer only watches, and ends nobody's life. Default true. */
  readonly ends?: boolean;
}

type FencerContext = CaseContext<FencerFixture>;
type FencerCase = ConformanceCase<FencerFixture>;

const NODE = 'north';
const FENCE_LIMIT_MS = 10_000;
const STRENGTHS = ['io', 'attachment', 'advisory'];

function isRight(context: FencerContext, found: FencingEvidence | undefined, life: FencedLife): void {
  check(found !== undefined, 'there is no evidence of a life that has ended');
  const { nodeId, bootId, strength, how } = found;
  check(nodeId === NODE, `the evidence names node '${nodeId}', and '${NODE}' was meant`);
  check(bootId === life.bootId, `the evidence names life '${bootId}', and '${life.bootId}' was meant`);
  const declared = context.fixture.fencer.strength;
  const isCovered = STRENGTHS.indexOf(strength) >= STRENGTHS.indexOf(declared);
  check(isCovered, `the evidence is called '${strength}', and the fencer says that it gives '${declared}'`);
  check(how.trim() !== '', 'the evidence does not say how it is known');
}

/** Waits until the word is there, as long as a fence may take. */
async function heard(context: FencerContext, reached: () => boolean): Promise<void> {
  for (let waitedMs = 0; !reached() && waitedMs < FENCE_LIMIT_MS; waitedMs += 10) await context.sleep(10);
}

async function staysAlive(life: FencedLife, when: string): Promise<void> {
  check(await life.isAlive(), `a life has ended ${when}`);
}

const declares: FencerCase = {
  name: 'says how strong its evidence is',
  run: async ({ fixture: { fencer } }) => {
    check(
      STRENGTHS.includes(fencer.strength),
      `'${fencer.strength}' is no strength; there are ${STRENGTHS.join(', ')}`,
    );
  },
};

const fences: FencerCase = {
  name: 'gives evidence only of a life that has ended',
  run: async (context) => {
    const { fencer, ends } = context.fixture;
    const life = await context.fixture.start(NODE);
    await staysAlive(life, 'before anybody has fenced it');
    const found = await fencer.fence(NODE, life.bootId, { deadlineMs: FENCE_LIMIT_MS });
    if (ends === false) {
      check(found === undefined, 'there is evidence against a life that nobody has ended');
      await staysAlive(life, 'though the fencer says that it only watches');
      return;
    }
    isRight(context, found, life);
    const isSilent = found?.strength === 'advisory' || !(await life.isAlive());
    check(isSilent, 'there is evidence, and the life goes on');
  },
};

const repeats: FencerCase = {
  name: 'says the same again of a life that has ended',
  run: async (context) => {
    const { fencer } = context.fixture;
    const life = await context.fixture.start(NODE);
    let isKnown = false;
    const stop = fencer.watch((found) => (isKnown ||= found.bootId === life.bootId));
    await life.end();
    await heard(context, () => isKnown);
    stop();
    for (let count = 0; count < 2; count += 1)
      isRight(context, await fencer.fence(NODE, life.bootId, { deadlineMs: FENCE_LIMIT_MS }), life);
  },
};

const strangers: FencerCase = {
  name: 'says nothing of a life that it does not know, and harms no other',
  run: async (context) => {
    const { fencer } = context.fixture;
    const life = await context.fixture.start(NODE);
    const unknown: readonly (readonly [string, string])[] = [
      [NODE, 'another life'],
      ['south', life.bootId],
      ['south', 'another life'],
      [NODE, ''],
    ];
    for (const [nodeId, bootId] of unknown) {
      const found = await fencer.fence(nodeId, bootId, { deadlineMs: 200 });
      check(found === undefined, `there is evidence of life '${bootId}' of '${nodeId}', which is none`);
      await staysAlive(life, `when life '${bootId}' of '${nodeId}' was to be fenced`);
    }
  },
};

const nextLife: FencerCase = {
  name: 'leaves the next life of a node alone when an older one is fenced',
  run: async (context) => {
    const { fencer } = context.fixture;
    const first = await context.fixture.start(NODE);
    await first.end();
    const second = await context.fixture.start(NODE);
    check(first.bootId !== second.bootId, 'two lives of a node have the same boot id');
    await fencer.fence(NODE, first.bootId, { deadlineMs: FENCE_LIMIT_MS });
    await staysAlive(second, 'when the one before it was fenced');
  },
};

const watches: FencerCase = {
  name: 'tells every watcher once of every life that ends, until it stops watching',
  run: async (context) => {
    const { fencer } = context.fixture;
    const told: FencingEvidence[][] = [[], [], []];
    const stops = told.map((list) => fencer.watch((found) => void list.push(found)));
    const life = await context.fixture.start(NODE);
    await context.sleep(20);
    check(told.flat().length === 0, 'a watcher hears of an end while everybody lives');
    stops[2]?.();
    await life.end();
    await heard(context, () => told[0]?.length === 1 && told[1]?.length === 1);
    await context.sleep(20);
    for (const list of told.slice(0, 2)) {
      check(list.length === 1, `a watcher heard ${String(list.length)} times of one end`);
      isRight(context, list[0], life);
    }
    check(told[2]?.length === 0, 'somebody hears of an end who has stopped watching');
    stops.forEach((stop) => stop());
  },
};

const givenUp: FencerCase = {
  name: 'gives no evidence, and no error, when the caller does not wait',
  run: async (context) => {
    const { fencer, ends } = context.fixture;
    needed(ends === false ? undefined : true, 'the fencer only watches');
    const life = await context.fixture.start(NODE);
    const aborted = {
      aborted: true,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    };
    const found = await fencer.fence(NODE, life.bootId, { signal: aborted });
    if (found !== undefined) check(!(await life.isAlive()), 'there is evidence, and the life goes on');
  },
};

/** What `Fencer` promises. */
export const fencerSuite: ConformanceSuite<FencerFixture> = {
  port: 'fencer',
  cases: [declares, fences, repeats, strangers, nextLife, watches, givenUp],
};
