import { describe, expect, it } from 'vitest';
import {
  blockDeviceSuite,
  clockSuite,
  type ConformanceFixture,
  type ConformanceSuite,
  conformanceTests,
  fencerSuite,
  randomSuite,
  runSuite,
  seededRandom,
  storeSuite,
  telemetrySuite,
  transportSuite,
  VirtualClock,
  witnessSuite,
} from '../../src/index.js';
import {
  memoryDeviceFixture,
  memoryFencerFixture,
  memoryNetworkFixture,
  memoryStoreFixture,
  recordingTelemetryFixture,
  scriptedWitnessFixture,
  virtualClockFixture,
} from './fixtures.js';

const runner = { describe, it };
const driftingClock = () => {
  const time = new VirtualClock();
  return { time, clock: time.process({ driftPpm: 300 }) };
};
const repeating = () => ({ repeats: true, open: () => seededRandom(7) });

conformanceTests(runner, blockDeviceSuite, { name: 'memoryDevice', fixture: () => memoryDeviceFixture() });
conformanceTests(runner, storeSuite, { name: 'memoryStore', fixture: memoryStoreFixture });
conformanceTests(runner, transportSuite, { name: 'MemoryNetwork', fixture: memoryNetworkFixture });
conformanceTests(runner, witnessSuite, { name: 'scriptedWitness', fixture: scriptedWitnessFixture });
conformanceTests(runner, clockSuite, { name: 'VirtualClock', fixture: virtualClockFixture });
conformanceTests(runner, clockSuite, { name: 'ProcessClock', fixture: driftingClock });
conformanceTests(runner, randomSuite, { name: 'seededRandom', fixture: repeating });
conformanceTests(runner, fencerSuite, { name: 'a fencer in memory', fixture: memoryFencerFixture });
conformanceTests(runner, telemetrySuite, { name: 'recordingTelemetry', fixture: recordingTelemetryFixture });

describe('the suites find nothing in the fakes, whatever the seed', () => {
  const clean = async <Fixture extends ConformanceFixture>(
    suite: ConformanceSuite<Fixture>,
    fixture: () => Fixture,
  ): Promise<void> => {
    for (let seed = 2; seed < 8; seed += 1) {
      const { cases } = await runSuite(suite, { name: 'fake', fixture }, { seed, operations: 60 });
      const failed = cases.filter(({ outcome }) => outcome === 'failed');
      expect({ seed, failed }).toEqual({ seed, failed: [] });
    }
  };

  it('of block-device', () => clean(blockDeviceSuite, () => memoryDeviceFixture(20_003)));
  it('of store', () => clean(storeSuite, memoryStoreFixture));
  it('of transport', () => clean(transportSuite, memoryNetworkFixture));
  it('of witness', () => clean(witnessSuite, scriptedWitnessFixture));
});
