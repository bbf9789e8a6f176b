import { type Story } from '../story.js';

/** One story per policy of core: enough events to pass through its main branches. */
export const stories: readonly Story[] = [];
