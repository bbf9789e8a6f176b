import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OriginStamp } from '../api.js';
import { OperationRanges } from './operation-ranges.js';
import { farewellGeneration, Origins } from './origins.js';

const nobodyCalls = (): void => {
  throw new Error('called although nothing was waited for');
};

function stamp(operation: number, generation = 1, acknowledgedBelow = 1, initiatorId = 'h1'): OriginStamp {
  return { initiatorId, generation, operation, acknowledgedBelow };
}

describe('the registry of repeats', () => {
  it('knows nobody who has not raised a generation', () => {
    const origins = new Origins();
    expect(origins.admit(stamp(1)).kind).toBe('stale');
    expect(origins.raise('h1', 1, nobodyCalls)).toEqual({ kind: 'raised', waitingFor: 0 });
    expect(origins.admit(stamp(1)).kind).toBe('new');
  });

  it('answers a repeat of what is done, also below the floor and under a newer generation', () => {
    const origins = new Origins();
    origins.raise('h1', 1, nobodyCalls);
    origins.admit(stamp(1));
    origins.finished(stamp(1));
    expect(origins.admit(stamp(1)).kind).toBe('done');
    origins.raise('h1', 2, nobodyCalls);
    expect(origins.admit(stamp(1, 2)).kind).toBe('done');
    expect(origins.admit(stamp(3, 2, 3)).kind).toBe('new');
    expect(origins.admit(stamp(2, 2, 3)).kind).toBe('done');
  });

  it('tells who waits for a write that was given up on this leg that it was dropped, and touches nothing at a repeat', () => {
    const origins = new Origins();
    origins.raise('h1', 1, nobodyCalls);
    origins.admit(stamp(1));
    const waiting = origins.admit(stamp(1));
    const told: string[] = [];
    if (waiting.kind === 'in-flight') waiting.whenSettled((outcome) => told.push(outcome));
    origins.appliedHere(stamp(1));
    expect(told).toEqual(['dropped']);
    origins.raise('h1', 2, nobodyCalls);
    expect(origins.admit(stamp(1, 2)).kind).toBe('done');
    // The other leg went on: what stands on this one counts no more.
    origins.restore({ version: 1, initiators: [] });
    origins.raise('h1', 2, nobodyCalls);
    expect(origins.admit(stamp(1, 2)).kind).toBe('new');
  });

  it('takes a dropped write for a new one', () => {
    const origins = new Origins();
    origins.raise('h1', 1, nobodyCalls);
    origins.admit(stamp(1));
    origins.dropped(stamp(1));
    expect(origins.admit(stamp(1)).kind).toBe('new');
  });

  it('refuses the generation that was given up, and one that nobody raised', () => {
    const origins = new Origins();
    origins.raise('h1', 2, nobodyCalls);
    expect(origins.admit(stamp(1, 1)).kind).toBe('stale');
    expect(origins.admit(stamp(1, 3)).kind).toBe('stale');
    expect(origins.raise('h1', 1, nobodyCalls)).toEqual({ kind: 'stale', generation: 2 });
  });

  it('says when everything of older generations is finished or dropped', () => {
    const origins = new Origins();
    let drained = 0;
    origins.raise('h1', 1, nobodyCalls);
    origins.admit(stamp(1));
    origins.admit(stamp(2));
    expect(origins.raise('h1', 2, () => drained++)).toEqual({ kind: 'raised', waitingFor: 2 });
    expect(origins.admit(stamp(3, 2)).kind).toBe('new');
    origins.finished(stamp(1));
    origins.finished(stamp(3, 2));
    expect(drained).toBe(0);
    origins.dropped(stamp(2));
    expect(drained).toBe(1);
  });

  it('lets a repeat share the outcome of the try that is under way', () => {
    const origins = new Origins();
    const outcomes: string[] = [];
    origins.raise('h1', 1, nobodyCalls);
    origins.admit(stamp(1));
    const again = origins.admit(stamp(1));
    if (again.kind !== 'in-flight') throw new Error(again.kind);
    again.whenSettled((outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([]);
    origins.finished(stamp(1));
    expect(outcomes).toEqual(['finished']);
  });

  it('follows what the sequencer has ordered without a question', () => {
    const origins = new Origins();
    origins.follow(stamp(7, 4, 6));
    expect(origins.raise('h1', 5, () => undefined)).toEqual({ kind: 'raised', waitingFor: 1 });
    origins.finished(stamp(7, 4, 6));
    expect(origins.admit(stamp(7, 5, 6)).kind).toBe('done');
    expect(origins.admit(stamp(5, 5, 6)).kind).toBe('done');
  });

  it('forgets an initiator that said farewell, when its last write is done', () => {
    const origins = new Origins();
    let drained = 0;
    origins.raise('h1', 1, nobodyCalls);
    origins.admit(stamp(1));
    origins.raise('h1', farewellGeneration, () => drained++);
    expect(origins.size).toBe(1);
    origins.finished(stamp(1));
    expect([origins.size, drained]).toEqual([0, 1]);
    expect(origins.admit(stamp(1)).kind).toBe('stale');
    expect(origins.raise('h9', farewellGeneration, nobodyCalls)).toEqual({ kind: 'raised', waitingFor: 0 });
    expect(origins.size).toBe(0);
  });

  it('makes room by forgetting who has nothing left to repeat, and nobody else', () => {
    const origins = new Origins(2);
    origins.raise('idle', 1, nobodyCalls);
    origins.raise('owing', 1, nobodyCalls);
    origins.admit(stamp(1, 1, 1, 'owing'));
    origins.finished(stamp(1, 1, 1, 'owing'));
    origins.raise('next', 1, nobodyCalls);
    expect(origins.admit(stamp(1, 1, 1, 'idle')).kind).toBe('stale');
    expect(origins.admit(stamp(1, 1, 1, 'owing')).kind).toBe('done');
    origins.admit(stamp(1, 1, 1, 'next'));
    expect(() => origins.raise('another', 1, nobodyCalls)).toThrow(
      expect.objectContaining({ code: 'NO_SPACE' }),
    );
  });

  it('tells those who wait when everything is replaced', () => {
    const origins = new Origins();
    const told: string[] = [];
    origins.raise('h1', 1, nobodyCalls);
    origins.admit(stamp(1));
    const again = origins.admit(stamp(1));
    if (again.kind === 'in-flight') again.whenSettled((outcome) => told.push(outcome));
    origins.raise('h1', 2, () => told.push('drained'));
    origins.restore({ version: 1, initiators: [] });
    expect(told).toEqual(['dropped', 'drained']);
    expect(origins.size).toBe(0);
  });

  it.each([
    null,
    {},
    { version: 2, initiators: [] },
    { version: 1, initiators: [{ initiatorId: 'h1', generation: 1, doneBelow: -1, done: [] }] },
    { version: 1, initiators: [{ initiatorId: 'h1', generation: 1, doneBelow: 5, done: [4, 6] }] },
    { version: 1, initiators: [{ initiatorId: 'h1', generation: 1, doneBelow: 1, done: [4, 6, 7, 8] }] },
    { version: 1, initiators: [{ initiatorId: 'h1', generation: 1, doneBelow: 1, done: [4] }] },
  ])('takes nothing else for a snapshot: %j', (snapshot) => {
    const origins = new Origins();
    origins.raise('h1', 3, nobodyCalls);
    expect(() => origins.restore(snapshot)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(origins.size).toBe(1);
  });
});

/** The same with a list of everything that ever happened. */
class ListOfEverything {
  private readonly generations = new Map<string, number>();
  private readonly floors = new Map<string, number>();
  private done: { readonly initiatorId: string; readonly operation: number }[] = [];
  private inFlight: OriginStamp[] = [];

  admit(asked: OriginStamp): string {
    if (this.generations.get(asked.initiatorId) !== asked.generation) return 'stale';
    this.floors.set(
      asked.initiatorId,
      Math.max(asked.acknowledgedBelow, this.floors.get(asked.initiatorId) ?? 0),
    );
    if (this.find(asked) !== undefined) return 'in-flight';
    if (asked.operation < (this.floors.get(asked.initiatorId) ?? 0)) return 'done';
    if (this.done.some((one) => one.initiatorId === asked.initiatorId && one.operation === asked.operation))
      return 'done';
    this.inFlight.push(asked);
    return 'new';
  }

  settle(asked: OriginStamp, finished: boolean): void {
    const under = this.find(asked);
    if (under === undefined) return;
    this.inFlight = this.inFlight.filter((one) => one !== under);
    if (finished) this.done.push(asked);
  }

  raise(initiatorId: string, generation: number): number | 'stale' {
    if (generation < (this.generations.get(initiatorId) ?? 0)) return 'stale';
    this.generations.set(initiatorId, generation);
    return this.inFlight.filter((one) => one.initiatorId === initiatorId && one.generation < generation)
      .length;
  }

  private find(asked: OriginStamp): OriginStamp | undefined {
    return this.inFlight.find(
      (one) => one.initiatorId === asked.initiatorId && one.operation === asked.operation,
    );
  }
}

describe('the registry against a list of everything', () => {
  const act = fc.record({
    what: fc.constantFrom('admit', 'admit', 'admit', 'finish', 'finish', 'drop', 'raise', 'copy'),
    initiatorId: fc.constantFrom('h1', 'h2'),
    operation: fc.integer({ min: 1, max: 24 }),
    generation: fc.integer({ min: 1, max: 4 }),
    acknowledgedBelow: fc.integer({ min: 1, max: 8 }),
  });

  it('gives the same answers, and a copy goes on as the original would', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        let origins = new Origins();
        const reference = new ListOfEverything();
        let drained = 0;
        let admitted = false;
        for (const { what, ...asked } of acts) {
          if (what === 'admit') {
            const { kind } = origins.admit(asked);
            if (kind === 'new') admitted = true;
            expect(kind).toBe(reference.admit(asked));
          } else if (what === 'raise') {
            const raised = origins.raise(asked.initiatorId, asked.generation, () => drained++);
            expect(raised.kind === 'stale' ? 'stale' : raised.waitingFor).toBe(
              reference.raise(asked.initiatorId, asked.generation),
            );
          } else if (what === 'copy') {
            if (admitted) continue;
            const copy = new Origins();
            copy.restore(JSON.parse(JSON.stringify(origins.snapshot())));
            expect(copy.snapshot()).toEqual(origins.snapshot());
            origins = copy;
          } else {
            if (what === 'finish') origins.finished(asked);
            else origins.dropped(asked);
            reference.settle(asked, what === 'finish');
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a set of operation numbers', () => {
  it('is what a plain set is, in as many ranges as there are gaps', () => {
    const act = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 60 }));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        const ranges = new OperationRanges();
        const plain = new Set<number>();
        let floor = 0;
        for (const [raise, number] of acts) {
          if (raise && number % 5 === 0) {
            const below = number / 5;
            floor = Math.max(floor, below);
            ranges.raiseFloor(below);
          } else {
            ranges.add(number);
            plain.add(number);
          }
        }
        let gaps = 0;
        for (let number = 0; number <= 61; number++) {
          const has = number < floor || plain.has(number);
          expect(ranges.has(number)).toBe(has);
          const before = number - 1 < floor || plain.has(number - 1);
          if (!has && before) gaps++;
        }
        expect(ranges.toFlat().length / 2).toBeLessThanOrEqual(gaps + 1);
        const copy = new OperationRanges();
        copy.raiseFloor(ranges.floor);
        expect(copy.fromFlat(ranges.toFlat())).toBe(true);
        expect(copy.toFlat()).toEqual(ranges.toFlat());
      }),
    );
  });
});
