import type { ConformanceSuite } from '../suite.js';
import { byteCases } from './bytes.js';
import type { BlockDeviceFixture } from './fixture.js';
import { lifeCases } from './lives.js';

export type { BlockDeviceFixture } from './fixture.js';

/** What `BlockDevice` promises. */
export const blockDeviceSuite: ConformanceSuite<BlockDeviceFixture> = {
  port: 'block-device',
  cases: [...byteCases, ...lifeCases],
};
