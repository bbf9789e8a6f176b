import { describe, expect, it } from 'vitest';
import type { Clock } from '@holdfast/core';
import { memoryStore, VirtualClock } from '@holdfast/testkit';
import {
  type EventInput,
  type Interpreter,
  createDriver,
  nextIncarnation,
  ringJournal,
} from '../src/index.js';
import { type LeaseEffect, type LeaseEvent, identity, leaseOptions, leasePolicy } from './lease-policy.js';

type Interpret = Interpreter<LeaseEffect, LeaseEvent>;

function world(overrides: Partial<Interpret> = {}) {
  const clock = new VirtualClock();
  const ran: string[] = [];
  const halts: string[] = [];
  const interpreter: Interpret = {
    run: (effect, context) => {
      ran.push(`${String(clock.now())} ${effect.kind} ${effect.id}`);
      return overrides.run?.(effect, context);
    },
    failed: overrides.failed ?? ((effect) => ({ kind: 'failed', effect: effect.kind })),
    dropped: overrides.dropped ?? ((effect) => ({ kind: 'dropped', effect: effect.kind })),
    halted: (error) => void halts.push(error.message),
  };
  const driver = createDriver({ policy: leasePolicy, options: leaseOptions, clock, interpreter, identity });
  return { clock, driver, ran, halts };
}

