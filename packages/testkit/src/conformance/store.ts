import type { Store } from '@holdfast/core';
import { check, needed, refused, sameBytes } from './expect.js';
import type { CaseContext, ConformanceCase, ConformanceFixture, ConformanceSuite } from './suite.js';

/** What an author gives for each case: an empty medium of its own, and what can be done to it. */
export interface StoreFixture extends ConformanceFixture {
  /** Opens the store. Called again for the next life, after the one before was disposed of or has crashed. */
  open(): Promise<Store>;
  /** Ends the life of the open store as SIGKILL or a loss of power would, with calls under way. */
  crash?(): Promise<void>;
  /** The next save or delete fails, as on a full disk. */
  failNextChange?(): Promise<void>;
  /** Damages what is stored under the key. */
  corrupt?(key: string): Promise<void>;
}

type StoreContext = CaseContext<StoreFixture>;
type StoreCase = ConformanceCase<StoreFixture>;

const KEYS = ['epoch', 'group/north', 'a', 'A', 'ä', '..', 'with space', 'x'.repeat(100), '%2F'];

async function opened(context: StoreContext): Promise<Store> {
  return context.own(await context.fixture.open());
}

async function reopened(context: StoreContext, store: Store): Promise<Store> {
  await store[Symbol.asyncDispose]();
  return opened(context);
}

function crashOf({ fixture }: StoreContext): () => Promise<void> {
  return needed(fixture.crash?.bind(fixture), 'the fixture cannot crash the store (`crash`)');
}

function value({ random }: StoreContext): Uint8Array {
  return random.bytes(new Uint8Array(random.below(3) === 0 ? random.below(20_000) : random.below(40)));
}

function keyOf({ random }: StoreContext): string {
  return KEYS[random.below(KEYS.length)] ?? 'epoch';
}

/** The store and the reference, a map, hold the same. */
async function agrees(store: Store, reference: ReadonlyMap<string, Uint8Array>, when: string): Promise<void> {
  const keys = [...(await store.keys())].sort();
  const expected = [...reference.keys()].sort();
  check(
    JSON.stringify(keys) === JSON.stringify(expected),
    `the keys ${when} are ${JSON.stringify(keys)}, and ${JSON.stringify(expected)} were expected`,
  );
  for (const key of KEYS) await holds(store, key, reference.get(key), when);
}

async function holds(
  store: Store,
  key: string,
  expected: Uint8Array | undefined,
  when: string,
): Promise<void> {
  const found = await store.load(key);
  const what = `record '${key}' ${when}`;
  if (expected === undefined) check(found === undefined, `${what} is there, and nobody has saved it`);
  else {
    check(found !== undefined, `${what} is gone`);
    sameBytes(found, expected, what);
  }
}

const beginsEmpty: StoreCase = {
  name: 'says its name, and begins empty',
  run: async (context) => {
    const store = await opened(context);
    check(
      typeof store.name === 'string' && store.name !== '',
      'its name is empty: people read it in messages',
    );
    await agrees(store, new Map(), 'of a new store');
  },
};

const anyValue: StoreCase = {
  name: 'gives back any value under any key, to the byte',
  run: async (context) => {
    const store = await opened(context);
    const reference = new Map<string, Uint8Array>();
    const lengths = [0, 1, 255, 256, 4096, 65_537, 100, 7, 300_000];
    for (const [index, key] of KEYS.entries()) {
      const bytes = context.random.bytes(new Uint8Array(lengths[index] ?? 10));
      await store.save(key, bytes.slice());
      reference.set(key, bytes);
    }
    await agrees(store, reference, 'after each was saved');
  },
};

const callersMemory: StoreCase = {
  name: 'shares no memory with its caller',
  run: async (context) => {
    const store = await opened(context);
    const bytes = context.random.bytes(new Uint8Array(100));
    const expected = bytes.slice();
    await store.save('k', bytes);
    bytes.fill(0);
    const loaded = await store.load('k');
    check(loaded !== undefined, 'a record that was saved is gone');
    sameBytes(loaded, expected, 'a record whose saver has used its memory again');
    loaded.fill(0);
    await holds(store, 'k', expected, 'whose reader has changed its copy');
  },
};

const deletes: StoreCase = {
  name: 'forgets what is deleted, and takes a delete of what is not there',
  run: async (context) => {
    const store = await opened(context);
    await store.delete('never there');
    await store.save('a', Uint8Array.of(1));
    await store.save('A', Uint8Array.of(2));
    await store.delete('a');
    await agrees(store, new Map([['A', Uint8Array.of(2)]]), 'after a delete');
    const again = await reopened(context, store);
    await agrees(again, new Map([['A', Uint8Array.of(2)]]), 'after a delete and opening again');
  },
};

const likeAMap: StoreCase = {
  name: 'does what a map does, over random operations and openings',
  run: async (context) => {
    const { random, operations } = context;
    let store = await opened(context);
    const reference = new Map<string, Uint8Array>();
    for (let count = 0; count < operations; count += 1) {
      const key = keyOf(context);
      const kind = random.below(20);
      if (kind < 10) {
        const bytes = value(context);
        await store.save(key, bytes.slice());
        reference.set(key, bytes);
      } else if (kind < 13) {
        await store.delete(key);
        reference.delete(key);
      } else if (kind < 19) {
        await holds(store, key, reference.get(key), 'between random operations');
      } else {
        store = await reopened(context, store);
        await agrees(store, reference, 'after opening again');
      }
    }
    await agrees(store, reference, 'after random operations');
  },
};

