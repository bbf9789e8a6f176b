import type { Clock, Fencer, FencingEvidence, Random, Telemetry, TelemetryEvent } from '@holdfast/core';
import {
  type ClockFixture,
  clockSuite,
  type FencerFixture,
  fencerSuite,
  type RandomFixture,
  randomSuite,
  seededRandom,
  type TelemetryFixture,
  telemetrySuite,
  VirtualClock,
} from '../../src/index.js';
import { memoryFencerFixture, recordingTelemetryFixture } from './fixtures.js';
import { changed, type Mutant, type Mutants } from './mutant.js';

function clock(
  mistake: string,
  caughtBy: string,
  wrong: (right: Clock) => Partial<Clock>,
): Mutant<ClockFixture> {
  return {
    mistake,
    caughtBy,
    fixture: () => {
      const time = new VirtualClock();
      return { time, clock: changed<Clock>(time, wrong(time)) };
    },
  };
}

export const clockMutants: Mutants<ClockFixture> = {
  suite: clockSuite,
  sound: clock('', '', () => ({})).fixture,
  mutants: [
    clock('follows a wall clock that is set back', 'never goes back, neither now nor bootTime', (right) => {
      let count = 0;
      return { now: () => right.now() - (right.now() > 4 && (count += 1) % 50 === 0 ? 2 : 0) };
    }),
    clock(
      'fires a millisecond early',
      'fires a timer once, never before its time, and not inside setTimer',
      (right) => ({
        setTimer: (afterMs, callback) => right.setTimer(Math.max(0, afterMs - 1), callback),
      }),
    ),
    clock(
      'calls back at once for 0 ms',
      'fires a timer once, never before its time, and not inside setTimer',
      (right) => ({
        setTimer: (afterMs, callback) => {
          if (afterMs > 0) return right.setTimer(afterMs, callback);
          callback();
          return { cancel: () => undefined };
        },
      }),
    ),
    clock('fires twice', 'fires a timer once, never before its time, and not inside setTimer', (right) => ({
      setTimer: (afterMs, callback) => {
        right.setTimer(afterMs + 5, callback);
        return right.setTimer(afterMs, callback);
      },
    })),
    clock(
      'cancels only what is not due yet',
      'does not call a timer that was cancelled, whenever and however often',
      (right) => ({
        setTimer: (afterMs, callback) => {
          const dueAt = right.now() + afterMs;
          const timer = right.setTimer(afterMs, callback);
          return { cancel: () => (right.now() < dueAt ? timer.cancel() : undefined) };
        },
      }),
    ),
    clock('counts its waits in 32 bits', 'does not fire a timer of years at once', (right) => ({
      setTimer: (afterMs, callback) => right.setTimer(afterMs > 2 ** 31 - 1 ? 1 : afterMs, callback),
    })),
    clock('lets bootTime stand still', 'counts in bootTime at least what it counts in now', () => ({
      bootTime: () => 5000,
    })),
    clock('gives wallTime in seconds', 'gives wallTime in milliseconds since 1970', (right) => ({
      wallTime: () => right.wallTime() / 1000,
    })),
    clock(
      'has room for one timer',
      'goes on with its other timers when one of their callbacks sets another',
      (right) => {
        let last = right.setTimer(0, () => undefined);
        return {
          setTimer: (afterMs, callback) => {
            last.cancel();
            return (last = right.setTimer(afterMs, callback));
          },
        };
      },
    ),
  ],
};

function random(
  mistake: string,
  caughtBy: string,
  wrong: (right: Random) => Partial<Random>,
): Mutant<RandomFixture> {
  return {
    mistake,
    caughtBy,
    fixture: () => {
      let seed = 0;
      return { open: () => ((right) => changed(right, wrong(right)))(seededRandom((seed += 1))) };
    },
  };
}

export const randomMutants: Mutants<RandomFixture> = {
  suite: randomSuite,
  sound: random('', '', () => ({})).fixture,
  mutants: [
    random(
      'fills the whole memory behind a view',
      'fills exactly what it is given, and gives that back',
      (right) => ({
        bytes: (into) => {
          right.bytes(new Uint8Array(into.buffer));
          return into;
        },
      }),
    ),
    random('gives back a copy', 'fills exactly what it is given, and gives that back', (right) => ({
      bytes: (into) => right.bytes(into).slice(),
    })),
    random('fills the first 64 KiB only', 'fills long memory to its end', (right) => ({
      bytes: (into) => {
        right.bytes(into.subarray(0, 65_536));
        return into;
      },
    })),
    random(
      'puts a version into its identities',
      'makes identities of 32 hexadecimal digits, none twice',
      (right) => ({
        id: () => `${right.id().slice(0, 12)}4${right.id().slice(13)}`,
      }),
    ),
    random(
      'draws its identities from a small pool',
      'makes identities of 32 hexadecimal digits, none twice',
      (right) => {
        const pool = Array.from({ length: 4000 }, () => right.id());
        let count = 0;
        return { id: () => pool[(count += 1) % pool.length] ?? '' };
      },
    ),
    random('never gives the byte 255', 'gives every byte and every bit as often as any other', (right) => ({
      bytes: (into) => {
        right.bytes(into);
        into.forEach((byte, index) => (into[index] = byte % 255));
        return into;
      },
    })),
    {
      mistake: 'begins the same in every process',
      caughtBy: 'gives no two processes the same',
      fixture: () => ({ open: () => seededRandom(1) }),
    },
    {
      mistake: 'says that it repeats itself, and does not',
      caughtBy: 'gives the same again where it says that it repeats itself',
      fixture: () => {
        let seed = 0;
        return { repeats: true, open: () => seededRandom((seed += 1)) };
      },
    },
  ],
};

