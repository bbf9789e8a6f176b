export { type Stall, type StallWatch, type StallWatchOptions, watchStalls } from './stall-watch.js';
