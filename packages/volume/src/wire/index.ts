export * from './frame.js';
export * from './frame-stream.js';
export * from './json.js';
