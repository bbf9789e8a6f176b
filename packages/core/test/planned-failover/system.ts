export { begin, withoutTime } from './begin.js';
export { choices } from './choices.js';
export { apply } from './happenings.js';
export * from './model.js';
