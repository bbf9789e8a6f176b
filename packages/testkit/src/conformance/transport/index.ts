import type { ConformanceSuite } from '../suite.js';
import { endingCases } from './endings.js';
import type { TransportFixture } from './fixture.js';
import { flowCases } from './flow.js';

export type { TransportFixture } from './fixture.js';

/** What `Transport`, `Listener` and `ByteStream` promise. */
export const transportSuite: ConformanceSuite<TransportFixture> = {
  port: 'transport',
  cases: [...flowCases, ...endingCases],
};
