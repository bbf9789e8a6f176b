export { conformanceTests, type BoundOptions, type TestHandle, type TestRunner } from './bind.js';
export { blockDeviceSuite, type BlockDeviceFixture } from './block-device/index.js';
export { clockSuite, type ClockFixture } from './clock.js';
export { check, ConformanceFailure, needed, NotApplicable, refused, sameBytes } from './expect.js';
export { fencerSuite, type FencedLife, type FencerFixture } from './fencer.js';
export { randomSuite, type RandomFixture } from './random.js';
export { conformanceReport, runCase, runSuite, suiteReport } from './run.js';
export { storeSuite, type StoreFixture } from './store.js';
export type {
  CaseContext,
  CaseCounts,
  CaseOutcome,
  CaseReport,
  ConformanceCase,
  ConformanceFixture,
  ConformanceOptions,
  ConformanceReport,
  ConformanceSubject,
  ConformanceSuite,
  ConformanceTime,
  Disposing,
  SuiteReport,
} from './suite.js';
export { telemetrySuite, type TelemetryFixture } from './telemetry.js';
export { transportSuite, type TransportFixture } from './transport/index.js';
export { witnessSuite, type WitnessFixture } from './witness/index.js';
