import type { Telemetry, TelemetryEvent } from '@holdfast/core';
import { check, needed } from './expect.js';
import type { ConformanceCase, ConformanceFixture, ConformanceSuite } from './suite.js';

export interface TelemetryFixture extends ConformanceFixture {
  readonly telemetry: Telemetry;
  /** The kinds of the events that have reached their place, in order. May wait for them. */
  arrived?(): Promise<readonly string[]>;
  /** Makes the place unreachable to which the events go. */
  breakDown?(): Promise<void>;
}

type TelemetryCase = ConformanceCase<TelemetryFixture>;

/** Events as programs make them, also by mistake. */
function oddEvents(): readonly TelemetryEvent[] {
  const circle: Record<string, unknown> = { kind: 'circle-seen' };
  circle['itself'] = circle;
  const thrower = {
    kind: 'getter-seen',
    get broken(): never {
      throw new TypeError('This field cannot be read.');
    },
  };
  return [
    { kind: 'plain-fact' },
    { kind: '' },
    { kind: 'numbers-seen', big: 2n ** 70n, none: Number.NaN, zero: -0, nothing: undefined, empty: null },
    {
      kind: 'values-seen',
      call: () => 1,
      symbol: Symbol('x'),
      map: new Map([[1, 2]]),
      bytes: new Uint8Array(4),
    },
    { kind: 'error-seen', error: new Error('cause', { cause: circle }) },
    circle as unknown as TelemetryEvent,
    thrower,
    Object.freeze({ kind: 'frozen-seen', inner: Object.freeze({ a: 1 }) }),
    { kind: 'long-seen', text: 'x'.repeat(100_000) },
  ];
}

function emitAll(telemetry: Telemetry, events: readonly TelemetryEvent[]): void {
  // A function may give something back where its type says that it gives nothing.
  const emit: (event: TelemetryEvent) => unknown = (event) => telemetry.emit(event);
  for (const event of events) {
    let given: unknown;
    try {
      given = emit(event);
    } catch (error) {
      check(false, `emit throws for an event of kind '${event.kind}': ${String(error)}`);
    }
    check(given === undefined, 'emit gives something back; a promise nobody waits for can fail unseen');
  }
}

const neverThrows: TelemetryCase = {
  name: 'throws for no event, whatever is in it',
  run: async ({ fixture, sleep }) => {
    emitAll(fixture.telemetry, oddEvents());
    await sleep(5);
  },
};

const leavesEvents: TelemetryCase = {
  name: 'leaves the event as it was',
  run: async ({ fixture, sleep }) => {
    const inner = { at: 1 };
    const event = { kind: 'resync-progress', movedBytes: 10, inner };
    fixture.telemetry.emit(event);
    await sleep(5);
    check(
      JSON.stringify(event) === '{"kind":"resync-progress","movedBytes":10,"inner":{"at":1}}',
      'emit has changed the event of its caller',
    );
  },
};

const MANY = 5000;
const MANY_LIMIT_MS = 5000;

const doesNotBlock: TelemetryCase = {
  name: 'blocks nobody, whatever the number of events',
  run: async ({ fixture, clock }) => {
    const startedAt = clock.now();
    for (let count = 0; count < MANY; count += 1) fixture.telemetry.emit({ kind: 'write-ended', count });
    const tookMs = clock.now() - startedAt;
    check(
      tookMs < MANY_LIMIT_MS,
      `${String(MANY)} events took ${String(Math.round(tookMs))} ms of their caller`,
    );
  },
};

const inOrder: TelemetryCase = {
  name: 'delivers events in order',
  run: async ({ fixture }) => {
    const arrived = needed(
      fixture.arrived?.bind(fixture),
      'the fixture does not say what has arrived (`arrived`)',
    );
    const kinds = Array.from({ length: 50 }, (_, index) => `step-${String(index)}-ended`);
    for (const kind of kinds) fixture.telemetry.emit({ kind });
    const seen = (await arrived()).filter((kind) => kinds.includes(kind));
    check(seen.join() === kinds.join(), `of 50 events these arrived, in this order: ${seen.join(', ')}`);
  },
};

const brokenPlace: TelemetryCase = {
  name: 'throws nothing when the place is gone to which the events go',
  run: async ({ fixture, sleep }) => {
    const breakDown = needed(
      fixture.breakDown?.bind(fixture),
      'the fixture cannot make the place of the events unreachable (`breakDown`)',
    );
    await breakDown();
    emitAll(fixture.telemetry, [{ kind: 'plain-fact' }, { kind: 'plain-fact' }]);
    await sleep(20);
  },
};

/** What `Telemetry` promises, but for one thing: that it keeps nothing alive shows only to a garbage collector. */
export const telemetrySuite: ConformanceSuite<TelemetryFixture> = {
  port: 'telemetry',
  cases: [neverThrows, leavesEvents, doesNotBlock, inOrder, brokenPlace],
};