function fencer(
  mistake: string,
  caughtBy: string,
  wrong: (right: Fencer) => Partial<Fencer>,
): Mutant<FencerFixture> {
  return {
    mistake,
    caughtBy,
    fixture: () => {
      const fixture = memoryFencerFixture();
      return { ...fixture, fencer: changed(fixture.fencer, wrong(fixture.fencer)) };
    },
  };
}

const evidence = (nodeId: string, bootId: string): FencingEvidence => ({
  nodeId,
  bootId,
  strength: 'io',
  how: 'it was asked to stop',
});

export const fencerMutants: Mutants<FencerFixture> = {
  suite: fencerSuite,
  sound: fencer('', '', () => ({})).fixture,
  mutants: [
    fencer('calls its evidence strong', 'says how strong its evidence is', () => ({
      strength: 'strong' as 'io',
    })),
    fencer(
      'gives evidence when it has asked, and not when it is done',
      'gives evidence only of a life that has ended',
      () => ({
        fence: async (nodeId, bootId) => evidence(nodeId, bootId),
      }),
    ),
    fencer(
      'gives stronger evidence than it says it has',
      'gives evidence only of a life that has ended',
      () => ({ strength: 'advisory' as const }),
    ),
    fencer(
      'forgets a life once it has told of it',
      'says the same again of a life that has ended',
      (right) => {
        const told = new Set<string>();
        return {
          fence: async (nodeId, bootId) => {
            if (told.has(bootId)) return undefined;
            told.add(bootId);
            return right.fence(nodeId, bootId);
          },
        };
      },
    ),
    fencer(
      'takes a life it does not know for one that has ended',
      'says nothing of a life that it does not know, and harms no other',
      (right) => ({
        fence: async (nodeId, bootId) => (await right.fence(nodeId, bootId)) ?? evidence(nodeId, bootId),
      }),
    ),
    fencer(
      'looks at the boot id alone',
      'says nothing of a life that it does not know, and harms no other',
      (right) => ({
        fence: async (_nodeId, bootId) => right.fence('north', bootId),
      }),
    ),
    {
      mistake: 'ends whatever life the node has now',
      caughtBy: 'leaves the next life of a node alone when an older one is fenced',
      fixture: () => {
        const fixture = memoryFencerFixture();
        let now = '';
        return {
          ...fixture,
          start: async (nodeId) => {
            const life = await fixture.start(nodeId);
            now = life.bootId;
            return life;
          },
          fencer: changed(fixture.fencer, { fence: (nodeId) => fixture.fencer.fence(nodeId, now) }),
        };
      },
    },
    fencer(
      'tells of an end twice',
      'tells every watcher once of every life that ends, until it stops watching',
      (right) => ({
        watch: (found) =>
          right.watch((seen) => {
            found(seen);
            found(seen);
          }),
      }),
    ),
    fencer(
      'goes on telling who has stopped',
      'tells every watcher once of every life that ends, until it stops watching',
      (right) => ({
        watch: (found) => {
          right.watch(found);
          return () => undefined;
        },
      }),
    ),
    fencer(
      'throws when nobody waits',
      'gives no evidence, and no error, when the caller does not wait',
      (right) => ({
        fence: async (nodeId, bootId, options) => {
          if (options?.signal?.aborted === true) throw new Error('aborted');
          return right.fence(nodeId, bootId, options);
        },
      }),
    ),
  ],
};

function telemetry(
  mistake: string,
  caughtBy: string,
  wrong: (right: Telemetry, isBroken: () => boolean) => (event: TelemetryEvent) => void,
): Mutant<TelemetryFixture> {
  return {
    mistake,
    caughtBy,
    fixture: () => {
      const fixture = recordingTelemetryFixture();
      const time = new VirtualClock();
      let isBroken = false;
      return {
        ...fixture,
        time,
        telemetry: { emit: wrong(fixture.telemetry, () => isBroken) },
        breakDown: async () => void (isBroken = true),
        arrived: async () => {
          await time.settle();
          return (await fixture.arrived?.()) ?? [];
        },
      };
    },
  };
}

export const telemetryMutants: Mutants<TelemetryFixture> = {
  suite: telemetrySuite,
  sound: telemetry('', '', (right) => (event) => right.emit(event)).fixture,
  mutants: [
    telemetry(
      'writes JSON, whatever it is given',
      'throws for no event, whatever is in it',
      (right) => (event) => {
        JSON.stringify(event);
        right.emit(event);
      },
    ),
    telemetry(
      'is asynchronous, and gives its promise back',
      'throws for no event, whatever is in it',
      (right) => async (event) => {
        right.emit(event);
      },
    ),
    telemetry(
      'puts a time into the event of its caller',
      'leaves the event as it was',
      (right) => (event) => {
        if (!Object.isFrozen(event)) Object.assign(event, { at: 1 });
        right.emit(event);
      },
    ),
    {
      mistake: 'waits for its disk',
      caughtBy: 'blocks nobody, whatever the number of events',
      fixture: () => {
        let nowMs = 0;
        const time: ClockFixture['time'] & object = changed(new VirtualClock(), { now: () => nowMs });
        return { time, telemetry: { emit: () => void (nowMs += 4) } };
      },
    },
    telemetry('drops events when there are many', 'delivers events in order', (right) => {
      let count = 0;
      return (event) => ((count += 1) % 40 === 0 ? undefined : right.emit(event));
    }),
    telemetry(
      'throws when its collector is gone',
      'throws nothing when the place is gone to which the events go',
      (right, isBroken) => (event) => {
        if (isBroken()) throw new Error('ECONNREFUSED');
        right.emit(event);
      },
    ),
  ],
};
