export { ProcessClock, type PauseStops, type ProcessClockOptions } from './process-clock.js';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.js';