describe('the law of the driver', () => {
  it('gives every event its time and the next number', () => {
    const { driver } = world();
    const seen: string[] = [];
    driver.subscribe(
      (_state, event) => void seen.push(`${event.kind} ${String(event.sequence)} at ${String(event.at)}`),
    );
    driver.dispatch({ kind: 'note', text: 'a' });
    driver.dispatch({ kind: 'note', text: 'b' });
    expect(seen).toEqual(['note 1 at 0', 'note 2 at 0']);
  });

  it('never lets time go back, whatever the clock says', () => {
    const times = [50, 40, 45, 60];
    const clock = {
      now: () => times[0]!,
      wallTime: () => 0,
      bootTime: () => 0,
      setTimer: () => ({ cancel: () => undefined }),
    };
    const interpreter: Interpret = { run: () => undefined, failed: () => undefined, halted: () => undefined };
    const driver = createDriver({ policy: leasePolicy, options: leaseOptions, clock, interpreter, identity });
    const seen: number[] = [];
    driver.subscribe((_state, { at }) => void seen.push(at));
    while (times.length > 0) {
      driver.dispatch({ kind: 'note', text: 'x' });
      times.shift();
    }
    expect(seen).toEqual([50, 50, 50, 60]);
  });

  it('lets a lease renewal pass while a persist takes five seconds', async () => {
    const clock = new VirtualClock();
    const sent: number[] = [];
    let persisted: number | undefined;
    const interpreter: Interpret = {
      run: async (effect) => {
        if (effect.kind === 'persist') {
          await new Promise<void>((resolve) => void clock.setTimer(5_000, resolve));
          persisted = clock.now();
          return { kind: 'persisted' };
        }
        if (effect.kind === 'send-renewal') sent.push(clock.now());
        return undefined;
      },
      failed: () => undefined,
      halted: (error) => expect.fail(error.message),
    };
    const driver = createDriver({ policy: leasePolicy, options: leaseOptions, clock, interpreter, identity });
    driver.dispatch({ kind: 'write-record', text: 'epoch 2' });
    await clock.advance(4_999);
    expect(persisted).toBeUndefined();
    expect(sent).toHaveLength(49);
    expect(sent.map((at, index) => at - index * 100)).toEqual(sent.map(() => 100));
    expect(driver.state.announced).toBe(0);
    await clock.advance(1);
    expect(persisted).toBe(5_000);
    await driver[Symbol.asyncDispose]();
  });

  it('starts what waits only when all it waits for has succeeded, in the order it was asked for', async () => {
    const { clock, driver, ran } = world({
      run: (effect) =>
        effect.kind === 'persist'
          ? new Promise<void>((resolve) => void clock.setTimer(30, resolve)).then(
              () => ({ kind: 'persisted' }) as const,
            )
          : undefined,
    });
    driver.dispatch({ kind: 'write-record', text: 'x' });
    expect(ran).toEqual(['0 persist g/n/1/1/0']);
    await clock.advance(30);
    expect(ran).toEqual(['0 persist g/n/1/1/0', '30 announce g/n/1/1/1']);
    expect(driver.state.persisted).toBe(1);
    expect(driver.unfinishedEffects).toBe(0);
  });

  it('starts what waits for two only after both', async () => {
    const finish: (() => void)[] = [];
    const { clock, driver, ran } = world({
      run: (effect) =>
        effect.kind === 'persist'
          ? new Promise((resolve) => finish.push(() => resolve({ kind: 'persisted' })))
          : undefined,
    });
    driver.dispatch({ kind: 'write-record', text: 'x' });
    driver.dispatch({ kind: 'write-record', text: 'y' });
    driver.dispatch({ kind: 'wait-for', id: 'g/n/1/1/0', and: 'g/n/1/2/0' });
    finish[1]?.();
    await clock.settle();
    expect(ran.map((line) => line.split(' ')[2])).toEqual(['g/n/1/1/0', 'g/n/1/2/0', 'g/n/1/2/1']);
    finish[0]?.();
    await clock.settle();
    expect(ran.map((line) => line.split(' ')[2]).slice(3)).toEqual(['g/n/1/1/1', 'g/n/1/3/0']);
  });

  it('drops what waits for a failure, tells the policy of both, and remembers it for later wishes', async () => {
    const { clock, driver, ran } = world({
      run: (effect) => (effect.kind === 'persist' ? Promise.reject(new Error('disk is full')) : undefined),
    });
    driver.dispatch({ kind: 'write-record', text: 'x' });
    await clock.settle();
    expect(ran).toEqual(['0 persist g/n/1/1/0']);
    expect(driver.state.notes).toEqual(['failed persist', 'dropped announce']);
    driver.dispatch({ kind: 'wait-for', id: 'g/n/1/1/1' });
    expect(ran).toHaveLength(1);
    expect(driver.state.notes.at(-1)).toBe('dropped announce');
    driver.dispatch({ kind: 'wait-for', id: 'g/n/1/99/0' });
    expect(ran).toHaveLength(2);
  });

  it('treats a throw of the interpreter as a failed effect', () => {
    const { driver } = world({
      run: (effect) => {
        if (effect.kind === 'persist') throw new Error('no disk at all');
      },
    });
    driver.dispatch({ kind: 'write-record', text: 'x' });
    expect(driver.state.notes).toEqual(['failed persist', 'dropped announce']);
  });

  it('queues what is dispatched during a step: never a step inside a step, first come first served', () => {
    const holder: { dispatch?: (event: EventInput<LeaseEvent>) => boolean } = {};
    const { driver } = world({
      run: (effect) => {
        if (effect.kind !== 'announce') return;
        holder.dispatch?.({ kind: 'note', text: 'first' });
        holder.dispatch?.({ kind: 'note', text: 'second' });
      },
    });
    holder.dispatch = (event) => driver.dispatch(event);
    let depth = 0;
    let deepest = 0;
    driver.subscribe((_state, event) => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      if (event.kind === 'write-record') driver.dispatch({ kind: 'note', text: 'zeroth' });
      depth -= 1;
    });
    driver.dispatch({ kind: 'write-record', text: 'x' });
    expect(driver.state.notes).toEqual(['zeroth', 'first', 'second']);
    expect(deepest).toBe(1);
  });
});

