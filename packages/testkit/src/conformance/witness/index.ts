import type { ConformanceSuite } from '../suite.js';
import { claimCases } from './claims.js';
import type { WitnessFixture } from './fixture.js';
import { memoryCases } from './memory.js';

export type { WitnessFixture } from './fixture.js';

/** What `WitnessPort` promises. */
export const witnessSuite: ConformanceSuite<WitnessFixture> = {
  port: 'witness',
  cases: [...claimCases, ...memoryCases],
};
