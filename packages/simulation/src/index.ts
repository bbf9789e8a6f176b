export { drawPlan } from './draw.js';
export type { ClientPlan, Fault, Operation, Plan, Surroundings } from './plan.js';
export { parseReplay, type Replay } from './replay.js';
export { shrinkPlan } from './shrink.js';
export { simulate, type Outcome, type Violation } from './simulate.js';