describe('waking up', () => {
  it('ticks when the policy asks, through one timer', async () => {
    const { clock, driver, ran } = world();
    await clock.advance(250);
    expect(ran.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      '100 send-renewal',
      '200 send-renewal',
    ]);
    driver.dispatch({ kind: 'stop-renewing' });
    await clock.advance(1_000);
    expect(ran).toHaveLength(2);
    expect(await clock.runUntilIdle()).toBe(true);
  });

  it('does not tick early when the deadline has moved back', async () => {
    const { clock, driver, ran } = world();
    const ticks: number[] = [];
    driver.subscribe((_state, event) => {
      if (event.kind === 'tick') ticks.push(event.at);
    });
    await clock.advance(60);
    driver.dispatch({ kind: 'next-renewal', renewAt: 500 });
    await clock.advance(439);
    expect(ticks).toEqual([]);
    await clock.advance(1);
    expect(ticks).toEqual([500]);
    expect(ran).toHaveLength(1);
  });

  it('sets no timer for a deadline that every event moves back', async () => {
    const truth = new VirtualClock();
    let timers = 0;
    const clock: Clock = {
      now: () => truth.now(),
      bootTime: () => truth.bootTime(),
      wallTime: () => truth.wallTime(),
      setTimer: (afterMs, callback) => {
        timers += 1;
        return truth.setTimer(afterMs, callback);
      },
    };
    const interpreter: Interpret = { run: () => undefined, failed: () => undefined, halted: () => undefined };
    const driver = createDriver({ policy: leasePolicy, options: leaseOptions, clock, interpreter, identity });
    for (let count = 0; count < 1_000; count += 1) {
      driver.dispatch({ kind: 'next-renewal', renewAt: truth.now() + 100 });
      await truth.advance(1);
    }
    expect(timers).toBeLessThan(20);
  });

  it('halts a policy that asks for ticks for ever', async () => {
    const { clock, driver, halts } = world();
    driver.dispatch({ kind: 'next-renewal', renewAt: -1 });
    await clock.runUntil(() => halts.length > 0, 10);
    expect(halts[0]).toContain('wakeAt moves on after a tick');
  });
});