const sideBySide: StoreCase = {
  name: 'keeps changes of different keys apart that run side by side',
  run: async (context) => {
    const store = await opened(context);
    const reference = new Map<string, Uint8Array>();
    for (let round = 0; round < 5; round += 1) {
      for (const key of KEYS) reference.set(key, value(context));
      await Promise.all([...reference].map(([key, bytes]) => store.save(key, bytes.slice())));
      await agrees(store, reference, 'after saves side by side');
    }
  },
};

const durable: StoreCase = {
  name: 'has a change durable when it returns',
  run: async (context) => {
    const crash = crashOf(context);
    let store = await opened(context);
    const reference = new Map<string, Uint8Array>();
    for (let life = 0; life < 8; life += 1) {
      // The last change of a life is the one that a store which answers too early has not written yet.
      for (let count = 0; count < 4; count += 1) {
        const key = keyOf(context);
        if (context.random.below(3) === 0) {
          reference.delete(key);
          await store.delete(key);
        } else {
          const bytes = value(context);
          reference.set(key, bytes);
          await store.save(key, bytes.slice());
        }
      }
      await crash();
      store = await opened(context);
      await agrees(store, reference, 'after a crash');
    }
  },
};

const whole: StoreCase = {
  name: 'has the old record or the new one, whole, after a crash on the way',
  run: async (context) => {
    const crash = crashOf(context);
    let store = await opened(context);
    let old = value(context);
    await store.save('k', old.slice());
    for (let life = 0; life < Math.max(8, context.operations / 10); life += 1) {
      const next = context.random.bytes(new Uint8Array(old.length + 1000));
      const saving = store.save('k', next.slice());
      saving.catch(() => undefined);
      for (let turn = context.random.below(4); turn > 0; turn -= 1) await Promise.resolve();
      await crash();
      store = await opened(context);
      const found = await store.load('k');
      check(found !== undefined, 'the record is gone: neither the old nor the new one is there');
      const is = (bytes: Uint8Array): boolean =>
        bytes.length === found.length && bytes.every((byte, index) => byte === found[index]);
      check(
        is(old) || is(next),
        `after a crash during a save the record is neither the old one (${String(old.length)} bytes) nor the new one (${String(next.length)}); it has ${String(found.length)} bytes`,
      );
      check((await store.keys()).length === 1, 'a crash during a save has left a key that nobody has saved');
      old = value(context);
      await store.save('k', old.slice());
    }
  },
};

const failedChange: StoreCase = {
  name: 'keeps the old record when a change fails',
  run: async (context) => {
    const { fixture } = context;
    const failNextChange = needed(
      fixture.failNextChange?.bind(fixture),
      'the fixture cannot make a change fail (`failNextChange`)',
    );
    const store = await opened(context);
    await store.save('k', Uint8Array.of(1, 2, 3));
    await failNextChange();
    await refused(
      () => store.save('k', new Uint8Array(50)),
      ['NO_SPACE', 'IO_FAILED'],
      'a save that cannot be',
    );
    await holds(store, 'k', Uint8Array.of(1, 2, 3), 'after a save that failed');
    await failNextChange();
    await refused(() => store.delete('k'), ['NO_SPACE', 'IO_FAILED'], 'a delete that cannot be');
    await holds(store, 'k', Uint8Array.of(1, 2, 3), 'after a delete that failed');
    await store.save('k', Uint8Array.of(4));
    await agrees(store, new Map([['k', Uint8Array.of(4)]]), 'after the next save');
  },
};

const corruption: StoreCase = {
  name: 'calls a damaged record CORRUPT, and leaves the others alone',
  run: async (context) => {
    const { fixture } = context;
    const corrupt = needed(fixture.corrupt?.bind(fixture), 'the fixture cannot damage a record (`corrupt`)');
    const store = await opened(context);
    await store.save('a', new Uint8Array(64).fill(7));
    await store.save('epoch', Uint8Array.of(9));
    await corrupt('a');
    await refused(() => store.load('a'), 'CORRUPT', 'loading a damaged record');
    await holds(store, 'epoch', Uint8Array.of(9), 'beside a damaged one');
    await store.save('a', Uint8Array.of(8));
    await holds(store, 'a', Uint8Array.of(8), 'that was damaged and saved again');
  },
};

const closedForGood: StoreCase = {
  name: 'refuses every call with CLOSED once it is disposed of, and may be disposed of twice',
  run: async (context) => {
    const store = await opened(context);
    await store.save('k', Uint8Array.of(1));
    await store[Symbol.asyncDispose]();
    await refused(() => store.load('k'), 'CLOSED', 'a load after the end');
    await refused(() => store.save('k', Uint8Array.of(2)), 'CLOSED', 'a save after the end');
    await refused(() => store.delete('k'), 'CLOSED', 'a delete after the end');
    await refused(() => store.keys(), 'CLOSED', 'listing after the end');
    await store[Symbol.asyncDispose]();
    await holds(await opened(context), 'k', Uint8Array.of(1), 'after refused changes');
  },
};

/** What `Store` promises. */
export const storeSuite: ConformanceSuite<StoreFixture> = {
  port: 'store',
  cases: [
    beginsEmpty,
    anyValue,
    callersMemory,
    deletes,
    likeAMap,
    sideBySide,
    durable,
    whole,
    failedChange,
    corruption,
    closedForGood,
  ],
};
