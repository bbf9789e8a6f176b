import { describe, expect, it } from 'vitest';
import { MemoryRecords, VirtualClock, memoryStore } from '../src/index.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

describe('a store in memory', () => {
  it('keeps records, by value', async () => {
    const store = memoryStore();
    const value = bytes('one');
    await store.save('a', value);
    value.fill(0);
    expect(text(await store.load('a'))).toBe('one');
    (await store.load('a'))?.fill(0);
    expect(text(await store.load('a'))).toBe('one');
    await store.save('b', bytes('two'));
    expect(await store.keys()).toEqual(['a', 'b']);
    await store.delete('a');
    expect(await store.load('a')).toBeUndefined();
    await store[Symbol.asyncDispose]();
    await expect(store.load('b')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('survives a crash with all that was saved', async () => {
    const store = memoryStore();
    await store.save('a', bytes('one'));
    store.records.crash();
    expect(text(await memoryStore(store.records).load('a'))).toBe('one');
  });

  it('holds the old or the new record, whole, after a crash during a save, and which one is the seed’s choice', async () => {
    const outcomes = new Set<string | undefined>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const clock = new VirtualClock();
      const store = memoryStore({ clock, saveMs: 100, seed });
      await clock.run(store.save('a', bytes('old')));
      let answered = false;
      void store.save('a', bytes('new')).then(() => (answered = true));
      await clock.advance(50);
      store.records.crash();
      await clock.runUntilIdle();
      expect(answered).toBe(false);
      outcomes.add(text(await memoryStore(store.records).load('a')));
    }
    expect([...outcomes].sort()).toEqual(['new', 'old']);
  });

  it('crashes just before or just after a save is durable, and tells the simulation', async () => {
    for (const crash of ['before', 'after'] as const) {
      const records = new MemoryRecords();
      let crashes = 0;
      records.crashed = () => (crashes += 1);
      records.faults = ({ kind, nth }) => (kind === 'save' && nth === 1 ? { crash } : undefined);
      let answered = false;
      void memoryStore(records)
        .save('a', bytes('x'))
        .then(() => (answered = true));
      await new VirtualClock().settle();
      expect({ crashes, answered }).toEqual({ crashes: 1, answered: false });
      expect(text(await memoryStore(records).load('a'))).toBe(crash === 'after' ? 'x' : undefined);
    }
  });

  it('fails without changing the record, and reports a damaged one', async () => {
    const store = memoryStore();
    await store.save('a', bytes('one'));
    store.records.faults = ({ kind }) => (kind === 'save' ? { fail: 'NO_SPACE' } : undefined);
    await expect(store.save('a', bytes('two'))).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(text(await store.load('a'))).toBe('one');
    store.records.corrupt('a');
    await expect(store.load('a')).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  it('can be put back to an old backup, as an operator might', async () => {
    const store = memoryStore();
    await store.save('epoch', bytes('1'));
    const backup = store.records.snapshot();
    await store.save('epoch', bytes('2'));
    store.records.restore(backup);
    expect(text(await memoryStore(store.records).load('epoch'))).toBe('1');
  });
});