describe('halting', () => {
  it('stops at a broken cheap invariant: the step is not taken and none of its effects runs', () => {
    const { driver, ran, halts } = world();
    driver.dispatch({ kind: 'note', text: 'fine' });
    driver.dispatch({ kind: 'break-invariant' });
    expect(halts[0]).toContain('notes are words: found an empty one');
    expect(driver.haltedBy?.code).toBe('INVARIANT_BROKEN');
    expect(driver.unfinishedEffects).toBe(0);
    expect(driver.state.notes).toEqual(['fine']);
    expect(ran).toEqual([]);
    expect(driver.dispatch({ kind: 'note', text: 'late' })).toBe(false);
  });

  it('stops when a step throws, and lets nothing that waited run afterwards', async () => {
    let release = (): void => undefined;
    const { clock, driver, ran, halts } = world({
      run: (effect) =>
        effect.kind === 'persist'
          ? new Promise((resolve) => (release = () => resolve({ kind: 'persisted' })))
          : undefined,
    });
    driver.dispatch({ kind: 'write-record', text: 'x' });
    driver.dispatch({ kind: 'throw' });
    expect(driver.unfinishedEffects).toBe(0);
    release();
    await clock.settle();
    expect(halts[0]).toContain('lease.step never throws: asked to');
    expect(ran).toEqual(['0 persist g/n/1/1/0']);
  });

  it.each([
    ['an id of somebody else', { id: 'g/other/1/1/0' }, 'begins with g/n/1/1/'],
    ['an effect that waits for one behind it', { id: 'g/n/1/1/0', after: ['g/n/1/1/7'] }, 'stands behind'],
    ['an effect of another life', { id: 'g/n/1/1/0', after: ['g/n/9/1/0'] }, 'of this life'],
  ])('stops at %s', (_name, effect, message) => {
    const { driver, halts, ran } = world();
    driver.dispatch({ kind: 'raw-effects', effects: [effect] });
    expect(halts[0]).toContain(message);
    expect(ran).toEqual([]);
  });

  it('stops when one id is given twice', () => {
    const { driver, halts } = world();
    driver.dispatch({ kind: 'raw-effects', effects: [{ id: 'g/n/1/1/0' }, { id: 'g/n/1/1/0' }] });
    expect(halts[0]).toContain('is given once');
  });

  it('stops when more events wait than it may hold', () => {
    const { driver, halts } = world();
    driver.subscribe((_state, event) => {
      if (event.kind !== 'throw-many') return;
      for (let count = 0; count < 10_001; count += 1) driver.dispatch({ kind: 'note', text: 'x' });
    });
    driver.dispatch({ kind: 'throw-many' });
    expect(halts[0]).toContain('at most 10000 events wait');
  });

  it('stops when steps answer themselves without end', () => {
    const { driver, halts } = world();
    driver.subscribe((_state, event) => {
      if (event.kind === 'note') driver.dispatch({ kind: 'note', text: 'again' });
    });
    driver.dispatch({ kind: 'note', text: 'once' });
    expect(halts[0]).toContain('come to an end');
  });

  it('reports a listener that throws and goes on', () => {
    const { driver } = world();
    driver.subscribe(() => {
      throw new Error('mine');
    });
    driver.dispatch({ kind: 'note', text: 'x' });
    expect(driver.state.notes).toEqual(['x']);
    expect(driver.haltedBy).toBeUndefined();
  });

  it('tells the journal which event halted it', () => {
    const journal = ringJournal();
    const driver = createDriver({
      policy: leasePolicy,
      options: leaseOptions,
      clock: new VirtualClock(),
      interpreter: { run: () => undefined, failed: () => undefined, halted: () => undefined },
      identity,
      journal,
    });
    driver.dispatch({ kind: 'throw' });
    expect(journal.records.at(-1)).toMatchObject({ record: 'step', event: { kind: 'throw' }, effects: [] });
    expect(journal.records.at(-1)).toHaveProperty('halted');
  });
});

describe('closing', () => {
  it('aborts what runs, waits for it, and takes nothing more', async () => {
    let aborted = false;
    const { clock, driver, ran } = world({
      run: (effect, { signal }) =>
        effect.kind === 'persist'
          ? new Promise((resolve) =>
              signal.addEventListener('abort', () => {
                aborted = true;
                clock.setTimer(50, () => resolve({ kind: 'persisted' }));
              }),
            )
          : undefined,
    });
    driver.dispatch({ kind: 'write-record', text: 'x' });
    await clock.run(Promise.resolve(driver[Symbol.asyncDispose]()));
    expect(clock.now()).toBe(50);
    expect(aborted).toBe(true);
    expect(driver.dispatch({ kind: 'note', text: 'late' })).toBe(false);
    expect(ran).toEqual(['0 persist g/n/1/1/0']);
    expect(driver.state.persisted).toBe(0);
    expect(await clock.runUntilIdle()).toBe(true);
  });
});

describe('the incarnation', () => {
  it('counts starts, durably, before anything else can happen', async () => {
    const first = memoryStore();
    expect(await nextIncarnation(first)).toBe(1);
    expect(await nextIncarnation(first)).toBe(2);
    first.records.crash();
    expect(await nextIncarnation(memoryStore(first.records))).toBe(3);
  });

  it('is not given before it is durable', async () => {
    const clock = new VirtualClock();
    const store = memoryStore({ clock, saveMs: 200 });
    expect(await clock.run(nextIncarnation(store))).toBe(1);
    expect(clock.now()).toBe(200);
  });

  it('refuses to count on from a record that is no number', async () => {
    const store = memoryStore();
    await store.save('incarnation', new TextEncoder().encode('seven'));
    await expect(nextIncarnation(store)).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});
