import { HoldfastError, type Store } from '@holdfast/core';
import { type MemoryRecords, memoryStore, storeSuite, type StoreFixture } from '../../src/index.js';
import { memoryStoreFixture } from './fixtures.js';
import { changed, type Mutant, type Mutants } from './mutant.js';

type Wrong = (store: Store, records: MemoryRecords) => Partial<Store>;

function mutant(mistake: string, caughtBy: string, wrong: Wrong): Mutant<StoreFixture> {
  return {
    mistake,
    caughtBy,
    fixture: () => {
      const fixture = memoryStoreFixture();
      const open = async (): Promise<Store> => {
        const store = await fixture.open();
        return changed(store, wrong(store, fixture.records));
      };
      return { ...fixture, open };
    },
  };
}

/** A store that tells of a save before it is done: what is not written down by then is lost with its process. */
function lateFixture(): StoreFixture {
  const fixture = memoryStoreFixture();
  let later: (() => Promise<void>)[] = [];
  const open = async (): Promise<Store> => {
    const store = await fixture.open();
    const before = later;
    for (const write of before) await write();
    later = [];
    const catchUp = async (): Promise<void> => {
      for (const write of later.splice(0)) await write();
    };
    return changed(store, {
      save: async (key, value) => {
        const copy = value.slice();
        later.push(() => store.save(key, copy));
        if (later.length > 1) await later.shift()?.();
      },
      load: (key) => catchUp().then(() => store.load(key)),
      delete: (key) => catchUp().then(() => store.delete(key)),
      keys: () => catchUp().then(() => store.keys()),
      [Symbol.asyncDispose]: () => catchUp().then(() => store[Symbol.asyncDispose]()),
    });
  };
  const crash = async (): Promise<void> => {
    later = [];
    await fixture.crash?.();
  };
  return { ...fixture, open, crash };
}

/** Writes over the record in place, half by half. */
function inPlace(store: Store): Partial<Store> {
  return {
    save: async (key, value) => {
      if (value.length > 1) {
        await store.save(key, value.subarray(0, value.length >> 1));
        await Promise.resolve();
      }
      await store.save(key, value);
    },
  };
}

export const storeMutants: Mutants<StoreFixture> = {
  suite: storeSuite,
  sound: mutant('', '', () => ({})).fixture,
  mutants: [
    mutant('has no name', 'says its name, and begins empty', () => ({ name: '' })),
    mutant('cuts values off at 64 KiB', 'gives back any value under any key, to the byte', (store) => ({
      save: (key, value) => store.save(key, value.subarray(0, 65_536)),
    })),
    mutant(
      'takes an empty value for a delete',
      'gives back any value under any key, to the byte',
      (store) => ({
        save: (key, value) => (value.length === 0 ? store.delete(key) : store.save(key, value)),
      }),
    ),
    mutant(
      'makes no difference between a and A',
      'gives back any value under any key, to the byte',
      (store) => ({
        save: (key, value) => store.save(key.toLowerCase(), value),
        load: (key) => store.load(key.toLowerCase()),
      }),
    ),
    mutant('hands out the memory that it keeps', 'shares no memory with its caller', (store) => {
      const loaded = new Map<string, Uint8Array | undefined>();
      return {
        save: async (key, value) => {
          loaded.delete(key);
          await store.save(key, value);
        },
        load: async (key) => {
          if (!loaded.has(key)) loaded.set(key, await store.load(key));
          return loaded.get(key);
        },
      };
    }),
    mutant(
      'fails to delete what is not there',
      'forgets what is deleted, and takes a delete of what is not there',
      (store) => ({
        delete: async (key) => {
          if ((await store.load(key)) === undefined)
            throw new HoldfastError('NOT_FOUND', `No record ${key}.`);
          await store.delete(key);
        },
      }),
    ),
    mutant(
      'deletes by writing an empty record',
      'forgets what is deleted, and takes a delete of what is not there',
      (store) => ({
        delete: (key) => store.save(key, new Uint8Array()),
      }),
    ),
    mutant(
      'remembers every key it ever had',
      'does what a map does, over random operations and openings',
      (store) => {
        const seen = new Set<string>();
        return {
          save: async (key, value) => {
            seen.add(key);
            await store.save(key, value);
          },
          keys: async () => [...new Set([...(await store.keys()), ...(seen.size > 5 ? seen : [])])],
        };
      },
    ),
    mutant(
      'writes all values to one scratch record first',
      'keeps changes of different keys apart that run side by side',
      (store) => {
        let scratch = new Uint8Array();
        return {
          save: async (key, value) => {
            scratch = value.slice();
            await Promise.resolve();
            await store.save(key, scratch);
          },
        };
      },
    ),
    {
      mistake: 'answers a save before it is durable',
      caughtBy: 'has a change durable when it returns',
      fixture: lateFixture,
    },
    {
      mistake: 'deletes in memory only, so that a crash brings the record back',
      caughtBy: 'has a change durable when it returns',
      fixture: () => {
        const fixture = memoryStoreFixture();
        let hidden = new Set<string>();
        const open = async (): Promise<Store> => {
          const store = await fixture.open();
          return changed(store, {
            save: (key, value) => (hidden.delete(key), store.save(key, value)),
            load: async (key) => (hidden.has(key) ? undefined : store.load(key)),
            delete: async (key) => void hidden.add(key),
            keys: async () => (await store.keys()).filter((key) => !hidden.has(key)),
          });
        };
        return {
          ...fixture,
          open,
          crash: async () => {
            hidden = new Set();
            await fixture.crash?.();
          },
        };
      },
    },
    mutant(
      'writes over the old record in place',
      'has the old record or the new one, whole, after a crash on the way',
      inPlace,
    ),
    mutant(
      'removes the old record before it writes the new one',
      'has the old record or the new one, whole, after a crash on the way',
      (store) => ({
        save: async (key, value) => {
          await store.delete(key);
          await store.save(key, value);
        },
      }),
    ),
    mutant(
      'has changed the record when it says that it could not',
      'keeps the old record when a change fails',
      (store, records) => ({
        save: async (key, value) => {
          try {
            await store.save(key, value);
          } catch (error) {
            await memoryStore(records).save(key, value);
            throw error;
          }
        },
      }),
    ),
    mutant(
      'gives back what a damaged record holds',
      'calls a damaged record CORRUPT, and leaves the others alone',
      (store) => ({
        load: (key) =>
          store.load(key).catch((error: unknown) => {
            if (HoldfastError.is(error, 'CORRUPT')) return new Uint8Array(64);
            throw error;
          }),
      }),
    ),
    mutant(
      'takes a damaged record for one that is not there',
      'calls a damaged record CORRUPT, and leaves the others alone',
      (store) => ({
        load: (key) =>
          store.load(key).catch((error: unknown) => {
            if (HoldfastError.is(error, 'CORRUPT')) return undefined;
            throw error;
          }),
      }),
    ),
    mutant(
      'saves after its end',
      'refuses every call with CLOSED once it is disposed of, and may be disposed of twice',
      (_store, records) => ({ save: (key, value) => memoryStore(records).save(key, value) }),
    ),
  ],
};
