export * from './api.js';
export * from './options.js';
export * from './control/index.js';
