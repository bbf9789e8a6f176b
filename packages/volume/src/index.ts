export * from './api.js';
export * from './options.js';
